"""What grows old in the record and is thrown away, a little at a time.

What is due is looked for in a reading transaction, which may take its time, and deleted in small writing ones that look
again. Nothing goes that belongs to a customer with an open case, or to a conversation whose last message nobody has
taken up yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, or_, select, tuple_

from bot.cases import CaseState
from bot.config import Retention
from bot.messages import Instant
from bot.stores.record.checkpoints import forgotten
from bot.stores.record.database import Database
from bot.stores.record.tables import (
    OPEN,
    audit,
    cases,
    codes,
    conversations,
    customers,
    events,
    identities,
    messages,
    outbox,
    posted,
    receipts,
    sessions,
    spending,
    traces,
)

AT_ONCE = 500  # rows in one transaction: under 50 ms on SQLite
DAY = 86_400.0
_OPEN_CASE = cases.c.state.in_((CaseState.WAITING.value, CaseState.CLAIMED.value))


@dataclass(frozen=True, slots=True)
class _Kind:
    """name: as in Retention. old: whether a row may go that has been there since before an instant."""

    name: str
    table: Table
    old: Callable[[Instant], ColumnElement[bool]]


def _busy(conversation_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether people hold a case of the conversation's customer, or a message of it still waits for its turn."""
    theirs = exists().where(cases.c.customer_id == identities.c.customer_id, _OPEN_CASE)
    c = conversations.c
    return exists(
        select(c.id)
        .join(identities, identities.c.id == c.identity_id)
        .where(c.id == conversation_id, or_(c.inbound_seq > c.handled_seq, c.case_id.is_not(None), theirs))
    )


def _messages(before: Instant) -> ColumnElement[bool]:
    return and_(messages.c.at < before, ~_busy(messages.c.conversation_id))


def _outbox(before: Instant) -> ColumnElement[bool]:
    """A reply goes after its message, an effect by itself."""
    said = exists().where(messages.c.id == outbox.c.message_id)
    return and_(outbox.c.state_at < before, ~OPEN, ~said, ~_busy(outbox.c.conversation_id))


def _traces(before: Instant) -> ColumnElement[bool]:
    return and_(traces.c.at < before, ~_busy(traces.c.conversation_id))


def _cases(before: Instant) -> ColumnElement[bool]:
    held = exists().where(conversations.c.case_id == cases.c.id)
    return and_(~_OPEN_CASE, cases.c.ended_at > 0, cases.c.ended_at < before, ~held)


def _customers(before: Instant) -> ColumnElement[bool]:
    """Nobody has heard of them since, and nothing that they said, were told or are linked to is left."""
    c, i = conversations.c, identities.c
    kept = [exists().where(table.c.conversation_id == c.id) for table in (messages, outbox, cases)]
    spoken = exists().where(c.identity_id == i.id, or_(c.heard_at >= before, c.at >= before, *kept))
    known = exists().where(i.customer_id == customers.c.id, or_(i.at >= before, i.verified_until >= before, spoken))
    worked = exists().where(cases.c.customer_id == customers.c.id)
    return and_(customers.c.at < before, customers.c.case_id.is_(None), ~worked, ~known)


_KINDS = (
    _Kind("receipts", receipts, lambda before: receipts.c.at < before),
    _Kind("receipts", posted, lambda before: posted.c.at < before),
    _Kind("receipts", spending, lambda before: spending.c.day < int(before // DAY)),
    _Kind("codes", codes, lambda before: codes.c.until < before),
    _Kind("sessions", sessions, lambda before: sessions.c.until < before),
    _Kind("audit", audit, lambda before: audit.c.at < before),
    _Kind("traces", traces, _traces),
    _Kind("messages", messages, _messages),
    _Kind("messages", outbox, _outbox),
    _Kind("events", events, lambda before: and_(events.c.at < before, ~_busy(events.c.conversation_id))),
    _Kind("cases", cases, _cases),
    _Kind("customers", customers, _customers),
)


class RecordHousekeeping:
    """ports.Housekeeping on SQL. Old rows stand first in their tables, so only the last look of a purge reads far."""

    def __init__(self, database: Database, retention: Retention) -> None:
        self._database = database
        self._days: Mapping[str, int] = retention.model_dump()

    async def due(self, now: Instant) -> Mapping[str, int]:
        counted = dict.fromkeys(self._days, 0)
        for kind, old in self._due(now):
            counted[kind.name] += await self._database.read(partial(_count, kind, old))
        return counted

    async def purge(self, now: Instant) -> Mapping[str, int]:
        gone: dict[str, int] = {}
        for kind, old in self._due(now):
            keys = await self._database.read(partial(_find, kind, old))
            if keys:
                rows = await self._database.write(partial(_delete, kind, old, keys))
                gone[kind.name] = gone.get(kind.name, 0) + rows
        return gone

    def _due(self, now: Instant) -> list[tuple[_Kind, ColumnElement[bool]]]:
        """What is not kept for ever, with the condition under which it goes now."""
        kept = ((kind, self._days[kind.name]) for kind in _KINDS)
        return [(kind, kind.old(now - days * DAY)) for kind, days in kept if days]


def _count(kind: _Kind, old: ColumnElement[bool], connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(kind.table).where(old)).scalar_one()


def _find(kind: _Kind, old: ColumnElement[bool], connection: Connection) -> list[tuple[Any, ...]]:
    key = kind.table.primary_key.columns
    found = connection.execute(select(*key).where(old).limit(AT_ONCE))
    return [tuple(row) for row in found]


def _delete(kind: _Kind, old: ColumnElement[bool], keys: Sequence[tuple[Any, ...]], connection: Connection) -> int:
    """Those of `keys` that are old still. Of a customer first what hangs on them."""
    forgotten(connection)
    if kind.table is customers:
        return _delete_customers(connection, old, [key[0] for key in keys])
    these = tuple_(*kind.table.primary_key.columns).in_(keys)
    return connection.execute(delete(kind.table).where(these, old)).rowcount


def _delete_customers(connection: Connection, old: ColumnElement[bool], ids: Sequence[str]) -> int:
    """Their conversations are locked before it is looked whether anything has been said meanwhile."""
    known = select(identities.c.id).where(identities.c.customer_id.in_(ids)).scalar_subquery()
    talks = select(conversations.c.id).where(conversations.c.identity_id.in_(known)).order_by(conversations.c.id)
    connection.execute(talks.with_for_update())
    still = list(connection.execute(select(customers.c.id).where(customers.c.id.in_(ids), old)).scalars())
    theirs = select(identities.c.id).where(identities.c.customer_id.in_(still)).scalar_subquery()
    connection.execute(delete(conversations).where(conversations.c.identity_id.in_(theirs)))
    connection.execute(delete(identities).where(identities.c.customer_id.in_(still)))
    return connection.execute(delete(customers).where(customers.c.id.in_(still))).rowcount
