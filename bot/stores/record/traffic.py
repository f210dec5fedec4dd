"""What customers asked, as the record remembers it: for judging an edition by real questions.

Whatever was erased or has outlived its retention is not here any more, and so no evidence either.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from bot.messages import Instant, Kind
from bot.stores.record.board import trace_of
from bot.stores.record.database import Database
from bot.stores.record.tables import conversations, events, messages, traces
from bot.traffic import Question

CORRECTED = "corrected"
_WORDS = (Kind.TEXT.value, Kind.VOICE.value)


class RecordTraffic:
    """ports.Traffic on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def questions(self, since: Instant, limit: int) -> list[Question]:
        return await self._database.read(lambda connection: _questions(connection, since, limit))


def _questions(connection: Connection, since: Instant, limit: int) -> list[Question]:
    corrected = _corrections(connection, since)
    newest = connection.execute(_turns(since).limit(limit)).all()
    return [_question(row, corrected.get(row.message_id)) for row in reversed(newest)]


def _turns(since: Instant) -> Select[Any]:
    """The newest first; nothing that somebody said about us and not to us."""
    return (
        select(
            traces.c.message_id,
            traces.c.conversation_id,
            traces.c.trace,
            messages.c.seq,
            messages.c.at,
            messages.c.kind,
            messages.c.text,
        )
        .join(messages, messages.c.id == traces.c.message_id)
        .join(conversations, conversations.c.id == traces.c.conversation_id)
        .where(messages.c.at >= since, conversations.c.thread != Kind.OVERHEARD.value)
        .order_by(traces.c.message_id.desc())
    )


def _corrections(connection: Connection, since: Instant) -> dict[str, str]:
    """The entry last named for each message."""
    said = (
        select(events.c.entry, events.c.data)
        .where(events.c.at >= since, events.c.type == CORRECTED)
        .order_by(events.c.at, events.c.seq)
    )
    return {json.loads(row.data)["message"]: row.entry for row in connection.execute(said)}


def _question(row: Row[Any], corrected: str | None) -> Question:
    text = row.text if row.kind in _WORDS else ""
    return Question(row.message_id, row.conversation_id, row.seq, row.at, text, trace_of(row.trace), corrected)
