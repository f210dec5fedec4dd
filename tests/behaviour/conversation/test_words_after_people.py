"""Once people are done, the bot says so in one sentence; what was asked meanwhile is answered or said to be open."""

from __future__ import annotations

import pytest
from support.shop import Shop
from support.talks import (
    ODD,
    PERSON,
    PIECE,
    RETURNS,
    answer,
    handed_to,
    linked,
    open_case,
    phrase,
    said_by_machine,
    swept_by_two_processes_at_once,
)

from bot.domain.cases import StaffMember
from bot.domain.messages import Kind

RETURNED, RESOLVED = "hand_back", "resolve"
ENDS = {RETURNED: "people.returned", RESOLVED: "people.resolved"}
ends = pytest.mark.parametrize("how", ENDS)


def ended(shop: Shop, how: str, case: str, by: StaffMember) -> None:
    """The agent is done, and the bot has its turn."""
    shop.run(shop.cases.hand_back(case, by) if how == RETURNED else shop.cases.resolve(case, by))
    shop.sweep()


def open_question(shop: Shop, asked: str) -> str:
    return phrase(shop, "people.open", question=asked)


@ends
def test_that_people_are_done_is_said_in_one_sentence_once(shop: Shop, how: str) -> None:
    anna = shop.agent("anna")
    ended(shop, how, handed_to(shop, "alice", anna), anna)
    for _ in range(3):
        shop.clock.move(60)
        shop.sweep()
    assert shop.sent_to("alice") == [phrase(shop, ENDS[how])]
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods")


@ends
def test_what_was_asked_meanwhile_is_answered_if_the_bot_is_sure(shop: Shop, how: str) -> None:
    anna = shop.agent("anna")
    case = handed_to(shop, "alice", anna)
    assert shop.hears("alice", "怎么开发票") is None
    ended(shop, how, case, anna)
    assert shop.sent_to("alice") == [f"{phrase(shop, ENDS[how])}\n\n{answer(shop, 'invoice-request')}"]
    assert shop.hears("alice", "谢谢") == answer(shop, "thanks")


@ends
def test_what_the_bot_cannot_answer_is_quoted_as_open(shop: Shop, how: str) -> None:
    anna = shop.agent("anna")
    case = handed_to(shop, "alice", anna)
    shop.hears("alice", f"{ODD}？")
    ended(shop, how, case, anna)
    assert shop.sent_to("alice") == [f"{phrase(shop, ENDS[how])}\n\n{open_question(shop, f'{ODD}？')}"]
    assert shop.waiting() == []


@ends
def test_of_several_questions_each_is_answered_or_quoted(shop: Shop, how: str) -> None:
    anna = shop.agent("anna")
    case = handed_to(shop, "alice", anna)
    for asked in ("怎么开发票", "嗯", ODD):
        shop.hears("alice", asked)
    ended(shop, how, case, anna)
    parts = (phrase(shop, ENDS[how]), answer(shop, "invoice-request"), open_question(shop, ODD))
    assert shop.sent_to("alice") == ["\n\n".join(parts)]


def test_nods_and_what_the_agent_answered_are_not_open(shop: Shop) -> None:
    anna = shop.agent("anna")
    case = handed_to(shop, "alice", anna)
    shop.hears("alice", f"{ODD}？")
    shop.replies(anna, case, "因为画师喜欢")
    for nod in ("嗯", "好的", "谢谢"):
        shop.hears("alice", nod)
    ended(shop, RESOLVED, case, anna)
    assert shop.sent_to("alice")[1:] == [phrase(shop, "people.resolved")]


def test_a_long_question_is_quoted_in_short(shop: Shop) -> None:
    anna = shop.agent("anna")
    case = handed_to(shop, "alice", anna)
    shop.hears("alice", f"{ODD}，{'真的很想知道' * 20}？")
    ended(shop, RETURNED, case, anna)
    (said,) = shop.sent_to("alice")
    assert f"“{ODD}" in said
    assert "真的很想知道" * 6 not in said


