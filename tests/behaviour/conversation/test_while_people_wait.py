"""In the queue the bot answers what it is sure of, the rest is added to the case, and the place in line is kept."""

from __future__ import annotations

from support.shop import Shop
from support.talks import (
    HOURS,
    ODD,
    PERSON,
    RETURNS,
    UNSURE,
    answer,
    decided,
    event_types,
    handed_to,
    linked,
    open_case,
    open_cases,
    phrase,
)

from bot.domain.cases import CaseState
from bot.domain.messages import Author, Kind, Owner, Reason

ENDINGS = {
    "zh": ("算了", "不用了", "取消人工", "算了，不用了", "没事了谢谢", "自己解決了", "算了不用了我自己查到了"),
    "en": ("never mind", "cancel", "Ok it works now, thanks"),
}
ACKNOWLEDGED = (
    *("知道了", "我知道了", "没事", "没事没事", "没关系", "好的没问题", "明白了", "收到", "不急"),
    *("好的，等你们", "辛苦了"),
    *("it's ok", "that's fine", "all good", "no problem", "got it", "sure, take your time", "no worries"),
)


def cancelled(shop: Shop, language: str = "zh") -> str:
    return phrase(shop, "handoff.cancelled", language)


def place(shop: Shop, customer: str) -> int:
    return [line.id for line in shop.waiting()].index(open_case(shop, customer)) + 1


def authors(shop: Shop, customer: str) -> list[Author]:
    return [line.author for line in shop.case(open_case(shop, customer)).said]


