"""How each account fares, read from everything that stands about it in the record.

Looked at when a lead opens the page: the last message is found by reading all conversations once; the rest by the small
indexes of what is not done with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from bot.health import AccountHealth, QuotaLeft
from bot.messages import Instant, OutboxState
from bot.stores.record.database import Database
from bot.stores.record.tables import (
    OPEN,
    UNDELIVERED,
    conversations,
    messages,
    outbox,
    quotas,
    spending,
    standings,
)

DAY = 86_400
NEWEST = 500  # rows in which each account's last error is looked for
Found: TypeAlias = dict[str, dict[str, Any]]

c, m, o = conversations.c, messages.c, outbox.c
_HEARD = select(c.account, func.max(c.heard_at).label("heard_at")).group_by(c.account)
_BEHIND = (
    select(c.account, func.count().label("behind"), func.min(m.at).label("behind_since"))
    .join(messages, m.conversation_id == c.id)
    .where(c.inbound_seq > c.handled_seq, m.seq > c.handled_seq, m.dedup_key.is_not(None))
    .group_by(c.account)
)


def _counted(which: ColumnElement[bool]) -> Select[Any]:
    rows = select(c.account, o.state, func.count().label("count"), func.min(o.state_at).label("since"))
    return rows.join(conversations, c.id == o.conversation_id).where(which).group_by(c.account, o.state)


def _erred(which: ColumnElement[bool]) -> Select[Any]:
    rows = select(c.account, o.error, o.state_at).join(conversations, c.id == o.conversation_id)
    return rows.where(which, o.error != "").order_by(o.state_at.desc()).limit(NEWEST)


class RecordHealth:
    """ports.HealthRoom on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accounts(self, holders: Mapping[str, str]) -> list[AccountHealth]:
        return await self._database.read(lambda one: _read(one, holders, self._database.now(one)))


def _read(connection: Connection, holders: Mapping[str, str], now: Instant) -> list[AccountHealth]:
    found: Found = {account: {} for account in holders}
    for account, facts in _facts(connection, now):
        if account in found:
            found[account] |= facts
    for account, facts in _errors(connection):
        if account in found and facts["error_at"] > found[account].get("error_at", 0.0):
            found[account] |= facts
    left = _quotas(connection, holders, now)
    return [AccountHealth(account, quotas=left[account], **facts) for account, facts in found.items()]


def _facts(connection: Connection, now: Instant) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in connection.execute(_HEARD):
        yield row.account, {"heard_at": row.heard_at}
    for row in connection.execute(_BEHIND):
        yield row.account, {"behind": row.behind, "behind_since": row.behind_since}
    yield from _outgoing(connection)
    for row in connection.execute(select(standings)):
        kept = {"halted": row.halted, "halted_at": row.halted_at, "error": row.error, "error_at": row.error_at}
        yield row.account, kept | {"looked_at": row.heard_at}
    for row in connection.execute(select(spending).where(spending.c.day == int(now // DAY))):
        yield row.account, {"spent": row.amount}


def _outgoing(connection: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    under_way: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(_counted(OPEN)):
        if row.state == OutboxState.WAITING.value:
            yield row.account, {"fetched_later": row.count}
        else:
            under_way[row.account].append(row)
    for account, rows in under_way.items():
        yield account, {"outgoing": sum(row.count for row in rows), "outgoing_since": min(row.since for row in rows)}
    for row in connection.execute(_counted(UNDELIVERED)):
        yield row.account, {row.state: row.count}


def _errors(connection: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    for which in (OPEN, UNDELIVERED):
        for row in connection.execute(_erred(which)):
            yield row.account, {"error": row.error, "error_at": row.state_at}


def _quotas(connection: Connection, holders: Mapping[str, str], now: Instant) -> dict[str, tuple[QuotaLeft, ...]]:
    """Windows of the account itself and of its app."""
    under_way = select(quotas).where(quotas.c.until > now).order_by(quotas.c.window)
    left: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(under_way):
        left[row.holder].append(row)
    return {
        account: (
            *(QuotaLeft(row.window, max(0, row.left), row.until) for row in left[account]),
            *(QuotaLeft(row.window, max(0, row.left), row.until, shared=True) for row in (left[app] if app else ())),
        )
        for account, app in holders.items()
    }