def test_a_question_while_a_case_waited_unclaimed_is_open_for_the_person_who_resolved_it(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    shop.hears("alice", ODD)
    ended(shop, RESOLVED, open_case(shop, "alice"), shop.agent("anna"))
    assert shop.sent_to("alice") == [phrase(shop, "people.resolved")]


def test_a_withdrawal_says_its_own_sentence_and_nothing_after_it(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    assert shop.hears("alice", "算了") == phrase(shop, "handoff.cancelled")
    shop.clock.move(60)
    shop.sweep()
    assert shop.sent_to("alice") == []


@ends
def test_two_processes_that_sweep_at_once_say_it_once(shop: Shop, how: str) -> None:
    anna = shop.agent("anna")
    case = handed_to(shop, "alice", anna)
    shop.run(shop.cases.hand_back(case, anna) if how == RETURNED else shop.cases.resolve(case, anna))
    swept_by_two_processes_at_once(shop)
    assert shop.sent_to("alice") == [phrase(shop, ENDS[how])]


@ends
def test_nothing_is_said_to_somebody_who_opted_out(shop: Shop, how: str) -> None:
    anna = shop.agent("anna")
    case = handed_to(shop, "alice", anna)
    shop.hears("alice", "退订")
    ended(shop, how, case, anna)
    assert shop.sent_to("alice") == []


@ends
def test_nothing_is_said_in_public_or_to_who_only_spoke_about_us(shop: Shop, how: str) -> None:
    anna = shop.agent("anna")
    case = handed_to(shop, "alice", anna, "square", "post-1")
    before = len(shop.square.sent)
    shop.hears("alice", f"{ODD}？", "square", thread="post-1")
    ended(shop, how, case, anna)
    shop.hears("bob", "云杉茶的罐子漏了，太差了，骗子，再也不买", "square", thread=Kind.OVERHEARD.value)
    for overheard in [line.id for line in shop.waiting()]:
        ended(shop, how, overheard, anna)
    assert shop.square.sent[before:] == []


def test_a_nod_before_the_bot_has_spoken_does_not_lose_the_open_question(shop: Shop) -> None:
    anna = shop.agent("anna")
    case = handed_to(shop, "alice", anna)
    shop.hears("alice", f"{ODD}？")
    shop.run(shop.cases.hand_back(case, anna))
    assert shop.hears("alice", "嗯") is None
    shop.clock.move(1)
    shop.sweep()
    assert shop.sent_to("alice") == [f"{phrase(shop, 'people.returned')}\n\n{open_question(shop, f'{ODD}？')}"]


def test_who_writes_before_the_bot_has_spoken_is_answered(shop: Shop) -> None:
    anna = shop.agent("anna")
    shop.run(shop.cases.hand_back(handed_to(shop, "alice", anna), anna))
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods")
    shop.sweep()
    assert shop.sent_to("alice") == []


def test_an_account_that_cannot_send_says_it_with_the_next_response(shop: Shop) -> None:
    anna = shop.agent("anna")
    ended(shop, RETURNED, handed_to(shop, "alice", anna, "counter"), anna)
    assert shop.counter.sent == []
    said = str(shop.hears("alice", RETURNS, "counter"))
    assert said == f"{phrase(shop, 'people.returned')}\n\n{answer(shop, 'return-goods')}"


def test_of_the_conversations_of_a_case_it_is_said_where_the_customer_spoke_last(shop: Shop) -> None:
    anna = shop.agent("anna")
    linked(shop, "alice", 1, "tea")
    linked(shop, "alice-at-square", 1, "square")
    case = handed_to(shop, "alice", anna)
    shop.clock.move(1)
    shop.hears("alice-at-square", PIECE, "square")
    before = len(said_by_machine(shop, "alice"))
    ended(shop, RESOLVED, case, anna)
    assert shop.sent_to("alice-at-square", shop.square) == [phrase(shop, "people.resolved")]
    assert len(said_by_machine(shop, "alice")) == before
