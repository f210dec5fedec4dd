"""What the record promises about posts that are edited: on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from bot.decisions import Trace
from bot.messages import Inbound, Kind, Media, Owner
from bot.stores.record.commits import RecordTurns
from bot.stores.record.database import Database
from bot.stores.record.intake import RecordIntake
from bot.stores.record.tables import messages, receipts
from bot.turns import Accepted, Committed, Happened, Reply, TurnCommit, Work

CHANNELS = {"brand": "twitter"}


def post(text: str, version: int = 0, media: Media | None = None) -> Inbound:
    data = {"id": str(version or 1)}
    return Inbound("brand", "42", "post:1", Kind.TEXT, text, media, thread="1", data=data, version=version)


def accept(database: Database, *inbounds: Inbound, holder: str = "one") -> list[Accepted]:
    return asyncio.run(RecordIntake(database, holder, CHANNELS).accept(inbounds))


def commit(database: Database, work: Work) -> Committed:
    answer = TurnCommit(
        work.conversation, work.message, Owner.BOT, True, Trace(1, "en", (), "Answer"), (Reply(work.message.text),),
        events=(Happened("answered", "bot", 1),),
    )  # fmt: skip
    return asyncio.run(RecordTurns(database, "one").commit([answer]))[0]


def said(database: Database) -> list[str]:
    asked = select(messages.c.text).where(messages.c.author == "customer").order_by(messages.c.seq)
    return list(asyncio.run(database.read(lambda one: one.execute(asked).scalars().all())))


def test_words_that_nobody_has_answered_give_way_and_the_turn_under_way_is_decided_again(database: Database) -> None:
    (first,) = accept(database, post("when will my ordr arive"))
    assert first.work is not None
    (edit,) = accept(database, post("I want my money back", 2), holder="another")
    assert (edit.message_id, edit.held, edit.work) == (first.message_id, False, None)
    lost = commit(database, first.work)
    assert not lost.won
    assert lost.next is not None
    assert lost.next.message.text == "I want my money back"
    assert commit(database, lost.next).won
    assert said(database) == ["I want my money back"]


def test_after_the_answer_the_new_words_are_a_message_of_their_own(database: Database) -> None:
    (first,) = accept(database, post("when will my ordr arive"))
    assert first.work is not None
    assert commit(database, first.work).won
    (edit,) = accept(database, post("I want my money back", 2))
    assert edit.work is not None
    assert (edit.held, edit.message_id != first.message_id) == (True, True)
    assert edit.work.message.data["edited"]
    assert said(database) == ["when will my ordr arive", "I want my money back"]


def test_each_version_counts_once_and_an_earlier_one_never_undoes_a_later(database: Database) -> None:
    accept(database, post("b", 2))
    for again in (post("b", 2), post("a"), post("b", 2)):
        (repeat,) = accept(database, again)
        assert repeat.attempt > 1
    accept(database, post("d", 4), post("c", 3))
    assert said(database) == ["d"]
    assert asyncio.run(database.read(lambda one: one.execute(select(receipts.c.version)).scalar())) == 4


def test_all_versions_in_one_batch_are_one_message(database: Database) -> None:
    accepted = accept(database, post("a"), post("b", 2), post("c", 3))
    assert {one.message_id for one in accepted} == {accepted[0].message_id}
    assert said(database) == ["c"]


def test_another_picture_is_another_version_and_the_same_words_are_none(database: Database) -> None:
    (first,) = accept(database, post("a"))
    assert first.work is not None
    assert commit(database, first.work).won
    accept(database, post("a", 2))
    assert said(database) == ["a"]
    accept(database, post("a", 3, Media("3_1", "photo")))
    assert said(database) == ["a", "a"]
