"""Nothing is lost, doubled or out of order (P1, P2, P3), within one process and across two."""

from __future__ import annotations

import asyncio

import pytest
from support.shop import Shop

from bot.domain.messages import Author, Inbound, Kind, OutboxState
from bot.errors import DeliveryFailed
from bot.pending import PendingResponse
from bot.stores.sql.cases import SqlUndelivered
from bot.text import new_id


def asks(text: str, key: str = "", customer: str = "alice") -> Inbound:
    return Inbound("tea", customer, key or new_id(), Kind.TEXT, text)


def test_a_repeat_gets_the_stored_bytes_and_the_turn_happens_once(shop: Shop) -> None:
    first = shop.hears("alice", "怎么退货？", key="same")
    again = shop.hears("alice", "怎么退货？", key="same")
    assert first == again
    assert first is not None
    shop.hears("alice", "转人工")
    said = shop.case(shop.waiting()[0].id).said
    assert [line.author for line in said] == [Author.CUSTOMER, Author.BOT, Author.CUSTOMER, Author.SYSTEM]


def test_a_repeat_in_flight_shares_the_one_turn(shop: Shop) -> None:
    async def thrice() -> list[object]:
        inbound = asks("怎么退货？", "same")
        return list(await asyncio.gather(*(shop.answered(inbound, 5.0) for _ in range(3))))

    replies = shop.run(thrice())
    assert any(isinstance(reply, str) for reply in replies)
    shop.hears("alice", "转人工")
    assert [line.author for line in shop.case(shop.waiting()[0].id).said].count(Author.BOT) == 1
    assert shop.sent_to("alice") == []


def test_a_repeat_on_another_process_gets_the_same_reply(shop: Shop) -> None:
    first = shop.hears("alice", "怎么退货？", key="same")
    here, shop.yingda = shop.yingda, shop.assembled()
    shop.run(shop.yingda.editions.refresh())
    assert shop.hears("alice", "怎么退货？", key="same") == first
    shop.run(shop.yingda.redis.close())
    shop.yingda = here


def test_messages_sent_in_quick_succession_are_answered_in_order(shop: Shop) -> None:
    async def breath() -> list[object]:
        texts = ("怎么退货？", "你们几点开门", "转人工")
        return list(await asyncio.gather(*(shop.answered(asks(text)) for text in texts)))

    replies = shop.run(breath())
    shop.deliver()
    said = shop.case(shop.waiting()[0].id).said
    assert [line.text for line in said if line.author is Author.CUSTOMER] == ["怎么退货？", "你们几点开门", "转人工"]
    assert [line.text for line in said if line.author is not Author.CUSTOMER] == [reply for reply in replies if reply]


def test_a_late_answer_goes_out_by_the_outbox_and_only_there(shop: Shop) -> None:
    async def gone() -> object:
        offer = PendingResponse(lambda reply: reply.text.encode(), asyncio.get_running_loop().time())
        reply = await shop.yingda.journey.handle(asks("怎么退货？", "late"), offer)
        await shop.yingda.journey.finish(5)
        return reply

    assert shop.run(gone()) is None
    shop.deliver()
    assert len(shop.sent_to("alice")) == 1
    assert shop.hears("alice", "怎么退货？", key="late") is None
    assert len(shop.sent_to("alice")) == 1


def late(shop: Shop, text: str) -> None:
    """A message whose answer no request waits for."""

    async def gone() -> None:
        offer = PendingResponse(lambda reply: reply.text.encode(), asyncio.get_running_loop().time())
        await shop.yingda.journey.handle(asks(text), offer)
        await shop.yingda.journey.finish(5)

    shop.run(gone())


def window_used_up() -> DeliveryFailed:
    return DeliveryFailed("wechat:45047", permanent=True, awaits_customer=True)


def test_late_answers_refused_by_the_platform_travel_before_the_next_answer(shop: Shop) -> None:
    questions = ("怎么退货？", "怎么开发票？", "你们几点开门")
    answers = [shop.hears("bob", question) for question in questions]
    shop.tea.failures += [window_used_up(), window_used_up()]
    for question in questions[:2]:
        late(shop, question)
    shop.deliver()
    assert shop.sent_to("alice") == []
    assert shop.run(SqlUndelivered(shop.database).undelivered(10)) == []
    assert shop.hears("alice", questions[2]) == "\n\n".join(str(answer) for answer in answers)
    assert shop.sent_to("alice") == []


def test_a_claim_cancels_an_answer_that_waits_for_the_customer_to_write_again(shop: Shop) -> None:
    shop.tea.failures += [window_used_up(), window_used_up()]
    for text in ("怎么退货？", "转人工"):
        late(shop, text)
    shop.deliver()
    case = shop.waiting()[0].id
    shop.claims(shop.agent("anna"), case)
    cancelled, kept = (line for line in shop.case(case).said if line.author is not Author.CUSTOMER)
    assert (cancelled.author, cancelled.delivery) == (Author.BOT, OutboxState.CANCELLED)
    assert (kept.author, kept.delivery) == (Author.SYSTEM, OutboxState.WAITING)
    assert shop.hears("alice", "在吗？") == kept.text


def test_a_message_accepted_by_a_process_that_died_is_answered_by_another(shop: Shop) -> None:
    shop.accepted_and_died(asks("怎么退货？"))
    shop.restart()
    shop.clock.move(21)
    shop.sweep()
    assert len(shop.sent_to("alice")) == 1


def test_a_claim_between_decision_and_commit_cancels_the_bots_reply(shop: Shop) -> None:
    """The bot's answer to an earlier message is pending when the agent claims the case opened by a later one."""
    shop.tea.failures.append(DeliveryFailed("busy", retry_after=30))
    late(shop, "怎么退货？")
    shop.deliver()
    late(shop, "转人工")
    shop.claims(shop.agent("anna"), shop.waiting()[0].id)
    shop.clock.move(60)
    shop.deliver()
    assert all("退" not in text for text in shop.sent_to("alice"))


@pytest.mark.parametrize("poison", ["\u0000 nul", "a" * 10_000, "😀" * 500, "\u202eevil", "{entry}", "%s %(x)s"])
def test_a_text_with_unusual_characters_is_answered_like_any_other(shop: Shop, poison: str) -> None:
    async def together() -> list[object]:
        inbounds = [asks(f"{poison}？".replace("\x00", ""), customer="mallory")]
        inbounds += [asks("怎么退货？", customer=f"c{number}") for number in range(20)]
        return list(await asyncio.gather(*(shop.answered(inbound) for inbound in inbounds)))

    replies = shop.run(together())
    assert all(isinstance(reply, str) for reply in replies)
    assert len(set(replies[1:])) == 1
