"""What the record holds about one customer: found by any of their names, told whole, forgotten at their wish."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, or_, select, update

from bot.messages import Conversation, Identity, Instant
from bot.stores.record.auditing import note_deed
from bot.stores.record.casework import tell
from bot.stores.record.forgetting import forget
from bot.stores.record.rows import locked
from bot.stores.record.tables import (
    cases,
    codes,
    conversations,
    customers,
    events,
    identities,
    messages,
    outbox,
    traces,
)
from bot.turns import Happened

CONSOLE = "console"  # who types commands on this machine; logins are the desk's
_JSON = frozenset({"media", "data", "trace", "slots", "effect"})
_TIMES = frozenset({"at", "until"})
_INNER = frozenset({"body", "hash", "lease", "lease_until", "csrf"})  # bytes on the way, and what nobody should know


@dataclass(frozen=True, slots=True)
class Known:
    """A customer, and where they write, as account and handle."""

    id: str
    name: str
    handles: tuple[tuple[str, str], ...]


def find(connection: Connection, who: str) -> list[Known]:
    """Whoever has this handle, member id, customer id, or case."""
    writes = select(identities.c.customer_id).where(identities.c.handle == who)
    served = select(cases.c.customer_id).where(cases.c.id == who)
    c = customers.c
    wanted = or_(c.id == who, c.member_id == who, c.id.in_(writes), c.id.in_(served))
    rows = connection.execute(select(c.id, c.name).where(wanted).order_by(c.id)).all()
    return [Known(row.id, row.name, _handles(connection, row.id)) for row in rows]


def _handles(connection: Connection, customer_id: str) -> tuple[tuple[str, str], ...]:
    theirs = select(identities.c.account, identities.c.handle).where(identities.c.customer_id == customer_id)
    return tuple((row.account, row.handle) for row in connection.execute(theirs.order_by(identities.c.id)))


def dossier(connection: Connection, customer_id: str, now: Instant) -> dict[str, list[dict[str, Any]]]:
    """Everything about the customer, rows by table, times as ISO 8601; that it was told is noted."""
    their = _ids(connection, identities, identities.c.customer_id == customer_id)
    talks = _ids(connection, conversations, conversations.c.identity_id.in_(their))
    about: Mapping[Table, ColumnElement[bool]] = {
        customers: customers.c.id == customer_id,
        identities: identities.c.id.in_(their),
        conversations: conversations.c.id.in_(talks),
        messages: messages.c.conversation_id.in_(talks),
        outbox: outbox.c.conversation_id.in_(talks),
        cases: cases.c.customer_id == customer_id,
        traces: traces.c.conversation_id.in_(talks),
        events: events.c.conversation_id.in_(talks),
        codes: codes.c.identity_id.in_(their),
    }
    note_deed(connection, CONSOLE, "exported", now, customer_id)
    return {table.name: _rows(connection, table, where) for table, where in about.items()}


def erase(connection: Connection, customer_id: str, now: Instant, *, anonymise: bool = False) -> int:
    """Forget every identity of the customer, as if each had left; how many. What waits to be understood is void.

    Open cases end as withdrawn. Whoever writes again is somebody new.
    """
    their = connection.execute(select(identities).where(identities.c.customer_id == customer_id)).all()
    rows = locked(connection, _ids(connection, conversations, conversations.c.identity_id.in_([i.id for i in their])))
    talks = conversations.c.id.in_(list(rows))
    connection.execute(update(conversations).where(talks).values(handled_seq=conversations.c.inbound_seq))
    for row in their:
        left = Identity(row.id, customer_id, row.account, row.handle)
        forget(connection, Conversation("", row.account, "", left), erase=not anonymise, now=now)
    tell(connection, list(rows.values()), Happened("erased", CONSOLE), now)
    note_deed(connection, CONSOLE, "anonymised" if anonymise else "erased", now, customer_id)
    return len(their)


def _ids(connection: Connection, table: Table, where: ColumnElement[bool]) -> Sequence[str]:
    return connection.execute(select(table.c.id).where(where).order_by(table.c.id)).scalars().all()


def _rows(connection: Connection, table: Table, where: ColumnElement[bool]) -> list[dict[str, Any]]:
    shown = [column for column in table.columns if column.name not in _INNER]
    found = connection.execute(select(*shown).where(where).order_by(*table.primary_key.columns))
    return [{name: _readable(name, value) for name, value in row.items()} for row in found.mappings()]


def _readable(name: str, value: Any) -> Any:
    if name in _TIMES or name.endswith(("_at", "_until", "_since")):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds") if value else None
    return json.loads(value) if name in _JSON and value else value
