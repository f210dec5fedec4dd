"""People pause, ask, mistype and paste while they prove who they are: linking is not lost, and no case comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from support.shop import Shop
from support.talks import (
    OFFERED,
    PERSON,
    RETURNS,
    UNSURE,
    answer,
    asked_for_code,
    code_texted,
    is_member,
    open_case,
    phone,
    phrase,
)

from bot.domain.cases import CaseState
from bot.domain.messages import Inbound, Kind
from bot.text import new_id

ASKED_FOR = {"member": "link.ask_member", "code": "link.ask_code"}
steps = pytest.mark.parametrize("step", ASKED_FOR)
MINUTE = 60.0


def at(shop: Shop, step: str, customer: str = "alice", number: int = 1) -> None:
    """The customer is at this step: asked for their number, or for the code."""
    if step == "code":
        asked_for_code(shop, customer, number)
    else:
        shop.hears(customer, "查积分")


def finishes(shop: Shop, step: str, customer: str = "alice", number: int = 1) -> bool:
    """Whether the customer, from this step on, is linked without asking anew."""
    if step == "member":
        shop.hears(customer, phone(number))
    shop.hears(customer, code_texted(shop))
    return is_member(shop, customer)


def digits(code: str, first: str) -> str:
    """A code in another writing, whose zero is `first`."""
    return "".join(chr(ord(first) + int(digit)) for digit in code)


@steps
def test_a_moment_is_given_and_linking_goes_on(shop: Shop, step: str) -> None:
    at(shop, step)
    for text in ("稍等", "等一下，我看看手机", "one sec", "我去找下手机"):
        assert shop.hears("alice", text) == phrase(shop, "link.take_your_time")
    assert finishes(shop, step)


@steps
def test_a_question_in_between_is_answered_and_then_the_step_asked_again(shop: Shop, step: str) -> None:
    at(shop, step)
    for asked, entry in ((RETURNS, "return-goods"), ("多久能到", "delivery-time")):
        assert shop.hears("alice", asked) == f"{answer(shop, entry)}\n\n{phrase(shop, ASKED_FOR[step])}"
    assert shop.waiting() == []
    assert finishes(shop, step)


@steps
def test_what_is_asked_back_in_between_is_chosen_by_its_number(shop: Shop, step: str) -> None:
    at(shop, step)
    shop.hears("alice", UNSURE)
    assert shop.hears("alice", "2") == f"{answer(shop, OFFERED[1])}\n\n{phrase(shop, ASKED_FOR[step])}"
    assert finishes(shop, step)


@steps
def test_who_asks_why_hears_why_and_is_asked_again(shop: Shop, step: str) -> None:
    at(shop, step)
    for asked in ("为什么要手机号", "安全吗", "会不会泄露我的隐私"):
        assert shop.hears("alice", asked) == f"{phrase(shop, 'link.why')}\n{phrase(shop, ASKED_FOR[step])}"
    assert shop.hears("alice", "why do you need it") == "\n".join(
        (phrase(shop, "link.why", "en"), phrase(shop, ASKED_FOR[step], "en"))
    )
    assert finishes(shop, step)


def test_a_code_that_did_not_come_is_sent_again_with_what_is_left_until_nothing_is(shop: Shop) -> None:
    asked_for_code(shop, "alice")
    for left, text in zip((3, 2, 1, 0), ("没收到", "还是没收到短信", "再发一次", "resend"), strict=True):
        assert shop.hears("alice", text) == phrase(shop, "link.sent_again", left=left)
    assert len(shop.texts.sent) == 5
    assert shop.hears("alice", "没收到") == phrase(shop, "link.codes_spent")
    assert len(shop.texts.sent) == 5
    assert shop.waiting() == []
    shop.clock.move(86_401)
    asked_for_code(shop, "alice")
    assert len(shop.texts.sent) == 6, "a day later it can be tried again"


def test_only_the_newest_code_counts_after_one_was_sent_again(shop: Shop) -> None:
    first = asked_for_code(shop, "alice")
    shop.hears("alice", "没收到")
    assert first != code_texted(shop)
    shop.hears("alice", first)
    assert not is_member(shop, "alice")
    assert finishes(shop, "code")


def test_what_is_no_number_is_asked_for_again(shop: Shop) -> None:
    at(shop, "member")
    for typed in ("12", "123", "一百三十八", "12345678901234567890"):
        assert shop.hears("alice", typed) == phrase(shop, "link.ask_again")
    assert finishes(shop, "member")


@steps
def test_cancel_ends_linking_and_nothing_else(shop: Shop, step: str) -> None:
    shop.hears("alice", PERSON)
    case = open_case(shop, "alice")
    at(shop, step)
    assert shop.hears("alice", "取消") == phrase(shop, "link.cancelled")
    assert shop.case(case).line.state is CaseState.WAITING
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods"), "and no step is asked for again"


def test_never_mind_ends_linking_first_and_the_case_next(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    case = open_case(shop, "alice")
    at(shop, "code")
    assert shop.hears("alice", "算了") == phrase(shop, "link.cancelled")
    assert shop.case(case).line.state is CaseState.WAITING
    assert shop.hears("alice", "算了") == phrase(shop, "handoff.cancelled")
    assert shop.case(case).line.state is CaseState.WITHDRAWN


def test_after_a_pause_the_expired_code_is_said_to_be_and_a_new_one_sent_at_once(shop: Shop) -> None:
    old = asked_for_code(shop, "alice")
    shop.clock.move(15 * MINUTE)
    assert shop.hears("alice", old) == phrase(shop, "link.renewed")
    assert len(shop.texts.sent) == 2
    assert old != code_texted(shop)
    assert finishes(shop, "code")


def test_whoever_pauses_before_giving_a_number_is_still_understood(shop: Shop) -> None:
    at(shop, "member")
    shop.clock.move(15 * MINUTE)
    assert finishes(shop, "member")


NUMBERS: tuple[Callable[[str], str], ...] = (
    lambda number: digits(number, "０"),
    lambda number: f"\u202d{number}\u202c",
    lambda number: f"{number[:3]} {number[3:7]} {number[7:]}",
    lambda number: f"+86-{number}",
    lambda number: "".join("零幺二三四五六七八九"[int(digit)] for digit in number),
    lambda number: f"我的手机号是{number}，谢谢",
    lambda number: f"　{number}\u200b。",
)
CODES: tuple[Callable[[str], str], ...] = (
    lambda code: digits(code, "０"),
    lambda code: f"\u2066{code}\u2069",
    lambda code: f"{code[:3]} {code[3:]}",
    lambda code: "".join("零幺二三四五六七八九"[int(digit)] for digit in code),
    lambda code: f"验证码是{code}",
    lambda code: f"【云杉茶】您的验证码是 {code}，5 分钟内有效。请勿告诉他人。",
    lambda code: f"Your code is {code}, thanks",
    lambda code: f"收到了，是{code}",
    lambda code: f"<b>{code}</b>",
    lambda code: f"{code}👍",
)


def test_a_number_is_read_however_it_is_written(shop: Shop) -> None:
    for number, written in enumerate(NUMBERS, 1):
        customer = f"customer {number}"
        shop.hears(customer, "查积分")
        shop.hears(customer, written(phone(number)))
        assert shop.texts.sent[-1].phone == phone(number), written(phone(number))


def test_a_code_is_read_in_any_writing_and_with_text_around_it(shop: Shop) -> None:
    for number, written in enumerate(CODES, 1):
        customer = f"customer {number}"
        code = asked_for_code(shop, customer, number)
        shop.hears(customer, written(code))
        assert is_member(shop, customer), written(code)
    assert shop.waiting() == []


NONSENSE = ("<script>alert(1)</script>", "<b>", "😀", "。", "啊", "\u200b", "’; DROP TABLE members; --")


@steps
def test_nonsense_neither_breaks_linking_nor_becomes_a_case(shop: Shop, step: str) -> None:
    for number, text in enumerate(NONSENSE, 1):
        at(shop, step, text, number)
        shop.hears(text, text)
        assert [line.reason for line in shop.waiting()] == [], text
        assert finishes(shop, step, text, number), text


@steps
def test_what_a_person_has_to_look_at_goes_to_one_and_linking_goes_on(shop: Shop, step: str) -> None:
    for number, (text, kind) in enumerate((("", Kind.IMAGE), ("茶" * 2_000, Kind.TEXT), ("1 " * 1_000, Kind.TEXT)), 1):
        customer = f"customer {number}"
        at(shop, step, customer, number)
        assert shop.hears(customer, text, kind=kind) is not None
        assert finishes(shop, step, customer, number)
        assert len(shop.waiting()) <= number


def test_the_same_message_ten_times_in_a_second_links_once(shop: Shop) -> None:
    code = asked_for_code(shop, "alice")

    async def impatient() -> None:
        one = [Inbound("tea", "alice", "the same key", Kind.TEXT, code) for _ in range(5)]
        other = [Inbound("tea", "alice", new_id(), Kind.TEXT, code) for _ in range(5)]
        await asyncio.gather(*(shop.answered(each) for each in (*one, *other)))

    shop.run(impatient())
    shop.deliver()
    assert is_member(shop, "alice")
    assert shop.waiting() == []


def test_the_same_number_ten_times_in_a_second_texts_no_more_than_the_limit(shop: Shop) -> None:
    at(shop, "member")

    async def impatient() -> None:
        said = (Inbound("tea", "alice", new_id(), Kind.TEXT, phone(1)) for _ in range(10))
        await asyncio.gather(*(shop.answered(each) for each in said))

    shop.run(impatient())
    shop.deliver()
    assert 1 <= len(shop.texts.sent) <= 5
    assert shop.waiting() == []


def test_a_code_that_comes_while_an_agent_has_the_case_counts_when_they_are_done(shop: Shop) -> None:
    anna = shop.agent("anna")
    shop.hears("alice", PERSON)
    code = asked_for_code(shop, "alice")
    case = open_case(shop, "alice")
    shop.claims(anna, case)
    assert shop.hears("alice", code) is None
    assert not is_member(shop, "alice")
    shop.run(shop.cases.hand_back(case, anna))
    shop.clock.move(1)
    shop.sweep()
    assert finishes(shop, "code")
