"""Scratch databases, on which `yingda say` and `yingda talk` try what customers write.

They get a copy of the active edition, and are read turn by turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, select, text
from sqlalchemy.schema import CreateSchema, DropSchema

from bot.desk.transitions import OPEN
from bot.domain.messages import Instant
from bot.errors import SettingError
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
    metadata,
    outbox,
    parts,
    staff,
    traces,
)
from bot.text import new_id
from bot.yaml_files import SourceFile

_KEPT = frozenset({parts, editions, edition_parts, active_edition, staff})  # between two dialogues


_RIGHTS = text("""
    SELECT quote_ident(current_user) AS who, quote_ident(current_database()) AS base,
        has_database_privilege(current_database(), 'CREATE') AS makes_schemas
""")


@contextmanager
def scratch_schema(url: str, page: SourceFile) -> Iterator[str]:
    """The name of a new schema in a PostgreSQL database; it is dropped at the end.

    Raises SettingError for a user who may not make one, with the line of `page`, which is config.yaml; and Unavailable.
    """
    name = f"yingda_{new_id()}"
    database = Database(url)
    try:
        rights = database.read_here(lambda connection: connection.execute(_RIGHTS).one())
        if not rights.makes_schemas:
            grant = f"GRANT CREATE ON DATABASE {rights.base} TO {rights.who};"
            raise SettingError(page.problem(("database",), "storage.no_schemas", user=rights.who, statement=grant))
        database.write_here(lambda connection: connection.execute(CreateSchema(name)))
        yield name
    finally:
        database.write_here(lambda connection: connection.execute(DropSchema(name, cascade=True, if_exists=True)))
        database.close()


@dataclass(frozen=True, slots=True)
class CopiedRows:
    """Copied rows. rows: (table, rows as dicts), referenced tables first."""

    rows: Sequence[tuple[Table, Sequence[Mapping[str, Any]]]]

    def write(self, connection: Connection) -> None:
        for table, rows in self.rows:
            if rows:
                connection.execute(table.insert(), [dict(row) for row in rows])


def copy_edition(connection: Connection) -> CopiedRows:
    """The active edition with its chunks."""
    active = _rows(connection, active_edition, active_edition.c.id.is_not(None))
    live = [row["number"] for row in active]
    pieces = _rows(connection, edition_parts, edition_parts.c.edition.in_(live))
    return CopiedRows(
        (
            (parts, _rows(connection, parts, parts.c.name.in_([row["part"] for row in pieces]))),
            (editions, _rows(connection, editions, editions.c.number.in_(live))),
            (edition_parts, pieces),
            (active_edition, active),
        )
    )


def copy_customer(connection: Connection, account: str, handle: str) -> CopiedRows:
    """The customer with all conversations; no rows if the handle is not known.

    Without leases: the copy has no process that would release them.
    """
    found = _rows(connection, identities, (identities.c.account == account) & (identities.c.handle == handle))
    people = [row["customer_id"] for row in found]
    known = [row["id"] for row in found]
    talks = _rows(connection, conversations, conversations.c.identity_id.in_(known))
    of_talks = [row["id"] for row in talks]
    return CopiedRows(
        (
            (customers, _rows(connection, customers, customers.c.id.in_(people))),
            (identities, found),
            (conversations, [{**row, "lease": None, "lease_until": 0.0} for row in talks]),
            (messages, _rows(connection, messages, messages.c.conversation_id.in_(of_talks))),
            (cases, _rows(connection, cases, cases.c.conversation_id.in_(of_talks))),
            (codes, _rows(connection, codes, codes.c.identity_id.in_(known))),
        )
    )


def _rows(connection: Connection, table: Table, where: ColumnElement[bool]) -> list[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(select(table).where(where)).mappings()]


def clear(connection: Connection) -> None:
    """Delete everything but the edition and the staff."""
    for table in reversed(metadata.sorted_tables):
        if table not in _KEPT:
            connection.execute(delete(table))


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """What the database holds about a turn; nothing if there has been none."""

    decision: str = ""  # answer, ask, handoff or quiet
    confidence: float | None = None  # of its answer, or else of its best candidate
    entries: tuple[str, ...] = ()  # answered, asked about by a skill, or handed off by
    choices: tuple[str, ...] = ()  # the entries that it asked back about
    reason: str = ""  # of a handoff


def read_turn(connection: Connection, message_id: str) -> TurnRecord:
    """The turn of a message."""
    row = connection.execute(select(traces).where(traces.c.message_id == message_id)).first()
    if row is None:
        return TurnRecord()
    trace = trace_of(row.trace)
    said = (
        select(messages.c.confidence)
        .join(outbox, outbox.c.message_id == messages.c.id)
        .where(outbox.c.answers == message_id, messages.c.confidence.is_not(None))
        .order_by(messages.c.seq)
    )
    answered = connection.execute(said).scalar()
    best = next((one.confidence for one in trace.candidates), None)
    return TurnRecord(
        trace.decision.lower(),
        best if answered is None else answered,
        tuple(filter(None, (trace.entry, *_further_entries(connection, row.conversation_id, trace.entry)))),
        trace.choices,
        trace.reason,
    )


def _further_entries(connection: Connection, conversation_id: str, entry: str) -> list[str]:
    """The entries that the newest answer from `entry` answered besides it."""
    answers = (events.c.conversation_id == conversation_id, events.c.type == "answered", events.c.entry == entry)
    newest = select(events.c.data).where(*answers).order_by(events.c.seq.desc()).limit(1)
    also: str = json.loads(connection.execute(newest).scalar() or "{}").get("also", "")
    return also.split()


@dataclass(frozen=True, slots=True)
class Standing:
    """The case and the link of a scratch database's only customer."""

    case_id: str = ""  # of their open case, the most urgent one if there are two; '' without one
    priority: int = 0  # the case's
    linked: bool = False  # they are a verified member


def read_standing(connection: Connection, now: Instant) -> Standing:
    is_open = cases.c.state.in_([state.value for state in OPEN])
    first = select(cases).where(is_open).order_by(cases.c.priority.desc(), cases.c.id.desc())
    open_case = connection.execute(first).first()
    verified = (identities.c.member_id.is_not(None), identities.c.verified_until > now)
    linked = connection.execute(select(identities.c.id).where(*verified)).first() is not None
    return Standing(open_case.id, open_case.priority, linked) if open_case else Standing(linked=linked)
