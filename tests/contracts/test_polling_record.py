"""What the record promises to polls, to those who speak in public, and to those who say stop: on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from ground import MovableClock

from bot.decisions import Change, Trace
from bot.messages import Cursor, Inbound, Kind, OutboxState, Owner
from bot.stores.record.commits import RecordTurns
from bot.stores.record.cursors import RecordCursors
from bot.stores.record.database import Database
from bot.stores.record.intake import RecordIntake
from bot.stores.record.outbox import RecordOutbox
from bot.turns import Accepted, Delivered, Moved, Posting, Reply, TurnCommit, Work

TRACE = Trace(1, "en", (), "Answer")
DAY_AND_A_HALF = 36 * 3600.0


class Brand:
    """One account, its customers, and the turns about what they say."""

    def __init__(self, database: Database) -> None:
        self.intake = RecordIntake(database, "one", {"brand": "twitter"})
        self.turns, self.outbox, self.cursors = (
            RecordTurns(database, "one"),
            RecordOutbox(database),
            RecordCursors(database),
        )

    def accept(self, *inbounds: Inbound, moved: Moved | None = None) -> list[Accepted]:
        return asyncio.run(self.intake.accept(inbounds, moved))

    def hears(self, handle: str, key: str, thread: str = "", kind: Kind = Kind.TEXT) -> Work:
        (accepted,) = self.accept(Inbound("brand", handle, key, kind, "hi", thread=thread, data={"id": key}))
        assert accepted.work is not None
        return accepted.work

    def says(self, work: Work, *replies: Reply, **more: object) -> bool:
        commit = TurnCommit(work.conversation, work.message, Owner.BOT, True, TRACE, replies)
        (committed,) = asyncio.run(self.turns.commit([replace(commit, **more)]))  # type: ignore[arg-type]
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
    brand.accept(Inbound("brand", "lin", "post:1", Kind.TEXT, "hi"), moved=Moved(before, "1"))
    assert cursor(brand).value == "1"
    brand.accept(moved=Moved(cursor(brand), "2"))
    assert cursor(brand).value == "2"


def test_who_read_an_older_place_moves_nothing_but_loses_nothing(brand: Brand) -> None:
    old = cursor(brand)
    brand.accept(moved=Moved(old, "5"))
    (accepted,) = brand.accept(Inbound("brand", "lin", "post:1", Kind.TEXT, "hi"), moved=Moved(old, "3"))
    assert cursor(brand).value == "5"
    assert accepted.attempt == 1


def test_a_cursor_stays_where_it_was_if_what_came_could_not_be_accepted(brand: Brand) -> None:
    stranger = Inbound("nobody's account", "lin", "post:1", Kind.TEXT, "hi")
    with pytest.raises(KeyError):
        brand.accept(stranger, moved=Moved(cursor(brand), "1"))
    assert cursor(brand).value == ""


def test_the_same_is_not_said_in_public_twice_in_a_day_and_a_half(brand: Brand, clock: MovableClock) -> None:
    thanks = Posting("thank  you", DAY_AND_A_HALF)
    assert brand.says(brand.hears("lin", "p1", "t1"), Reply("thank you"), posting=thanks)
    work = brand.hears("mei", "p2", "t2")
    assert not brand.says(work, Reply("thank you"), posting=thanks)
    said = asyncio.run(brand.turns.posted("brand", ["thank you", "hello"], DAY_AND_A_HALF))
    assert said == {"thank you"}
    clock.move(DAY_AND_A_HALF)
    assert brand.says(work, Reply("thank you"), posting=thanks)


def test_of_several_wordings_each_may_be_said_once_until_the_first_is_old_enough(
    brand: Brand, clock: MovableClock
) -> None:
    wordings = ["we open at nine", "from nine on", "nine o'clock"]

    def left() -> list[str]:
        lately = asyncio.run(brand.turns.posted("brand", wordings, DAY_AND_A_HALF))
        return [one for one in wordings if one not in lately]

    for number, text in enumerate(wordings):
        assert left() == wordings[number:]
        posting = Posting(text, DAY_AND_A_HALF)
        assert brand.says(brand.hears(f"asker{number}", f"p{number}", f"t{number}"), Reply(text), posting=posting)
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
    assert due.message.answers == {"id": "p1"}


def test_what_may_not_be_said_first_waits_until_the_customer_writes_privately(brand: Brand) -> None:
    private = Reply("yours alone", here=False, asked_first=True)
    assert brand.says(brand.hears("lin", "p1", "t1"), private)
    assert brand.sends() == []
    assert brand.says(brand.hears("lin", "m1"), Reply("hello"), releases=True)
    assert brand.sends() == ["yours alone", "hello"]
    assert brand.says(brand.hears("lin", "p2", "t1"), private)
    assert brand.sends() == ["yours alone"]


def test_stop_cancels_what_waits_anywhere_and_lasts_until_they_write_again(brand: Brand) -> None:
    assert brand.says(brand.hears("lin", "p1", "t1"), Reply("public"), Reply("private", here=False, asked_first=True))
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


def test_what_was_only_put_off_has_not_been_tried(brand: Brand) -> None:
    assert brand.says(brand.hears("lin", "m1"), Reply("hello"))
    for _ in range(9):
        (due,) = asyncio.run(brand.outbox.take(10))
        assert due.attempts == 1
        asyncio.run(brand.outbox.settle([Delivered(due.id, OutboxState.PENDING, error="quota", tried=False)]))
    (due,) = asyncio.run(brand.outbox.take(10))
    assert due.message is not None
    assert due.message.last_error == "quota"


def test_a_closed_way_puts_off_all_that_waits_there_and_nothing_else(brand: Brand, clock: MovableClock) -> None:
    for number in range(5):
        assert brand.says(brand.hears(f"writes{number}", f"m{number}"), Reply(f"private {number}"))
    assert brand.says(brand.hears("mentions", "p1", "t1"), Reply("public"))
    first = asyncio.run(brand.outbox.take(1))
    full = Delivered(first[0].id, OutboxState.PENDING, error="quota", tried=False, retry_at=clock.now() + 900)
    asyncio.run(brand.outbox.settle([full]))
    assert brand.sends() == ["public"]
    clock.move(900)
    assert brand.sends() == [f"private {number}" for number in range(5)]
