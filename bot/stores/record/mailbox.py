"""A private conversation as its customer reads it: what was said and is decided to be said, in order.

A line of the bot or of an agent can be read once delivery has taken it, because from then on nothing cancels it any
more (rule 5: a claim cancels what is pending). One that is pending holds back whatever was said after it, so that a
reader who asks for "later than n" never misses an n that came late.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select

from bot.mail import Line, Mail
from bot.messages import Author, Kind, OutboxState, Owner
from bot.stores.record.database import Database
from bot.stores.record.tables import OPEN, conversations, identities, messages, outbox

AT_ONCE = 100
_ASKED_TOGETHER = 200  # accounts and handles in one statement
_UNREADABLE = (Kind.NOTE.value, Kind.OUTCOME.value)
_PENDING = OutboxState.PENDING.value
_CANCELLED = OutboxState.CANCELLED.value
c, i, m = conversations.c, identities.c, messages.c

_BOX: Select[Any] = (
    select(c.id, c.owner, c.inbound_seq, c.handled_seq)
    .join(identities, i.id == c.identity_id)
    .where(i.account == bindparam("account"), i.handle == bindparam("handle"), c.thread == "")
)
_SAID = select(messages).where(m.conversation_id == bindparam("box"), m.kind.not_in(_UNREADABLE))
_LATER = _SAID.where(m.seq > bindparam("after")).order_by(m.seq).limit(AT_ONCE + 1)
_NEWEST = _SAID.order_by(m.seq.desc()).limit(AT_ONCE)
_CARRIED = select(outbox.c.message_id, outbox.c.state).where(
    outbox.c.conversation_id == bindparam("box"),
    outbox.c.seq >= bindparam("first"),
    outbox.c.message_id.is_not(None),
)
_MARKS = (
    select(i.account, i.handle, c.id, c.seq, c.owner, (c.inbound_seq > c.handled_seq).label("thinking"))
    .join(identities, i.id == c.identity_id)
    .where(
        i.account.in_(bindparam("accounts", expanding=True)),
        i.handle.in_(bindparam("handles", expanding=True)),
        c.thread == "",
    )
)
_HELD = (
    select(outbox.c.conversation_id, func.count().label("held"))
    .where(OPEN, outbox.c.state == _PENDING, outbox.c.conversation_id.in_(bindparam("boxes", expanding=True)))
    .group_by(outbox.c.conversation_id)
)


class RecordMailbox:
    """ports.Mailbox on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, account: str, handle: str, after: int | None) -> Mail:
        return await self._database.read(lambda connection: _read(connection, account, handle, after))

    async def marks(self, boxes: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        asked = sorted(boxes)
        found: dict[tuple[str, str], str] = {}
        for start in range(0, len(asked), _ASKED_TOGETHER):
            some = asked[start : start + _ASKED_TOGETHER]
            found |= await self._database.read(lambda connection, some=some: _marks(connection, some))  # type: ignore[misc]
        return {box: found.get(box, "") for box in asked}


def _read(connection: Connection, account: str, handle: str, after: int | None) -> Mail:
    box = connection.execute(_BOX, {"account": account, "handle": handle}).first()
    if box is None:
        return Mail()
    if after is None:
        rows = list(reversed(connection.execute(_NEWEST, {"box": box.id}).all()))
    else:
        rows = list(connection.execute(_LATER, {"box": box.id, "after": after}))
    more = after is not None and len(rows) > AT_ONCE
    rows = rows[:AT_ONCE]
    lines = tuple(_readable(rows, _states(connection, box.id, rows)))
    return Mail(lines, Owner(box.owner), box.inbound_seq > box.handled_seq, more and bool(lines))


def _states(connection: Connection, box: str, rows: Sequence[Row[Any]]) -> Mapping[str, set[str]]:
    """In which states the pieces of each line are."""
    states: dict[str, set[str]] = defaultdict(set)
    if rows:
        for message_id, state in connection.execute(_CARRIED, {"box": box, "first": rows[0].seq}):
            states[message_id].add(state)
    return states


def _readable(rows: Iterable[Row[Any]], states: Mapping[str, set[str]]) -> Iterator[Line]:
    for row in rows:
        carried = states.get(row.id, set())
        if _PENDING in carried:
            return
        if carried != {_CANCELLED}:
            yield Line(row.seq, Author(row.author), row.text, row.at, row.dedup_key or "")


def _marks(connection: Connection, boxes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    names = {"accounts": sorted({account for account, _ in boxes}), "handles": sorted({handle for _, handle in boxes})}
    rows = connection.execute(_MARKS, names).all()
    held: dict[str, int] = {}
    if rows:
        boxes = [row.id for row in rows]
        held = {row.conversation_id: row.held for row in connection.execute(_HELD, {"boxes": boxes})}
    return {
        (row.account, row.handle): f"{row.seq} {row.owner} {bool(row.thinking)} {held.get(row.id, 0)}" for row in rows
    }
