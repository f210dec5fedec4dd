"""Accounts without an active API answer only when asked: DESIGN section 2, rule 6."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support.shop import Shop

from bot.domain.messages import Conversation, Inbound, Kind, Limits, OutboxState
from bot.pending import DEADLINE_PASSED
from bot.text import new_id


def asks(text: str, key: str | None = None) -> Inbound:
    return Inbound("counter", "alice", key or new_id(), Kind.TEXT, text)


def test_attempts_one_and_two_are_left_unanswered_and_the_third_tells_how_to_fetch(shop: Shop) -> None:
    inbound = asks("怎么退货？")
    replies = [shop.run(late(shop, inbound)) for _ in range(3)]
    assert replies[:2] == [DEADLINE_PASSED, DEADLINE_PASSED]
    assert isinstance(replies[2], bytes)
    assert "1" in replies[2].decode()


def test_attempts_after_the_third_get_the_same_text_and_it_is_stored_once(shop: Shop) -> None:
    inbound = asks("怎么退货？")
    *_, third, fourth, fifth = (shop.run(late(shop, inbound)) for _ in range(5))
    assert third == fourth == fifth
    assert isinstance(third, bytes)
    shop.hears("alice", "转人工", "counter")
    said = [line.text for line in shop.case(shop.waiting()[0].id).said]
    assert said.count(third.decode()) == 1


@pytest.mark.parametrize(("attempts", "word", "told"), [(2, "收信", True), (2, "", False)])
def test_the_channel_decides_the_number_of_attempts_and_the_fetch_word(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, attempts: int, word: str, told: bool
) -> None:
    limits = shop.counter.limits

    def other(conversation: Conversation, now: float) -> Limits:
        return replace(limits(conversation, now), attempts=attempts, fetch_word=word)

    monkeypatch.setattr(shop.counter, "limits", other)
    inbound = asks("怎么退货？")
    assert shop.run(late(shop, inbound)) is DEADLINE_PASSED
    assert isinstance(shop.run(late(shop, inbound)), bytes) is told
    usual = shop.hears("bob", "怎么退货？", "counter")
    fetched = shop.hears("alice", "收信", "counter")
    assert fetched is not None
    assert (fetched == usual) is told  # else the word is a message like any other, and the answer comes before its own


async def late(shop: Shop, inbound: Inbound) -> object:
    """An attempt that runs out of time before the turn is done."""
    from bot.pending import PendingResponse

    offer = PendingResponse(lambda reply: reply.text.encode(), asyncio.get_running_loop().time())
    reply = await shop.yingda.journey.handle(inbound, offer)
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
    assert shop.run(late(shop, inbound)) is DEADLINE_PASSED
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


def test_replies_that_do_not_fit_are_fetched_with_another_one(shop: Shop) -> None:
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
