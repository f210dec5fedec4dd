"""A question in several messages: each piece is kept, nothing waits, and after a minute's pause the bot asks."""

from __future__ import annotations

import asyncio

from sqlalchemy import select
from support.shop import Shop
from support.talks import (
    HOURS,
    PERSON,
    PIECE,
    RETURNS,
    answer,
    decided,
    handed_to,
    phrase,
    rows,
    swept_by_two_processes_at_once,
)

from bot.domain.messages import Inbound, Kind
from bot.stores.sql.prompts import SqlPrompts
from bot.stores.sql.schema import messages
from bot.text import new_id

BOX, HOW_MUCH, MEANT = "红色的盒子", "多少钱", "new-year-boxes"
PAUSE = 60


def best(shop: Shop, customer: str) -> str:
    """What the customer's last message most likely meant."""
    return str(decided(shop, customer)["candidates"][0]["intent"])


def test_a_piece_gets_no_answer_and_is_read_with_the_next_message(shop: Shop) -> None:
    assert shop.hears("alice", BOX) is None
    assert decided(shop, "alice")["decision"] == "Quiet"
    shop.hears("alice", HOW_MUCH)
    shop.hears("bob", HOW_MUCH)
    assert best(shop, "alice") == MEANT != best(shop, "bob")


def test_a_piece_is_read_with_the_next_message_for_ten_minutes_and_no_longer(shop: Shop) -> None:
    for customer in ("alice", "bob"):
        shop.hears(customer, BOX)
    shop.clock.move(600)
    shop.hears("alice", HOW_MUCH)
    assert best(shop, "alice") == MEANT
    shop.clock.move(1)
    shop.hears("bob", HOW_MUCH)
    assert best(shop, "bob") != MEANT


def test_the_next_piece_answers_what_the_bot_asked_back(shop: Shop) -> None:
    tracking = answer(shop, "order-tracking")
    assert "1. " in str(shop.hears("alice", "快递"))
    assert shop.hears("alice", "还没到") == tracking
    assert shop.hears("bob", "还没到") != tracking


def test_no_turn_waits_for_the_rest(shop: Shop) -> None:
    """The next message has its turn at once, however soon it comes."""

    async def at_once() -> list[object]:
        said = (Inbound("tea", "alice", new_id(), Kind.TEXT, text) for text in (PIECE, RETURNS))
        return list(await asyncio.gather(*(shop.answered(one) for one in said)))

    assert shop.run(asyncio.wait_for(at_once(), 10)) == [None, answer(shop, "return-goods")]


def test_after_a_minute_without_the_rest_the_bot_asks_once(shop: Shop) -> None:
    shop.hears("alice", PIECE)
    shop.clock.move(PAUSE - 1)
    shop.sweep()
    assert shop.sent_to("alice") == []
    for _ in range(5):
        shop.clock.move(PAUSE)
        shop.sweep()
    assert shop.sent_to("alice") == [phrase(shop, "talk.ask")]
    assert shop.waiting() == []


def test_two_processes_that_sweep_at_once_ask_once(shop: Shop) -> None:
    shop.hears("alice", PIECE)
    shop.clock.move(PAUSE)
    swept_by_two_processes_at_once(shop)
    assert shop.sent_to("alice") == [phrase(shop, "talk.ask")]


def test_a_customer_who_wrote_the_rest_is_not_asked(shop: Shop) -> None:
    shop.hears("alice", PIECE)
    shop.clock.move(PAUSE / 2)
    shop.hears("alice", RETURNS)
    shop.clock.move(PAUSE)
    shop.sweep()
    assert shop.sent_to("alice") == []


def test_the_pause_begins_anew_with_each_piece(shop: Shop) -> None:
    shop.hears("alice", PIECE)
    shop.clock.move(PAUSE - 1)
    shop.hears("alice", BOX)
    shop.clock.move(PAUSE - 1)
    shop.sweep()
    assert shop.sent_to("alice") == []
    shop.clock.move(1)
    shop.sweep()
    assert shop.sent_to("alice") == [phrase(shop, "talk.ask")]


def test_a_nod_after_a_piece_is_not_the_rest(shop: Shop) -> None:
    """Else the customer who waits for an answer to the piece would hear nothing, ever."""
    shop.hears("alice", HOURS)
    shop.hears("alice", BOX)
    shop.clock.move(PAUSE / 2)
    assert shop.hears("alice", "嗯") is None
    shop.clock.move(PAUSE / 2)
    shop.sweep()
    shop.hears("alice", "嗯")
    shop.clock.move(PAUSE)
    shop.sweep()
    assert shop.sent_to("alice") == [phrase(shop, "talk.ask")]


def test_nobody_is_asked_while_a_case_is_open(shop: Shop) -> None:
    anna = shop.agent("anna")
    shop.hears("alice", PIECE)
    shop.hears("alice", PERSON)
    shop.hears("bob", PIECE)
    handed_to(shop, "bob", anna)
    shop.clock.move(PAUSE)
    shop.sweep()
    assert phrase(shop, "talk.ask") not in shop.sent_to("alice") + shop.sent_to("bob")


def test_nobody_is_asked_after_an_opt_out(shop: Shop) -> None:
    shop.hears("alice", PIECE)
    shop.hears("alice", "退订")
    shop.clock.move(PAUSE)
    shop.sweep()
    assert shop.sent_to("alice") == []


def test_an_account_that_cannot_send_invites_at_the_first_piece_instead(shop: Shop) -> None:
    assert shop.hears("alice", BOX, "counter") == phrase(shop, "talk.invite")
    shop.clock.move(PAUSE)
    shop.sweep()
    assert shop.counter.sent == []
    shop.hears("alice", HOW_MUCH, "counter")
    assert best(shop, "alice") == MEANT


def test_in_public_no_piece_waits_for_its_rest(shop: Shop) -> None:
    assert shop.hears("alice", PIECE, "square", thread="post-1") is not None


def test_a_process_that_ends_between_asking_and_the_turn_asks_once(shop: Shop) -> None:
    shop.hears("alice", PIECE)
    shop.clock.move(PAUSE)
    (prompt,) = shop.run(SqlPrompts(shop.database).due(10))
    shop.accepted_and_died(prompt)
    shop.clock.move(PAUSE)
    for _ in range(3):
        shop.sweep()
    assert shop.sent_to("alice") == [phrase(shop, "talk.ask")]
    kinds = [row.kind for row in rows(shop, select(messages.c.kind))]
    assert kinds.count(Kind.PROMPT) == 1
