"""Accepting: receipts, messages, their order, and the lease that says who does the work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.messages import Author, Inbound, Instant, Kind, OutboxState
from bot.stores.record import eventlog
from bot.stores.record.arrivals import MOVED, Thread, threads_of
from bot.stores.record.bulk import Bulk
from bot.stores.record.database import Database
from bot.stores.record.rows import json_text, locked, media_text, message_row
from bot.stores.record.tables import cases, conversations, messages, outbox, receipts
from bot.turns import Accepted, Delivered, Happened
from bot.wording import new_id

LEASE = 20.0
_SILENT = frozenset({Kind.EVENT, Kind.OUTCOME, Kind.UNFOLLOW})
_RECEIPT_COLUMNS = (receipts.c.message_id,)
_NEW_RECEIPTS = {
    "sqlite": sqlite.insert(receipts).on_conflict_do_nothing().returning(*_RECEIPT_COLUMNS),
    "postgresql": postgresql.insert(receipts).on_conflict_do_nothing().returning(*_RECEIPT_COLUMNS),
}
_REPEAT = (
    update(receipts)
    .where(receipts.c.account == bindparam("a"), receipts.c.dedup_key == bindparam("k"))
    .values(attempt=receipts.c.attempt + 1)
    .returning(receipts.c.message_id, receipts.c.conversation_id, receipts.c.attempt)
)
_RECEIPT_PLACE = Bulk(
    update(receipts)
    .where(receipts.c.account == bindparam("a"), receipts.c.dedup_key == bindparam("k"))
    .values(conversation_id=bindparam("conversation"))
)
_INSERT_MESSAGES = Bulk(messages.insert())
_MOVE_ON = Bulk(
    update(conversations)
    .where(conversations.c.id == bindparam("b_id"))
    .values({name: bindparam(name) for name in MOVED})
)
_NOTED = (
    update(outbox)
    .where(outbox.c.answers.in_(bindparam("ids", expanding=True)), outbox.c.state == OutboxState.OFFERED.value)
    .values(written=True)
)


@dataclass(slots=True)
class _Batch:
    """What one transaction of acceptance is about to write."""

    now: Instant
    holder: str
    message_rows: list[dict[str, Any]] = field(default_factory=list)
    places: list[dict[str, str]] = field(default_factory=list)
    entries: list[eventlog.EventEntry] = field(default_factory=list)


class RecordIntake:
    """ports.Intake on SQL. `holder` names this process in leases, which last `lease` seconds; `channels` says what
    kind each account is of."""

    def __init__(self, database: Database, holder: str, channels: Mapping[str, str], lease: float = LEASE) -> None:
        self._database = database
        self._holder = holder
        self._channels = channels
        self._lease = lease

    async def accept(self, inbounds: Sequence[Inbound]) -> list[Accepted]:
        return await self._database.write(lambda connection: self._accept(connection, inbounds))

    async def replied(self, account: str, dedup_key: str) -> Delivered | None:
        """Read-only as long as there is nothing to serve: many requests may be looking, many times a second."""
        found = await self._database.read(lambda connection: _replied(connection, account, dedup_key))
        if found is None or found.state is not OutboxState.OFFERED:
            return found
        return await self._database.write(lambda connection: self._ask_again(connection, account, dedup_key))

    async def offer(self, outbox_id: str, body: bytes) -> bool:
        """A repeat can carry a reply that is not on its way yet; False if it is, or if earlier ones come first."""
        return await self._database.write(lambda connection: self._offer(connection, outbox_id, body))

    async def written(self, message_ids: Sequence[str]) -> None:
        """Note that the responses to these messages were written to the platform's connection."""
        await self._database.write(lambda connection: connection.execute(_NOTED, {"ids": list(message_ids)}))

    async def take_up(self, limit: int) -> list[str]:
        return await self._database.write(lambda connection: self._take_up(connection, limit))

    def _accept(self, connection: Connection, inbounds: Sequence[Inbound]) -> list[Accepted]:
        now = self._database.now(connection)
        ids = [new_id() for _ in inbounds]
        new = self._receipts(connection, inbounds, ids, now)
        fresh = [inbound for inbound, id_ in zip(inbounds, ids, strict=True) if id_ in new]
        threads = threads_of(connection, fresh, self._channels, now) if fresh else {}
        batch = _Batch(now, self._holder)
        arrived = {
            id_: self._arrive(batch, threads[inbound.account, inbound.handle, inbound.thread], inbound, id_)
            for inbound, id_ in zip(inbounds, ids, strict=True)
            if id_ in new
        }
        if fresh:
            _write(connection, batch, threads.values())
        repeats = _repeats(connection, [one for one, id_ in zip(inbounds, ids, strict=True) if id_ not in new])
        return [
            arrived[id_] if id_ in new else repeats[inbound.account, inbound.dedup_key].pop(0)
            for inbound, id_ in zip(inbounds, ids, strict=True)
        ]

    def _receipts(
        self, connection: Connection, inbounds: Sequence[Inbound], ids: Sequence[str], now: Instant
    ) -> frozenset[str]:
        """The ids of those that were never received before. Sorted, so that two processes never wait in a circle."""
        rows = [
            {
                "account": one.account,
                "dedup_key": one.dedup_key,
                "message_id": id_,
                "conversation_id": "",
                "attempt": 1,
                "at": now,
            }
            for one, id_ in zip(inbounds, ids, strict=True)
        ]
        rows.sort(key=lambda row: (row["account"], row["dedup_key"]))
        return frozenset(connection.execute(_NEW_RECEIPTS[connection.dialect.name], rows).scalars())

    def _arrive(self, batch: _Batch, thread: Thread, inbound: Inbound, id_: str) -> Accepted:
        """Give the message its place, and the thread's lease to us if it is free."""
        thread.seq += 1
        thread.inbound_seq = thread.seq
        thread.event_seq += 1
        row = _inbound_row(inbound, id_, thread, batch.now)
        batch.message_rows.append(row)
        batch.places.append({"a": inbound.account, "k": inbound.dedup_key, "conversation": thread.id})
        what = Happened("received", inbound.kind.value if inbound.kind is Kind.OUTCOME else "customer")
        batch.entries.append(
            eventlog.EventEntry(thread.id, thread.event_seq, thread.channel, inbound.account, what, thread.case)
        )
        if inbound.kind not in _SILENT and thread.opens_window(inbound.kind, batch.now):
            thread.heard(batch.now, inbound.kind)
        held = thread.take_lease(batch.holder, batch.now, self._lease)
        work = thread.work(id_, inbound, batch.now) if held and not thread.behind else None
        return Accepted(id_, thread.id, 1, held, work)

    def _ask_again(self, connection: Connection, account: str, dedup_key: str) -> Delivered | None:
        """An offered reply is asked for again: it stays open for as long again."""
        now = self._database.now(connection)
        found = _replied(connection, account, dedup_key)
        if found is not None and found.state is OutboxState.OFFERED:
            connection.execute(update(outbox).where(outbox.c.id == found.id).values(state_at=now, written=False))
        return found

    def _offer(self, connection: Connection, outbox_id: str, body: bytes) -> bool:
        """The conversation is locked before its rows, as turns and claims do."""
        row = connection.execute(select(outbox.c.conversation_id, outbox.c.seq).where(outbox.c.id == outbox_id)).one()
        locked(connection, [row.conversation_id])
        now = self._database.now(connection)
        offered = {"state": OutboxState.OFFERED.value, "body": body, "state_at": now, "written": False}
        for state in (OutboxState.PENDING, OutboxState.WAITING):
            still = (outbox.c.id == outbox_id, outbox.c.state == state.value, ~_earlier_ones(row))
            if connection.execute(update(outbox).where(*still).values(offered)).rowcount:
                _count_waiting(connection, row.conversation_id, -(state is OutboxState.WAITING))
                return True
        return False

    def _take_up(self, connection: Connection, limit: int) -> list[str]:
        now = self._database.now(connection)
        c = conversations.c
        ids = list(
            connection.execute(
                select(c.id)
                .where(c.inbound_seq > c.handled_seq, or_(c.lease.is_(None), c.lease_until < now))
                .order_by(c.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).scalars()
        )
        if ids:
            connection.execute(
                update(conversations).where(c.id.in_(ids)).values(lease=self._holder, lease_until=now + self._lease)
            )
        return ids


def _repeats(connection: Connection, inbounds: Sequence[Inbound]) -> dict[tuple[str, str], list[Accepted]]:
    """What came of each repeat, by account and key. In the order of the keys, so that two processes that were sent the
    same repeats never wait in a circle."""
    counted = defaultdict[tuple[str, str], list[Accepted]](list)
    for account, key in sorted((inbound.account, inbound.dedup_key) for inbound in inbounds):
        row = connection.execute(_REPEAT, {"a": account, "k": key}).one()
        counted[account, key].append(Accepted(row.message_id, row.conversation_id, row.attempt))
    return counted


def _replied(connection: Connection, account: str, dedup_key: str) -> Delivered | None:
    """What the turn of a message said first; None as long as there was no turn."""
    receipt = connection.execute(
        select(receipts.c.message_id, receipts.c.conversation_id, messages.c.seq, conversations.c.handled_seq)
        .join(messages, messages.c.id == receipts.c.message_id)
        .join(conversations, conversations.c.id == receipts.c.conversation_id)
        .where(receipts.c.account == account, receipts.c.dedup_key == dedup_key)
    ).first()
    if receipt is None or receipt.handled_seq < receipt.seq:
        return None
    row = connection.execute(
        select(outbox)
        .where(outbox.c.answers == receipt.message_id, outbox.c.conversation_id == receipt.conversation_id)
        .where(outbox.c.effect.is_(None))
        .order_by(outbox.c.seq)
        .limit(1)
    ).first()
    if row is None:
        return Delivered("", OutboxState.SENT)
    return Delivered(row.id, OutboxState(row.state), row.body, text=row.text)


def _earlier_ones(row: Row[str, int]) -> ColumnElement[bool]:
    """Whether something said before is still on its way."""
    earlier = outbox.alias()
    return exists().where(
        earlier.c.conversation_id == row.conversation_id,
        earlier.c.seq < row.seq,
        earlier.c.effect.is_(None),
        earlier.c.state.in_(("pending", "waiting", "sending")),
    )


def _count_waiting(connection: Connection, conversation_id: str, more: int) -> None:
    if more:
        count_on = {"waiting": conversations.c.waiting + more}
        connection.execute(update(conversations).where(conversations.c.id == conversation_id).values(count_on))


def _inbound_row(inbound: Inbound, id_: str, thread: Thread, now: Instant) -> dict[str, Any]:
    author = Author.SYSTEM if inbound.kind is Kind.OUTCOME else Author.CUSTOMER
    return message_row(id_, thread.id, thread.seq, author, inbound.kind, now) | {
        "text": inbound.text,
        "media": media_text(inbound.media),
        "data": json_text(inbound.data) if inbound.data else None,
        "dedup_key": inbound.dedup_key,
    }


def _write(connection: Connection, batch: _Batch, threads: Any) -> None:
    _INSERT_MESSAGES.run(connection, batch.message_rows)
    _RECEIPT_PLACE.run(connection, batch.places)
    _MOVE_ON.run(connection, [thread.moved() for thread in threads])
    eventlog.append(connection, batch.entries, batch.now)
    held = sorted({thread.case for thread in threads if thread.case and thread.asked})
    if held:
        connection.execute(
            update(cases).where(and_(cases.c.id.in_(held), cases.c.waiting_since == 0)).values(waiting_since=batch.now)
        )
