"""The outbox: what is due, what became of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, exists, or_, select, update

from bot.messages import Author, Effect, Instant, Outbound, OutboxState
from bot.stores.record import eventlog
from bot.stores.record.database import Database
from bot.stores.record.rows import conversation_of, locked, seen
from bot.stores.record.tables import conversations, outbox
from bot.turns import Delivered, Due, Happened

OFFER_LASTS = 20.0
_SETTLED = {OutboxState.FAILED: "delivery_failed", OutboxState.IN_DOUBT: "delivery_in_doubt"}
o, before = outbox.c, outbox.alias("before")
_EARLIER = exists().where(
    before.c.conversation_id == o.conversation_id,
    before.c.seq < o.seq,
    before.c.effect.is_(None) == o.effect.is_(None),
    or_(
        before.c.state.in_(("pending", "sending")),
        and_(before.c.state == "offered", ~before.c.written, before.c.state_at > bindparam("offers")),
    ),
)
_DUE = (
    select(o.id, o.conversation_id, o.seq, o.attempts, o.author, o.text, o.effect)
    .where(o.state == "pending", o.due_at <= bindparam("now"), ~_EARLIER)
    .order_by(o.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_SENDING = (
    update(outbox)
    .where(o.id.in_(bindparam("ids", expanding=True)))
    .values(state="sending", attempts=o.attempts + 1, state_at=bindparam("b_now"))
)
_SETTLE = (
    update(outbox)
    .where(o.id == bindparam("b_id"), o.state == "sending")
    .values(
        state=bindparam("b_state"),
        error=bindparam("b_error"),
        platform_id=bindparam("b_platform"),
        due_at=bindparam("b_due"),
        state_at=bindparam("b_now"),
    )
)


class RecordOutbox:
    """ports.Outbox on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, limit: int) -> list[Due]:
        return await self._database.write(lambda connection: self._take(connection, limit))

    async def settle(self, delivered: Sequence[Delivered]) -> None:
        await self._database.write(lambda connection: self._settle(connection, delivered))

    async def close_offers(self, age: float) -> int:
        return await self._database.write(lambda connection: self._close_offers(connection, age))

    async def doubt_orphans(self, age: float) -> int:
        return await self._database.write(lambda connection: self._doubt(connection, age))

    def _take(self, connection: Connection, limit: int) -> list[Due]:
        now = self._database.now(connection)
        rows = connection.execute(_DUE, {"now": now, "most": limit, "offers": now - OFFER_LASTS}).all()
        if not rows:
            return []
        connection.execute(_SENDING, {"ids": [row.id for row in rows], "b_now": now})
        talks = seen(connection, sorted({row.conversation_id for row in rows}))
        return [_due(row, talks[row.conversation_id]) for row in rows]

    def _settle(self, connection: Connection, delivered: Sequence[Delivered]) -> None:
        now = self._database.now(connection)
        locked(connection, _talks_of(connection, delivered))
        connection.execute(_SETTLE, [_settlement(one, now) for one in delivered])
        counted = [one.id for one in delivered if one.state is OutboxState.SENT]
        if counted:
            _count_in_window(connection, counted)
        _tell(connection, [one for one in delivered if one.state in _SETTLED], now)

    def _close_offers(self, connection: Connection, age: float) -> int:
        """Nobody asked again: the platform has the reply, unless our process died before writing it."""
        now = self._database.now(connection)
        fate = case((o.written, OutboxState.SENT.value), else_=OutboxState.IN_DOUBT.value)
        closing = update(outbox).where(o.state == "offered", o.state_at < now - age)
        return connection.execute(closing.values(state=fate, state_at=now, body=None)).rowcount

    def _doubt(self, connection: Connection, age: float) -> int:
        since = self._database.now(connection) - age
        orphans = connection.execute(select(o.id).where(o.state == "sending", o.state_at < since)).scalars().all()
        if orphans:
            self._settle(connection, [Delivered(id_, OutboxState.IN_DOUBT, error="sender_died") for id_ in orphans])
        return len(orphans)


def _due(row: Any, talk: Row[Any]) -> Due:
    conversation = conversation_of(talk)
    if row.effect is not None:
        effect = json.loads(row.effect)
        return Due(row.id, conversation, row.attempts + 1, effect=Effect(effect["name"], effect["arguments"]))
    message = Outbound(
        row.id, talk.account, conversation.identity.handle, conversation.thread, row.text, Author(row.author)
    )
    return Due(row.id, conversation, row.attempts + 1, message)


def _talks_of(connection: Connection, delivered: Sequence[Delivered]) -> list[str]:
    of_rows = select(o.conversation_id).where(o.id.in_([one.id for one in delivered])).distinct()
    return sorted(connection.execute(of_rows).scalars())


def _settlement(one: Delivered, now: Instant) -> dict[str, Any]:
    return {
        "b_id": one.id,
        "b_state": one.state.value,
        "b_error": one.error,
        "b_platform": one.platform_id,
        "b_due": one.retry_at,
        "b_now": now,
    }


def _count_in_window(connection: Connection, ids: Sequence[str]) -> None:
    """Messages that we sent by ourselves use up the platform's reply window. Effects do not."""
    of_rows = select(o.conversation_id).where(o.id.in_(ids), o.effect.is_(None))
    connection.execute(
        update(conversations)
        .where(conversations.c.id.in_(of_rows))
        .values(sent_in_window=conversations.c.sent_in_window + 1)
    )


def _tell(connection: Connection, failed: Sequence[Delivered], now: Instant) -> None:
    """An event for each delivery that people must see to."""
    for one in failed:
        id_ = connection.execute(select(o.conversation_id).where(o.id == one.id)).scalar_one()
        row = locked(connection, [id_])[id_]
        seq = row.event_seq + 1
        connection.execute(update(conversations).where(conversations.c.id == id_).values(event_seq=seq))
        what = Happened(_SETTLED[one.state], "system", data={"code": one.error})
        eventlog.append(connection, [eventlog.EventEntry(id_, seq, row.channel, row.account, what, row.case_id)], now)
