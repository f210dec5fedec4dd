"""Deletes rows older than their retention period, a few at a time.

Due rows are found in a reading transaction, which may take long, and deleted in short writing ones that check again.
Kept are rows of customers with an open case, and of conversations with a message that has no turn yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, or_, select, tuple_

from bot.config import RetentionDays
from bot.domain.cases import CaseState
from bot.domain.messages import DAY, Instant
from bot.stores.sql.database import Database, mark_erased
from bot.stores.sql.schema import (
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
_OPEN_CASE = cases.c.state.in_((CaseState.WAITING.value, CaseState.CLAIMED.value))


@dataclass(frozen=True, slots=True)
class _Kind:
    """A table with a retention period."""

    name: str  # the field of config.Retention
    table: Table
    expired: Callable[[Instant], ColumnElement[bool]]  # the condition for rows from before that time


def _busy(conversation_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the conversation's customer has an open case, or one of its messages has no turn yet."""
    theirs = exists().where(cases.c.customer_id == identities.c.customer_id, _OPEN_CASE)
    c = conversations.c
    return exists(
        select(c.id)
        .join(identities, identities.c.id == c.identity_id)
        .where(c.id == conversation_id, or_(c.inbound_seq > c.handled_seq, c.case_id.is_not(None), theirs))
    )


def _outbox(before: Instant) -> ColumnElement[bool]:
    """Replies whose message is deleted already, and effects, which have none."""
    said = exists().where(messages.c.id == outbox.c.message_id)
    return and_(outbox.c.state_at < before, ~OPEN, ~said, ~_busy(outbox.c.conversation_id))


def _cases(before: Instant) -> ColumnElement[bool]:
    held = exists().where(conversations.c.case_id == cases.c.id)
    return and_(~_OPEN_CASE, cases.c.ended_at > 0, cases.c.ended_at < before, ~held)


def _customers(before: Instant) -> ColumnElement[bool]:
    """Customers without messages, outbox rows, cases or a member link, and not heard of since `before`."""
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
    _Kind("traces", traces, lambda before: and_(traces.c.at < before, ~_busy(traces.c.conversation_id))),
    _Kind("messages", messages, lambda before: and_(messages.c.at < before, ~_busy(messages.c.conversation_id))),
    _Kind("messages", outbox, _outbox),
    _Kind("events", events, lambda before: and_(events.c.at < before, ~_busy(events.c.conversation_id))),
    _Kind("cases", cases, _cases),
    _Kind("customers", customers, _customers),
)


class SqlRetention:
    """ports.Retention on SQL. Old rows come first in their tables, so only the last search of a purge reads far."""

    def __init__(self, database: Database, retention: RetentionDays) -> None:
        self._database = database
        self._days: Mapping[str, int] = retention.model_dump()

    async def due(self, now: Instant) -> Mapping[str, int]:
        counted = dict.fromkeys(self._days, 0)
        for kind, expired in self._due(now):
            rows = select(func.count()).select_from(kind.table).where(expired)
            counted[kind.name] += await self._database.read(
                lambda connection, rows=rows: connection.execute(rows).scalar_one()  # type: ignore[misc]
            )
        return counted

    async def purge(self, now: Instant) -> Mapping[str, int]:
        gone: dict[str, int] = {}
        for kind, expired in self._due(now):
            keys = await self._database.read(partial(_find, kind, expired))
            if keys:
                rows = await self._database.write(partial(_delete, kind, expired, keys))
                gone[kind.name] = gone.get(kind.name, 0) + rows
        return gone

    def _due(self, now: Instant) -> list[tuple[_Kind, ColumnElement[bool]]]:
        """The tables with a retention period (0 days: kept for ever), and the condition for rows that are due."""
        kept = ((kind, self._days[kind.name]) for kind in _KINDS)
        return [(kind, kind.expired(now - days * DAY)) for kind, days in kept if days]


def _find(kind: _Kind, expired: ColumnElement[bool], connection: Connection) -> list[tuple[Any, ...]]:
    key = kind.table.primary_key.columns
    found = connection.execute(select(*key).where(expired).limit(AT_ONCE))
    return [tuple(row) for row in found]


def _delete(kind: _Kind, expired: ColumnElement[bool], keys: Sequence[tuple[Any, ...]], connection: Connection) -> int:
    """Delete the rows of `keys` that are still old; returns how many."""
    mark_erased(connection)
    if kind.table is customers:
        return _delete_customers(connection, expired, [key[0] for key in keys])
    these = tuple_(*kind.table.primary_key.columns).in_(keys)
    return connection.execute(delete(kind.table).where(these, expired)).rowcount


def _delete_customers(connection: Connection, expired: ColumnElement[bool], ids: Sequence[str]) -> int:
    """Delete customers with their identities and conversations.

    The conversations are locked before the condition is checked again: the customer may have written meanwhile.
    """
    known = select(identities.c.id).where(identities.c.customer_id.in_(ids)).scalar_subquery()
    talks = select(conversations.c.id).where(conversations.c.identity_id.in_(known)).order_by(conversations.c.id)
    connection.execute(talks.with_for_update())
    still = list(connection.execute(select(customers.c.id).where(customers.c.id.in_(ids), expired)).scalars())
    theirs = select(identities.c.id).where(identities.c.customer_id.in_(still)).scalar_subquery()
    connection.execute(delete(conversations).where(conversations.c.identity_id.in_(theirs)))
    connection.execute(delete(identities).where(identities.c.customer_id.in_(still)))
    return connection.execute(delete(customers).where(customers.c.id.in_(still))).rowcount
