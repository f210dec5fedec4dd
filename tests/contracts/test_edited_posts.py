"""Posts that are edited, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio

from sqlalchemy import select
from support.builders import answering

from bot.domain.messages import Inbound, Kind, Media
from bot.domain.turns import Accepted, ClaimedMessage, Committed
from bot.stores.sql.database import Database
from bot.stores.sql.inbox import SqlInbox
from bot.stores.sql.schema import messages, receipts
from bot.stores.sql.turns import SqlTurns

CHANNELS = {"brand": "twitter"}


def post(text: str, version: int = 0, media: Media | None = None) -> Inbound:
    data = {"id": str(version or 1)}
    return Inbound("brand", "42", "post:1", Kind.TEXT, text, media, thread="1", data=data, version=version)


def accept(database: Database, *inbounds: Inbound, holder: str = "one") -> list[Accepted]:
    return asyncio.run(SqlInbox(database, holder, CHANNELS).accept(inbounds))


def commit(database: Database, work: ClaimedMessage) -> Committed:
    return asyncio.run(SqlTurns(database, "one").commit([answering(work, work.message.text)]))[0]


def said(database: Database) -> list[str]:
    asked = select(messages.c.text).where(messages.c.author == "customer").order_by(messages.c.seq)
    return list(asyncio.run(database.read(lambda one: one.execute(asked).scalars().all())))


def test_an_edit_before_the_reply_replaces_the_text_and_voids_the_running_turn(database: Database) -> None:
    (first,) = accept(database, post("when will my ordr arive"))
    assert first.claimed is not None
    (edit,) = accept(database, post("I want my money back", 2), holder="another")
    assert (edit.message_id, edit.lease_held, edit.claimed) == (first.message_id, False, None)
    lost = commit(database, first.claimed)
    assert not lost.won
    assert lost.next is not None
    assert lost.next.message.text == "I want my money back"
    assert commit(database, lost.next).won
    assert said(database) == ["I want my money back"]


def test_an_edit_after_the_reply_is_a_message_of_its_own(database: Database) -> None:
    (first,) = accept(database, post("when will my ordr arive"))
    assert first.claimed is not None
    assert commit(database, first.claimed).won
    (edit,) = accept(database, post("I want my money back", 2))
    assert edit.claimed is not None
    assert (edit.lease_held, edit.message_id != first.message_id) == (True, True)
    assert edit.claimed.message.data["edited"]
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


def test_a_changed_picture_is_an_edit_and_an_unchanged_post_is_not(database: Database) -> None:
    (first,) = accept(database, post("a"))
    assert first.claimed is not None
    assert commit(database, first.claimed).won
    accept(database, post("a", 2))
    assert said(database) == ["a"]
    accept(database, post("a", 3, Media("3_1", "photo")))
    assert said(database) == ["a", "a"]
