"""Reads of past conversations: the question log that evaluation uses. Erased and expired messages are not in it."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Select, select

from bot.domain.messages import Instant, Kind
from bot.ports.nlu import LoggedQuestion
from bot.stores.sql.case_queries import trace_of
from bot.stores.sql.database import Database
from bot.stores.sql.schema import conversations, events, messages, traces

CORRECTED = "corrected"
_WORDS = (Kind.TEXT.value, Kind.VOICE.value)


class SqlQuestionLog:
    """ports.QuestionLog on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def questions(self, since: Instant, limit: int) -> list[LoggedQuestion]:
        return await self._database.read(lambda connection: _questions(connection, since, limit))


def _questions(connection: Connection, since: Instant, limit: int) -> list[LoggedQuestion]:
    corrected = _corrections(connection, since)
    newest = connection.execute(_turns(since).limit(limit)).all()
    return [
        LoggedQuestion(
            row.message_id,
            row.conversation_id,
            row.seq,
            row.at,
            row.text if row.kind in _WORDS else "",  # other kinds hold no words of the customer
            trace_of(row.trace),
            corrected.get(row.message_id),
        )
        for row in reversed(newest)
    ]


def _turns(since: Instant) -> Select[Any]:
    """Turns, newest first, without posts that only mention us (threads of kind `overheard`)."""
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
    """Message id -> the knowledge base entry that staff last chose as the right one."""
    said = (
        select(events.c.entry, events.c.data)
        .where(events.c.at >= since, events.c.type == CORRECTED)
        .order_by(events.c.at, events.c.seq)
    )
    return {json.loads(row.data)["message"]: row.entry for row in connection.execute(said)}
