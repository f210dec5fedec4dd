"""Copying out of the record what a rehearsal needs: the active edition, and one customer's talk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from bot.stores.record.tables import (
    active_edition,
    cases,
    codes,
    conversations,
    customers,
    edition_parts,
    editions,
    identities,
    messages,
    outbox,
    parts,
    traces,
)


@dataclass(frozen=True, slots=True)
class Copied:
    """Rows by table, in an order in which they can be written."""

    rows: Sequence[tuple[Table, Sequence[Mapping[str, Any]]]]

    def write(self, connection: Connection) -> None:
        for table, rows in self.rows:
            if rows:
                connection.execute(table.insert(), [dict(row) for row in rows])


def copy_customer(connection: Connection, account: str, handle: str) -> Copied:
    """The active edition and, if the handle is known, its customer as they stand; leases left behind."""

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
    return Copied(
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
    """The trace of a message's turn, and the confidence it answered with; that of its best guess if it did not."""
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
