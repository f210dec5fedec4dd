"""The outbox: what is due, what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, exists, or_, select, update

from bot.decisions import Effect
from bot.messages import Author, Instant, Outbound, OutboxState, Owner
from bot.stores.record import eventlog
from bot.stores.record.database import Database
from bot.stores.record.forgetting import is_forgotten
from bot.stores.record.rows import conversation_of, locked, seen
from bot.stores.record.tables import OPEN, conversations, messages, outbox
from bot.turns import Delivered, Due, Happened

OFFER_LASTS = 20.0
_SETTLED = {OutboxState.FAILED: "delivery_failed", OutboxState.IN_DOUBT: "delivery_in_doubt"}
_AGAIN = (OutboxState.PENDING, OutboxState.WAITING)
o, before = outbox.c, outbox.alias("before")
_EARLIER = exists().where(
    before.c.conversation_id == o.conversation_id,
    before.c.seq <= o.seq,
    or_(before.c.seq < o.seq, and_(before.c.seq == o.seq, before.c.id < o.id)),  # a long text's pieces share its place
    before.c.effect.is_(None) == o.effect.is_(None),
    or_(
        before.c.state.in_(("pending", "sending")),
        and_(before.c.state == "offered", ~before.c.written, before.c.state_at > bindparam("offers")),
    ),
)
_WAY = select(o.id, o.conversation_id, o.seq, o.attempts, o.author, o.text, o.effect, o.answers, o.error)
_DUE = (
    _WAY.where(OPEN, o.state == "pending", o.due_at <= bindparam("now"), ~_EARLIER)
    .order_by(o.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_OF_NARROW_WAYS = exists().where(
    conversations.c.id == o.conversation_id, conversations.c.account.in_(bindparam("accounts", expanding=True))
)
_DUE_THERE, _DUE_ELSEWHERE = _DUE.where(_OF_NARROW_WAYS), _DUE.where(~_OF_NARROW_WAYS)
_UNDER_WAY = select(o.id, o.conversation_id, o.author, o.effect).where(
    o.id.in_(bindparam("ids", expanding=True)), o.state == "sending"
)
_SENDING = (
    update(outbox)
    .where(o.id.in_(bindparam("ids", expanding=True)))
    .values(state="sending", attempts=o.attempts + 1, state_at=bindparam("b_now"))
)
_HELD = select(conversations.c.id).where(
    conversations.c.account == bindparam("account"), (conversations.c.thread == "") == bindparam("private")
)
_SAME_WAY = (
    select(o.id)
    .where(OPEN, o.state == "pending", o.due_at < bindparam("until"), o.effect.is_(None))
    .where(o.conversation_id.in_(_HELD))
    .with_for_update(skip_locked=True)
)
_PUT_OFF = update(outbox).where(o.id.in_(_SAME_WAY)).values(due_at=bindparam("until"))
_SETTLE = (
    update(outbox)
    .where(o.id == bindparam("b_id"), o.state == "sending")
    .values(
        state=bindparam("b_state"),
        error=bindparam("b_error"),
        attempts=o.attempts - bindparam("b_untried"),
        platform_id=bindparam("b_platform"),
        due_at=bindparam("b_due"),
        state_at=bindparam("b_now"),
    )
)


class RecordOutbox:
    """ports.Outbox on SQL. `offers`: for how many seconds an offered reply that nobody noted as written holds up what
    comes after it."""

    def __init__(self, database: Database, offers: float = OFFER_LASTS) -> None:
        self._database = database
        self._offers = offers

    async def take(self, limit: int, room: Mapping[str, int] | None = None) -> list[Due]:
        return await self._database.write(lambda connection: self._take(connection, limit, room or {}))

    async def settle(self, delivered: Sequence[Delivered]) -> None:
        """What it was not time for puts off everything else that goes the same way: however much waits there, nobody
        asks for each of it whether it may go yet."""
        ways = await self._database.write(lambda connection: self._settle(connection, delivered))
        if ways:
            await self._database.write(lambda connection: _put_off(connection, ways))

    async def close_offers(self, age: float) -> int:
        return await self._database.write(lambda connection: self._close_offers(connection, age))

    async def orphans(self, age: float) -> list[Due]:
        return await self._database.read(lambda connection: self._orphans(connection, age))

    def _take(self, connection: Connection, limit: int, room: Mapping[str, int]) -> list[Due]:
        now = self._database.now(connection)
        asked: dict[str, Any] = {"now": now, "offers": now - self._offers}
        elsewhere = {"accounts": list(room), "most": limit}
        rows = list(connection.execute(_DUE_ELSEWHERE if room else _DUE, asked | elsewhere))
        for account, most in room.items():
            rows += connection.execute(_DUE_THERE, asked | {"accounts": [account], "most": most})
        if not rows:
            return []
        connection.execute(_SENDING, {"ids": [row.id for row in rows], "b_now": now})
        return _dues(connection, rows)

    def _settle(self, connection: Connection, delivered: Sequence[Delivered]) -> dict[_Route, Instant]:
        """Conversations are locked before their rows, in the order of their ids, as turns and claims do. The ways that
        are closed now, and until when."""
        now, news = self._database.now(connection), {one.id: one for one in delivered}
        talks = locked(connection, _talks_of(connection, delivered))
        rows = connection.execute(_UNDER_WAY, {"ids": list(news)}).all()
        if not rows:
            return {}
        fates = [_Fate(talks[row.conversation_id], row, _or_cancelled(news[row.id], row, talks)) for row in rows]
        connection.execute(_SETTLE, [_settlement(fate.now, now) for fate in fates])
        _count_in_window(connection, [fate for fate in fates if fate.now.state is OutboxState.SENT])
        _count_waiting(connection, [fate for fate in fates if fate.now.state is OutboxState.WAITING])
        _tell(connection, [fate for fate in fates if fate.now.state in _SETTLED], now)
        return _closed(fates)

    def _close_offers(self, connection: Connection, age: float) -> int:
        """Nobody asked again: the platform has the reply, unless our process died before writing it."""
        now = self._database.now(connection)
        fate = case((o.written, OutboxState.SENT.value), else_=OutboxState.IN_DOUBT.value)
        closing = update(outbox).where(OPEN, o.state == "offered", o.state_at < now - age)
        return connection.execute(closing.values(state=fate, state_at=now, body=None)).rowcount

    def _orphans(self, connection: Connection, age: float) -> list[Due]:
        since = self._database.now(connection) - age
        return _dues(connection, connection.execute(_WAY.where(OPEN, o.state == "sending", o.state_at < since)).all())


def _dues(connection: Connection, rows: Sequence[Any]) -> list[Due]:
    talks = seen(connection, sorted({row.conversation_id for row in rows}))
    return [_due(row, talks[row.conversation_id], _answered(connection, row, talks)) for row in rows]


def _answered(connection: Connection, row: Any, talks: Mapping[str, Row[Any]]) -> Mapping[str, str]:
    """The facts of what a public reply is a reply to: the message it answers, for people's words the newest one."""
    if not talks[row.conversation_id].thread or row.effect is not None:
        return {}
    heard = select(messages.c.data).where(messages.c.conversation_id == row.conversation_id)
    this = heard.where(messages.c.id == row.answers) if row.answers else heard.where(messages.c.dedup_key.is_not(None))
    data = connection.execute(this.order_by(messages.c.seq.desc()).limit(1)).scalar()
    return json.loads(data) if data else {}


