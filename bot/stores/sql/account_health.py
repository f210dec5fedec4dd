"""The health of each account, as leads read it: unhandled messages, the outbox, errors, limits and spending."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from bot.domain.accounts import AccountHealth, QuotaLeft
from bot.domain.messages import DAY, Instant, OutboxState
from bot.stores.sql.database import Database
from bot.stores.sql.schema import OPEN, UNDELIVERED, conversations, messages, outbox, quotas, spending, standings

NEWEST = 500  # rows searched for each account's last error, so that the page stays fast with a long outbox
Found: TypeAlias = dict[str, dict[str, Any]]

c, m, o = conversations.c, messages.c, outbox.c
_LAST_MESSAGES = select(c.account, func.max(c.heard_at).label("last_message_at")).group_by(c.account)
_UNHANDLED = (
    select(c.account, func.count().label("unhandled"), func.min(m.at).label("unhandled_since"))
    .join(messages, m.conversation_id == c.id)
    .where(c.inbound_seq > c.handled_seq, m.seq > c.handled_seq, m.dedup_key.is_not(None))
    .group_by(c.account)
)


def _count_by_state(which: ColumnElement[bool]) -> Select[Any]:
    rows = select(c.account, o.state, func.count().label("count"), func.min(o.state_at).label("since"))
    return rows.join(conversations, c.id == o.conversation_id).where(which).group_by(c.account, o.state)


class SqlAccountHealth:
    """ports.AccountHealthReader on SQL. Finding the last messages reads all conversations once; the rest is indexed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accounts(self, apps: Mapping[str, str]) -> list[AccountHealth]:
        return await self._database.read(lambda one: _read(one, apps, self._database.now(one)))


def _read(connection: Connection, apps: Mapping[str, str], now: Instant) -> list[AccountHealth]:
    found: Found = {account: {} for account in apps}
    for account, facts in _facts(connection, now):
        if account in found:
            found[account] |= facts
    for account, facts in _errors(connection):
        if account in found and facts["error_at"] > found[account].get("error_at", 0.0):
            found[account] |= facts
    left = _quotas(connection, apps, now)
    return [AccountHealth(account, quotas=left[account], **facts) for account, facts in found.items()]


def _facts(connection: Connection, now: Instant) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in connection.execute(_LAST_MESSAGES):
        yield row.account, {"last_message_at": row.last_message_at}
    for row in connection.execute(_UNHANDLED):
        yield row.account, {"unhandled": row.unhandled, "unhandled_since": row.unhandled_since}
    yield from _outgoing(connection)
    for row in connection.execute(select(standings)):
        kept = {"halted": row.halted, "halted_at": row.halted_at, "error": row.error, "error_at": row.error_at}
        yield row.account, kept | {"last_poll_at": row.heard_at}
    for row in connection.execute(select(spending).where(spending.c.day == int(now // DAY))):
        yield row.account, {"spent": row.amount}


def _outgoing(connection: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    under_way: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(_count_by_state(OPEN)):
        if row.state == OutboxState.WAITING.value:
            yield row.account, {"waiting": row.count}
        else:
            under_way[row.account].append(row)
    for account, rows in under_way.items():
        yield account, {"outgoing": sum(row.count for row in rows), "outgoing_since": min(row.since for row in rows)}
    for row in connection.execute(_count_by_state(UNDELIVERED)):
        yield row.account, {row.state: row.count}


def _errors(connection: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    for which in (OPEN, UNDELIVERED):
        erred = select(c.account, o.error, o.state_at).join(conversations, c.id == o.conversation_id)
        newest = erred.where(which, o.error != "").order_by(o.state_at.desc()).limit(NEWEST)
        for row in connection.execute(newest):
            yield row.account, {"error": row.error, "error_at": row.state_at}


def _quotas(connection: Connection, apps: Mapping[str, str], now: Instant) -> dict[str, tuple[QuotaLeft, ...]]:
    """The current windows of each account, and those of its app, which it shares with other accounts."""
    under_way = select(quotas).where(quotas.c.until > now).order_by(quotas.c.window)
    left: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(under_way):
        left[row.holder].append(row)
    return {
        account: (
            *(QuotaLeft(row.window, max(0, row.left), row.until) for row in left[account]),
            *(QuotaLeft(row.window, max(0, row.left), row.until, shared=True) for row in (left[app] if app else ())),
        )
        for account, app in apps.items()
    }
