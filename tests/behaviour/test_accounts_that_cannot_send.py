"""Accounts without an active API answer only when asked: DESIGN section 2, rule 6."""

from __future__ import annotations

import asyncio

from shop import Shop

from bot.messages import Inbound, Kind, OutboxState
from bot.offers import LATE
from bot.wording import new_id


def asks(text: str, key: str | None = None) -> Inbound:
    return Inbound("counter", "alice", key or new_id(), Kind.TEXT, text)


def test_attempts_one_and_two_are_left_unanswered_and_the_third_tells_how_to_fetch(shop: Shop) -> None:
    inbound = asks("怎么退货？")
    replies = [shop.run(late(shop, inbound)) for _ in range(3)]
    assert replies[:2] == [LATE, LATE]
    assert isinstance(replies[2], bytes)
    assert "1" in replies[2].decode()


def test_who_asks_more_often_than_three_times_hears_the_same_and_it_is_said_once(shop: Shop) -> None:
    inbound = asks("怎么退货？")
    *_, third, fourth, fifth = (shop.run(late(shop, inbound)) for _ in range(5))
    assert third == fourth == fifth
    assert isinstance(third, bytes)
    shop.hears("alice", "转人工", "counter")
    said = [line.text for line in shop.case(shop.waiting()[0].id).said]
    assert said.count(third.decode()) == 1


async def late(shop: Shop, inbound: Inbound) -> object:
    """An attempt that runs out of time before the turn is done."""
    from bot.offers import Offer

    offer = Offer(lambda reply: reply.text.encode(), asyncio.get_running_loop().time())
    reply = await shop.yingda.journey.answer(inbound, offer)
    await shop.yingda.journey.finish(5)
    return reply


def test_a_one_fetches_the_answer_and_nothing_else(shop: Shop) -> None:
    shop.run(late(shop, asks("怎么退货？")))
    usual = shop.hears("bob", "怎么退货？", "counter")
    assert shop.hears("alice", "1", "counter") == usual


def test_any_other_text_releases_the_stored_answer_and_is_understood_as_well(shop: Shop) -> None:
    shop.run(late(shop, asks("怎么退货？")))
    returns = shop.hears("bob", "怎么退货？", "counter")
    hours = shop.hears("bob", "你们几点开门", "counter")
    both = shop.hears("alice", "你们几点开门", "counter")
    assert both == f"{returns}\n\n{hours}"


def test_a_repeat_is_served_the_answer_that_came_too_late_for_the_first_attempt(shop: Shop) -> None:
    inbound = asks("怎么退货？")
    assert shop.run(late(shop, inbound)) is LATE
    usual = shop.hears("bob", "怎么退货？", "counter")
    assert shop.run(shop.answered(inbound)) == usual
    assert shop.hears("alice", "1", "counter") != usual


def test_an_agents_replies_wait_and_go_out_joined(shop: Shop) -> None:
    shop.hears("alice", "转人工", "counter")
    case, anna = shop.waiting()[0], shop.agent("anna")
    shop.claims(anna, case.id)
    shop.replies(anna, case.id, "您好", OutboxState.WAITING)
    shop.replies(anna, case.id, "已经为您处理", OutboxState.WAITING)
    assert shop.counter.sent == []
    assert shop.hears("alice", "好了吗", "counter") == "您好\n\n已经为您处理"
    assert shop.hears("alice", "1", "counter") is None


def test_what_does_not_fit_is_fetched_with_another_one(shop: Shop) -> None:
    shop.hears("alice", "转人工", "counter")
    case, anna = shop.waiting()[0], shop.agent("anna")
    shop.claims(anna, case.id)
    for number in range(3):
        shop.replies(anna, case.id, f"{number}" * 900, OutboxState.WAITING)
    first = shop.hears("alice", "1", "counter")
    assert first is not None
    assert ("0" * 900 in first, "1" * 900 in first, "2" * 900 in first) == (True, True, False)
    assert len(first.encode()) <= 2047
    assert shop.hears("alice", "1", "counter") == "2" * 900