def _due(row: Any, talk: Row[Any], answers: Mapping[str, str]) -> Due:
    conversation = conversation_of(talk)
    if row.effect is not None:
        effect = json.loads(row.effect)
        return Due(row.id, conversation, row.attempts + 1, effect=Effect(effect["name"], effect["arguments"]))
    message = Outbound(
        row.id,
        talk.account,
        conversation.identity.handle,
        conversation.thread,
        row.text,
        Author(row.author),
        answers=answers,
        last_error=row.error,
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
        "b_untried": 0 if one.tried else 1,
        "b_platform": one.platform_id,
        "b_due": one.retry_at,
        "b_now": now,
    }


@dataclass(frozen=True, slots=True)
class _Fate:
    """What becomes of a row that was under way, and the conversation it belongs to, locked."""

    talk: Row[Any]
    row: Any
    now: Delivered


@dataclass(frozen=True, slots=True)
class _Route:
    """How messages leave: an account's public threads, or its private conversations, have limits of their own."""

    account: str
    private: bool


def _closed(fates: Sequence[_Fate]) -> dict[_Route, Instant]:
    """The ways that somebody found closed, and until when; the nearest opening is looked at first."""
    closed: dict[_Route, Instant] = {}
    for fate in fates:
        if fate.now.state is OutboxState.PENDING and not fate.now.tried and fate.row.effect is None:
            way = _Route(fate.talk.account, not fate.talk.thread)
            closed[way] = min(closed.get(way, fate.now.retry_at), fate.now.retry_at)
    return closed


def _put_off(connection: Connection, ways: Mapping[_Route, Instant]) -> None:
    """In a transaction of its own, which holds no conversation and waits for nobody."""
    for way, until in ways.items():
        connection.execute(_PUT_OFF, {"account": way.account, "private": way.private, "until": until})


def _or_cancelled(one: Delivered, row: Any, talks: Mapping[str, Row[Any]]) -> Delivered:
    """What the bot was about to say again is not said any more once a person has claimed the conversation; and nothing
    to whoever was forgotten meanwhile, of whom no id at the platform is kept."""
    talk = talks[row.conversation_id]
    if is_forgotten(talk.handle):
        return replace(one, platform_id="", state=OutboxState.CANCELLED if one.state in _AGAIN else one.state)
    claimed = talk.owner == Owner.AGENT.value
    if one.state in _AGAIN and row.author == Author.BOT.value and claimed and row.effect is None:
        return replace(one, state=OutboxState.CANCELLED)
    return one


def _count_in_window(connection: Connection, sent: Sequence[_Fate]) -> None:
    """Messages that we sent by ourselves use up the platform's reply window. Effects do not."""
    for fate in sent:
        if fate.row.effect is None:
            this = update(conversations).where(conversations.c.id == fate.talk.id)
            connection.execute(this.values(sent_in_window=conversations.c.sent_in_window + 1))


def _count_waiting(connection: Connection, put_off: Sequence[_Fate]) -> None:
    """What the platform will not take now goes out when the customer writes again."""
    for fate in put_off:
        this = update(conversations).where(conversations.c.id == fate.talk.id)
        connection.execute(this.values(waiting=conversations.c.waiting + 1))


def _tell(connection: Connection, fates: Sequence[_Fate], now: Instant) -> None:
    """An event for each delivery that people must see to."""
    last = {fate.talk.id: fate.talk.event_seq for fate in fates}
    entries = []
    for fate in fates:
        talk, what = fate.talk, Happened(_SETTLED[fate.now.state], "system", data={"code": fate.now.error})
        last[talk.id] += 1
        entries.append(eventlog.EventEntry(talk.id, last[talk.id], talk.channel, talk.account, what, talk.case_id))
    for id_, seq in last.items():
        connection.execute(update(conversations).where(conversations.c.id == id_).values(event_seq=seq))
    eventlog.append(connection, entries, now)
