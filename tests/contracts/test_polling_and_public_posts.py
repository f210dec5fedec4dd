"""Poll cursors, repeated public posts, opt-outs and closed routes, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from support.builders import answering
from support.services import MovableClock

from bot.domain.decisions import Change, Trace
from bot.domain.messages import Cursor, Inbound, Kind, OutboxState
from bot.domain.turns import Accepted, ClaimedMessage, CursorUpdate, Delivered, PublicPostGuard, Reply
from bot.stores.sql.database import Database
from bot.stores.sql.inbox import SqlCursors, SqlInbox
from bot.stores.sql.outbox import SqlOutbox
from bot.stores.sql.turns import SqlTurns

TRACE = Trace(1, "en", (), "Answer")
DAY_AND_A_HALF = 36 * 3600.0


class Brand:
    """One account, its customers, and the turns about what they say."""

    def __init__(self, database: Database) -> None:
        self.intake = SqlInbox(database, "one", {"brand": "twitter"})
        self.turns, self.outbox, self.cursors = (
            SqlTurns(database, "one"),
            SqlOutbox(database),
            SqlCursors(database),
        )

    def accept(self, *inbounds: Inbound, moved: CursorUpdate | None = None) -> list[Accepted]:
        return asyncio.run(self.intake.accept(inbounds, moved))

    def hears(self, handle: str, key: str, thread: str = "", kind: Kind = Kind.TEXT) -> ClaimedMessage:
        (accepted,) = self.accept(Inbound("brand", handle, key, kind, "hi", thread=thread, data={"id": key}))
        assert accepted.claimed is not None
        return accepted.claimed

    def says(self, work: ClaimedMessage, *replies: Reply, **more: object) -> bool:
        commit = answering(work, replies=replies, events=(), **more)
        (committed,) = asyncio.run(self.turns.commit([commit]))
        return committed.won

    def sends(self) -> list[str]:
        texts = []
        while taken := asyncio.run(self.outbox.take(10)):
            texts += [due.message.text for due in taken if due.message]
            asyncio.run(self.outbox.settle([Delivered(due.id, OutboxState.SENT) for due in taken]))
        return texts


@pytest.fixture
def brand(database: Database) -> Brand:
    return Brand(database)


def cursor(brand: Brand) -> Cursor:
    return asyncio.run(brand.cursors.cursor("brand", "mentions"))


def test_a_cursor_moves_with_what_was_accepted(brand: Brand) -> None:
    before = cursor(brand)
    assert before.value == ""
    brand.accept(Inbound("brand", "lin", "post:1", Kind.TEXT, "hi"), moved=CursorUpdate(before, "1"))
    assert cursor(brand).value == "1"
    brand.accept(moved=CursorUpdate(cursor(brand), "2"))
    assert cursor(brand).value == "2"


def test_an_outdated_cursor_does_not_move_and_its_messages_are_accepted(brand: Brand) -> None:
    old = cursor(brand)
    brand.accept(moved=CursorUpdate(old, "5"))
    (accepted,) = brand.accept(Inbound("brand", "lin", "post:1", Kind.TEXT, "hi"), moved=CursorUpdate(old, "3"))
    assert cursor(brand).value == "5"
    assert accepted.attempt == 1


def test_a_cursor_does_not_move_if_accepting_fails(brand: Brand) -> None:
    stranger = Inbound("nobody's account", "lin", "post:1", Kind.TEXT, "hi")
    with pytest.raises(KeyError):
        brand.accept(stranger, moved=CursorUpdate(cursor(brand), "1"))
    assert cursor(brand).value == ""


def test_the_same_text_is_not_posted_twice_in_36_hours(brand: Brand, clock: MovableClock) -> None:
    thanks = PublicPostGuard("thank  you", DAY_AND_A_HALF)
    assert brand.says(brand.hears("lin", "p1", "t1"), Reply("thank you"), post_guard=thanks)
    work = brand.hears("mei", "p2", "t2")
    assert not brand.says(work, Reply("thank you"), post_guard=thanks)
    said = asyncio.run(brand.turns.recently_posted("brand", ["thank you", "hello"], DAY_AND_A_HALF))
    assert said == {"thank you"}
    clock.move(DAY_AND_A_HALF)
    assert brand.says(work, Reply("thank you"), post_guard=thanks)


def test_each_wording_is_posted_once_until_the_first_is_old_enough(brand: Brand, clock: MovableClock) -> None:
    wordings = ["we open at nine", "from nine on", "nine o'clock"]

    def left() -> list[str]:
        lately = asyncio.run(brand.turns.recently_posted("brand", wordings, DAY_AND_A_HALF))
        return [one for one in wordings if one not in lately]

    for number, text in enumerate(wordings):
        assert left() == wordings[number:]
        posting = PublicPostGuard(text, DAY_AND_A_HALF)
        assert brand.says(brand.hears(f"asker{number}", f"p{number}", f"t{number}"), Reply(text), post_guard=posting)
        clock.move(3_600)
    assert left() == []
    clock.move(DAY_AND_A_HALF - 3 * 3_600)
    assert left() == wordings[:1]


def test_a_public_reply_knows_the_post_it_answers_and_not_a_later_one(brand: Brand) -> None:
    work = brand.hears("lin", "p1", "t1")
    brand.accept(Inbound("brand", "lin", "p2", Kind.TEXT, "and?", thread="t1", data={"id": "p2"}))
    assert brand.says(work, Reply("hello"))
    (due,) = asyncio.run(brand.outbox.take(10))
    assert due.message is not None
    assert due.message.in_reply_to == {"id": "p1"}


def test_a_direct_message_that_needs_the_customers_first_waits_for_it(brand: Brand) -> None:
    private = Reply("yours alone", same_thread=False, asked_first=True)
    assert brand.says(brand.hears("lin", "p1", "t1"), private)
    assert brand.sends() == []
    assert brand.says(brand.hears("lin", "m1"), Reply("hello"), releases_waiting=True)
    assert brand.sends() == ["yours alone", "hello"]
    assert brand.says(brand.hears("lin", "p2", "t1"), private)
    assert brand.sends() == ["yours alone"]


def test_opting_out_cancels_waiting_replies_everywhere_until_the_customer_writes(brand: Brand) -> None:
    assert brand.says(
        brand.hears("lin", "p1", "t1"), Reply("public"), Reply("private", same_thread=False, asked_first=True)
    )
    stop = brand.hears("lin", "m1")
    assert brand.says(stop, changes=(Change("silence"),))
    assert brand.sends() == []
    outcome = brand.hears("lin", "e1", kind=Kind.OUTCOME)
    assert outcome.conversation.identity.silenced_at > 0
    assert brand.says(outcome)
    again = brand.hears("lin", "m2")
    assert again.conversation.identity.silenced_at > 0
    assert brand.says(again, Reply("welcome back"))
    assert brand.hears("lin", "m3").conversation.identity.silenced_at == 0
    assert brand.sends() == ["welcome back"]


def test_a_postponed_delivery_does_not_count_as_an_attempt(brand: Brand) -> None:
    assert brand.says(brand.hears("lin", "m1"), Reply("hello"))
    for _ in range(9):
        (due,) = asyncio.run(brand.outbox.take(10))
        assert due.attempts == 1
        asyncio.run(brand.outbox.settle([Delivered(due.id, OutboxState.PENDING, error="quota", attempted=False)]))
    (due,) = asyncio.run(brand.outbox.take(10))
    assert due.message is not None
    assert due.message.last_error == "quota"


def test_a_closed_route_postpones_its_messages_and_no_others(brand: Brand, clock: MovableClock) -> None:
    for number in range(5):
        assert brand.says(brand.hears(f"writes{number}", f"m{number}"), Reply(f"private {number}"))
    assert brand.says(brand.hears("mentions", "p1", "t1"), Reply("public"))
    first = asyncio.run(brand.outbox.take(1))
    full = Delivered(first[0].id, OutboxState.PENDING, error="quota", attempted=False, retry_at=clock.now() + 900)
    asyncio.run(brand.outbox.settle([full]))
    assert brand.sends() == ["public"]
    clock.move(900)
    assert brand.sends() == [f"private {number}" for number in range(5)]
