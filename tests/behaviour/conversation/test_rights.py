"""Stop, unlink, unfollow: carried out whoever has the conversation, confirmed once by the system, seen by the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import select
from support.shop import Shop
from support.talks import (
    PERSON,
    RETURNS,
    answer,
    asked_for_code,
    event_types,
    handed_to,
    is_known,
    is_member,
    linked,
    open_case,
    phrase,
    rows,
    said_by_machine,
    silenced,
)

from bot.domain.cases import CaseState
from bot.domain.messages import Author, Inbound, Kind, OutboxState, Owner
from bot.pending import PendingResponse
from bot.stores.sql.schema import outbox
from bot.text import new_id

STOP, UNLINK = "退订", "解绑"


def with_bot(shop: Shop, customer: str) -> None:
    shop.hears(customer, RETURNS)


def in_queue(shop: Shop, customer: str) -> None:
    shop.hears(customer, PERSON)


def with_agent(shop: Shop, customer: str) -> None:
    handed_to(shop, customer, shop.agent("anna"))


def closed(shop: Shop, customer: str) -> None:
    anna = shop.agent("anna")
    shop.run(shop.cases.resolve(handed_to(shop, customer, anna), anna))


STATES = (with_bot, in_queue, with_agent, closed)
state = pytest.mark.parametrize("begins", STATES, ids=[one.__name__ for one in STATES])


@state
def test_a_stop_is_carried_out_and_confirmed_once(shop: Shop, begins: Callable[[Shop, str], None]) -> None:
    begins(shop, "alice")
    before = len(said_by_machine(shop, "alice"))
    confirmed = phrase(shop, "rights.stopped")
    assert shop.hears("alice", STOP) == confirmed
    assert silenced(shop, "alice")
    shop.clock.move(3_600)
    shop.sweep()
    assert said_by_machine(shop, "alice")[before:] == [("system", confirmed)]


@state
def test_unlinking_is_carried_out_and_confirmed_once(shop: Shop, begins: Callable[[Shop, str], None]) -> None:
    linked(shop, "alice")
    begins(shop, "alice")
    before = len(said_by_machine(shop, "alice"))
    confirmed = phrase(shop, "link.unlinked")
    assert shop.hears("alice", UNLINK) == confirmed
    assert not is_member(shop, "alice")
    assert said_by_machine(shop, "alice")[before:] == [("system", confirmed)]
    assert event_types(shop, "alice").count("unlinked") == 1


def test_the_agent_sees_that_a_right_was_exercised_and_keeps_the_case(shop: Shop) -> None:
    anna = shop.agent("anna")
    linked(shop, "alice")
    case = handed_to(shop, "alice", anna)
    for text in (UNLINK, STOP):
        shop.hears("alice", text)
    view = shop.case(case)
    assert view.line.state is CaseState.CLAIMED
    assert view.line.agent == anna.id
    assert [event.type for event in view.events][-2:] == ["unlinked", "opted_out"]
    assert [line.author for line in view.said][-4:] == [Author.CUSTOMER, Author.SYSTEM] * 2
    shop.replies(anna, case, "您好")
    assert shop.sent_to("alice") == ["您好"], "what a person writes still goes out"


def test_in_the_queue_the_case_goes_on_waiting(shop: Shop) -> None:
    linked(shop, "alice")
    shop.hears("alice", PERSON)
    case = open_case(shop, "alice")
    for text in (UNLINK, STOP):
        shop.hears("alice", text)
    assert [(talk.owner, shop.case(case).line.state) for talk in shop.case(case).conversations] == [
        (Owner.QUEUE, CaseState.WAITING)
    ]


def test_a_stop_in_public_is_carried_out_without_one_more_post(shop: Shop) -> None:
    shop.hears("alice", RETURNS, "square", thread="post-1")
    assert shop.hears("alice", STOP, "square", thread="post-1") is None
    assert silenced(shop, "alice")
    assert shop.square.sent == []


def test_unlinking_in_public_is_carried_out_and_confirmed_in_private(shop: Shop) -> None:
    linked(shop, "alice", 1, "square")
    shop.hears("alice", UNLINK, "square", thread="post-1")
    assert not is_member(shop, "alice")
    confirmed = phrase(shop, "link.unlinked")
    assert [(one.thread, one.text) for one in shop.square.sent if confirmed in one.text] == [("", confirmed)]


def test_after_a_stop_the_next_message_opens_the_conversation_again(shop: Shop) -> None:
    shop.hears("alice", STOP)
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods")
    assert not silenced(shop, "alice")


def test_a_stop_holds_on_every_account_of_the_customer(shop: Shop) -> None:
    linked(shop, "alice", 1, "tea")
    linked(shop, "alice-at-square", 1, "square")
    shop.hears("alice", STOP)
    assert silenced(shop, "alice-at-square")


def test_a_stop_ends_what_was_going_on(shop: Shop) -> None:
    asked_for_code(shop, "alice")
    shop.hears("alice", STOP)
    shop.hears("alice", RETURNS)
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods"), "and the code is not asked for again"


def test_a_question_about_stopping_or_unlinking_is_no_order(shop: Shop) -> None:
    linked(shop, "alice")
    for text in ("怎么停止自动续费", "解绑之后积分还在吗", "why did you stop selling oolong?"):
        shop.hears("alice", text)
    assert is_member(shop, "alice")
    assert not silenced(shop, "alice")


def test_points_that_wait_to_be_fetched_are_not_said_after_an_unlink(shop: Shop) -> None:
    linked(shop, "alice", 1, "counter")
    points = str(shop.hears("alice", "我有多少积分", "counter"))
    _late(shop, Inbound("counter", "alice", new_id(), Kind.TEXT, "我有多少积分"))
    assert _states(shop, points) == [OutboxState.OFFERED, OutboxState.WAITING]
    assert shop.hears("alice", UNLINK, "counter") == phrase(shop, "link.unlinked")
    assert _states(shop, points)[-1] == OutboxState.CANCELLED
    assert points not in str(shop.hears("alice", "1", "counter"))


def test_points_that_are_about_to_be_sent_are_not_said_after_an_unlink(shop: Shop) -> None:
    linked(shop, "alice")
    points = str(shop.hears("alice", "我有多少积分"))
    _late(shop, Inbound("tea", "alice", new_id(), Kind.TEXT, "我有多少积分"))
    said = shop.hears("alice", UNLINK)
    assert said == phrase(shop, "link.unlinked")
    assert shop.sent_to("alice") == []
    assert _states(shop, points)[-1] == OutboxState.CANCELLED


def _late(shop: Shop, inbound: Inbound) -> None:
    """The request is gone when its answer is ready."""

    async def story() -> None:
        offer = PendingResponse(lambda reply: reply.text.encode(), asyncio.get_running_loop().time())
        await shop.yingda.journey.handle(inbound, offer)
        await shop.yingda.journey.finish(5)

    shop.run(story())


def _states(shop: Shop, text: str) -> list[str]:
    said = select(outbox.c.state).where(outbox.c.text == text).order_by(outbox.c.seq)
    return [row.state for row in rows(shop, said)]


@pytest.mark.parametrize("begins", STATES[1:3], ids=["in_queue", "with_agent"])
def test_who_unfollows_is_forgotten_also_while_a_person_has_the_case(
    shop: Shop, begins: Callable[[Shop, str], None]
) -> None:
    begins(shop, "alice")
    case = open_case(shop, "alice")
    shop.hears("alice", "", kind=Kind.UNFOLLOW)
    assert not is_known(shop, "alice")
    assert shop.case(case).line.state is CaseState.WITHDRAWN
    assert shop.waiting() == []
    assert shop.sent_to("alice") == []


def test_what_a_person_wrote_is_still_fetched_after_an_unlink(shop: Shop) -> None:
    anna = shop.agent("anna")
    linked(shop, "alice", 1, "counter")
    case = handed_to(shop, "alice", anna, "counter")
    shop.replies(anna, case, "您好，我是安娜", OutboxState.WAITING)
    _late(shop, Inbound("counter", "alice", new_id(), Kind.TEXT, UNLINK))
    fetched = str(shop.hears("alice", "1", "counter"))
    assert fetched.startswith("您好，我是安娜")
    assert phrase(shop, "link.unlinked") in fetched, "what confirms it waits, too, where the account cannot send"


def test_a_confirmation_that_came_too_late_is_fetched_with_the_next_message(shop: Shop) -> None:
    shop.hears("alice", RETURNS, "counter")
    _late(shop, Inbound("counter", "alice", new_id(), Kind.TEXT, STOP))
    assert shop.hears("alice", "1", "counter") == phrase(shop, "rights.stopped")