def test_what_the_bot_is_sure_of_is_answered_in_place_and_the_place_in_line_kept(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    shop.clock.move(1)
    shop.hears("bob", ODD)
    for asked, entry in ((RETURNS, "return-goods"), ("怎么开发票", "invoice-request")):
        assert shop.hears("alice", asked) == answer(shop, entry)
    assert (place(shop, "alice"), place(shop, "bob")) == (1, 2)
    assert [line.state for line in shop.waiting()] == [CaseState.WAITING] * 2
    view = shop.case(open_case(shop, "alice"))
    assert [talk.owner for talk in view.conversations] == [Owner.QUEUE]
    assert [line.entry for line in view.said if line.author is Author.BOT] == ["return-goods", "invoice-request"]


def test_also_after_hours_what_is_sure_is_answered(shop: Shop) -> None:
    shop.clock.move(12 * 3_600)
    assert shop.hears("alice", PERSON) is not None
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods")
    assert len(open_cases(shop, "alice")) == 1


def test_what_the_bot_is_not_sure_of_is_added_to_the_case_with_one_notice(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    notice = phrase(shop, "handoff.still_waiting", position=1)
    assert [shop.hears("alice", text) for text in (ODD, UNSURE, "盖子上的字是谁写的")] == [notice, None, None]
    assert shop.hears("alice", "", kind=Kind.IMAGE) is None
    assert len(shop.waiting()) == 1
    assert Author.BOT not in authors(shop, "alice")
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods"), "and the bot goes on answering"


def test_a_customer_who_acknowledges_the_wait_keeps_the_place_in_line(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    case = open_case(shop, "alice")
    for words in ACKNOWLEDGED:
        assert cancelled(shop) != shop.hears("alice", words) != cancelled(shop, "en"), words
        assert open_cases(shop, "alice") == [case], words


def test_small_words_in_the_queue(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    assert [shop.hears("alice", text) for text in ("稍等", "嗯", "好的", "👍")] == [None] * 4
    assert shop.hears("alice", "谢谢") == answer(shop, "thanks")
    assert shop.hears("alice", "谢谢") is None
    assert len(shop.waiting()) == 1


def test_who_asks_in_the_queue_whether_somebody_is_there_hears_about_the_wait(shop: Shop) -> None:
    for greeting in ("你好", "有人吗", "hello"):
        shop.hears(greeting, PERSON)
        assert shop.hears(greeting, greeting) == phrase(shop, "handoff.still_waiting", position=place(shop, greeting))
        assert shop.hears(greeting, greeting) is None
    shop.hears("zoe", PERSON, "square", thread="post-1")
    assert shop.hears("zoe", "有人吗", "square", thread="post-1") is None


def test_a_number_in_the_queue_is_for_the_person(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    assert shop.hears("alice", "20261130") == phrase(shop, "handoff.still_waiting", position=1)
    assert "20261130" in [line.text for line in shop.case(open_case(shop, "alice")).said]


def test_never_mind_ends_a_case_that_nobody_has_claimed(shop: Shop) -> None:
    for language, endings in ENDINGS.items():
        for ending in endings:
            shop.hears(ending, {"zh": PERSON, "en": "I want to talk to a person"}[language])
            case = open_case(shop, ending)
            assert shop.hears(ending, ending) == cancelled(shop, language)
            assert shop.case(case).line.state is CaseState.WITHDRAWN
            assert event_types(shop, ending).count("cancelled") == 1
    assert shop.waiting() == []


def test_the_desk_sees_that_the_customer_ended_the_case(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    case = open_case(shop, "alice")
    shop.hears("alice", "算了")
    view = shop.case(case)
    assert ("cancelled", "customer") in [(event.type, event.actor) for event in view.events]
    assert view.line.waiting_since == 0
    shop.clock.move(3_600)
    shop.sweep()
    assert shop.sent_to("alice") == [], "nothing more is said about the wait"


def test_after_a_withdrawal_the_bot_answers_and_a_new_question_opens_a_new_case(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    first = open_case(shop, "alice")
    shop.hears("alice", "不用了")
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods")
    assert shop.waiting() == []
    shop.hears("alice", ODD)
    assert open_case(shop, "alice") != first
    assert [line.reason for line in shop.waiting()] == [Reason.UNSURE]


def test_a_withdrawal_moves_the_others_up(shop: Shop) -> None:
    for customer in ("alice", "bob"):
        shop.hears(customer, PERSON)
        shop.clock.move(1)
    shop.hears("alice", "算了")
    assert place(shop, "bob") == 1


def test_never_mind_does_not_end_a_case_that_an_agent_has(shop: Shop) -> None:
    anna = shop.agent("anna")
    case = handed_to(shop, "alice", anna)
    for ending in ("算了", "取消人工", "never mind"):
        assert shop.hears("alice", ending) is None
    assert shop.case(case).line.state is CaseState.CLAIMED
    assert "cancelled" not in event_types(shop)


def test_never_mind_without_a_case_is_heard_and_that_is_all(shop: Shop) -> None:
    assert shop.hears("alice", "算了") == phrase(shop, "talk.fine")
    assert shop.hears("alice", "不用了") is None
    assert shop.waiting() == []


def test_another_channel_that_joins_the_case_is_answered_there_and_can_end_it(shop: Shop) -> None:
    linked(shop, "alice", 1, "tea")
    linked(shop, "alice-at-square", 1, "square")
    shop.hears("alice", PERSON)
    case = open_case(shop, "alice")
    assert shop.hears("alice-at-square", RETURNS, "square") == answer(shop, "return-goods")
    assert shop.case(case).line.state is CaseState.WAITING
    assert len(shop.waiting()) == 1
    assert shop.hears("alice-at-square", "算了", "square") == cancelled(shop)
    assert shop.case(case).line.state is CaseState.WITHDRAWN
    assert shop.waiting() == []
    assert shop.hears("alice", HOURS) is not None
    assert decided(shop, "alice")["decision"] == "Answer"


def test_a_channel_that_never_wrote_since_can_end_the_case_of_another(shop: Shop) -> None:
    linked(shop, "alice", 1, "tea")
    linked(shop, "alice-at-square", 1, "square")
    shop.hears("alice", PERSON)
    case = open_case(shop, "alice")
    assert shop.hears("alice-at-square", "取消人工", "square") == cancelled(shop)
    assert shop.case(case).line.state is CaseState.WITHDRAWN
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods")
    assert shop.waiting() == []


def test_in_a_public_thread_never_mind_ends_the_case_too(shop: Shop) -> None:
    shop.hears("alice", PERSON, "square", thread="post-1")
    case = open_case(shop, "alice")
    assert shop.hears("alice", "不用了", "square", thread="post-1") == cancelled(shop)
    assert shop.case(case).line.state is CaseState.WITHDRAWN


def test_an_account_that_cannot_send_says_the_same(shop: Shop) -> None:
    shop.hears("alice", PERSON, "counter")
    assert shop.hears("alice", RETURNS, "counter") == answer(shop, "return-goods")
    assert shop.hears("alice", "算了", "counter") == cancelled(shop)
    assert shop.waiting() == []
