"""Reads of past conversations: the question log that evaluation uses, and copies of one customer for `yingda say`.

Erased and expired messages are not in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, select

from bot.domain.messages import Instant, Kind
from bot.ports.nlu import LoggedQuestion
from bot.stores.sql.case_queries import trace_of
from bot.stores.sql.database import Database
from bot.stores.sql.schema import (
    active_edition,
    cases,
    codes,
    conversations,
    customers,
    edition_parts,
    editions,
    events,
    identities,
    messages,
    outbox,
    parts,
    traces,
)

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


@dataclass(frozen=True, slots=True)
class CopiedRows:
    """Copied rows. rows: (table, rows as dicts), referenced tables first."""

    rows: Sequence[tuple[Table, Sequence[Mapping[str, Any]]]]

    def write(self, connection: Connection) -> None:
        for table, rows in self.rows:
            if rows:
                connection.execute(table.insert(), [dict(row) for row in rows])


def copy_customer(connection: Connection, account: str, handle: str) -> CopiedRows:
    """The active edition with its chunks and, if the handle is known, its customer with all conversations.

    Without leases: the copy has no process that would release them.
    """

    def rows(table: Table, where: ColumnElement[bool]) -> list[Mapping[str, Any]]:
        return [dict(row) for row in connection.execute(select(table).where(where)).mappings()]

    active = rows(active_edition, active_edition.c.id.is_not(None))
    live = [row["number"] for row in active]
    pieces = rows(edition_parts, edition_parts.c.edition.in_(live))
    found = rows(identities, (identities.c.account == account) & (identities.c.handle == handle))
    people = [row["customer_id"] for row in found]
    known = [row["id"] for row in found]
    talks = rows(conversations, conversations.c.identity_id.in_(known))
    of_talks = [row["id"] for row in talks]
    return CopiedRows(
        (
            (parts, rows(parts, parts.c.name.in_([row["part"] for row in pieces]))),
            (editions, rows(editions, editions.c.number.in_(live))),
            (edition_parts, pieces),
            (active_edition, active),
            (customers, rows(customers, customers.c.id.in_(people))),
            (identities, found),
            (conversations, [{**row, "lease": None, "lease_until": 0.0} for row in talks]),
            (messages, rows(messages, messages.c.conversation_id.in_(of_talks))),
            (cases, rows(cases, cases.c.conversation_id.in_(of_talks))),
            (codes, rows(codes, codes.c.identity_id.in_(known))),
        )
    )


def last_turn(connection: Connection, message_id: str) -> tuple[dict[str, Any], float | None]:
    """The trace of a message's turn, and its answer's confidence (its best candidate's if it gave no answer)."""
    trace = connection.execute(select(traces.c.trace).where(traces.c.message_id == message_id)).scalar_one()
    told: dict[str, Any] = json.loads(trace)
    best = told["candidates"][0]["confidence"] if told["candidates"] else None
    said = (
        select(messages.c.confidence)
        .join(outbox, outbox.c.message_id == messages.c.id)
        .where(outbox.c.answers == message_id, messages.c.confidence.is_not(None))
        .order_by(messages.c.seq)
    )
    answered = connection.execute(said).scalar()
    return told, best if answered is None else answered
