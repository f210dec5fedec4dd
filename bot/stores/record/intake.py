"""Accepting: receipts, messages, their order, and the lease that says who does the work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, exists, or_, select, update

from bot.messages import Author, Inbound, Instant, Kind, OutboxState
from bot.stores.record import eventlog, revisions
from bot.stores.record.arrivals import MOVED, Key, Thread, find_threads, key_of, make_threads
from bot.stores.record.bulk import Inserts, Moves
from bot.stores.record.cursors import move
from bot.stores.record.database import Database
from bot.stores.record.prepared import Among, Prepared
from bot.stores.record.rows import json_text, locked, media_text, message_row
from bot.stores.record.sealing import seal
from bot.stores.record.tables import cases, conversations, messages, outbox, receipts
from bot.telemetry import noted
from bot.turns import Accepted, Delivered, Happened, Moved
from bot.wording import new_id

LEASE = 20.0
_SILENT = frozenset({Kind.EVENT, Kind.OUTCOME, Kind.UNFOLLOW, Kind.OVERHEARD})
_RECEIPTS = Inserts(receipts, once=True)
_REPEAT = (
    update(receipts)
    .where(receipts.c.account == bindparam("a"), receipts.c.dedup_key == bindparam("k"))
    .values(attempt=receipts.c.attempt + 1)
    .returning(receipts.c.message_id, receipts.c.conversation_id, receipts.c.attempt)
)
_RECEIPT_PLACE = (
    update(receipts)
    .where(receipts.c.account == bindparam("a"), receipts.c.dedup_key == bindparam("k"))
    .values(conversation_id=bindparam("conversation"))
)
_WHICH = Prepared(
    select(receipts.c.message_id).where(Among(receipts.c.account, "accounts"), Among(receipts.c.dedup_key, "keys"))
)
_MESSAGES = Inserts(messages)
_MOVE_ON = Moves(conversations, "id", MOVED)
_NOTED = Prepared(
    update(outbox)
    .where(Among(outbox.c.answers, "ids"), outbox.c.state == OutboxState.OFFERED.value)
    .values(written=True)
)


@dataclass(frozen=True, slots=True)
class _Named:
    """A message with the id that it gets if it is new, and its key as receipts remember it."""

    id: str
    inbound: Inbound
    sealed: str

    @property
    def receipt(self) -> tuple[str, str]:
        return self.inbound.account, self.sealed


@dataclass(slots=True)
class _Batch:
    """What one transaction of acceptance is about to write."""

    now: Instant
    holder: str
    lease: float
    threads: dict[Key, Thread] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    entries: list[eventlog.EventEntry] = field(default_factory=list)

    def arrive(self, thread: Thread, inbound: Inbound, id_: str) -> Accepted:
        """Give the message its place, and the thread's lease to us if it is free."""
        self.threads[key_of(inbound)] = thread
        thread.seq += 1
        thread.inbound_seq = thread.seq
        thread.event_seq += 1
        self.messages.append(_inbound_row(inbound, id_, thread, self.now))
        self.entries.append(_received(thread, inbound))
        if inbound.kind not in _SILENT and thread.opens_window(inbound.kind, self.now):
            thread.heard(self.now, inbound.kind)
        held = thread.take_lease(self.holder, self.now, self.lease)
        work = thread.work(id_, inbound, self.now) if held and not thread.behind else None
        return Accepted(id_, thread.id, 1, held, work)

    def write(self, connection: Connection) -> None:
        _MESSAGES.run(connection, self.messages)
        _MOVE_ON.run(connection, [thread.moved() for thread in self.threads.values()])
        eventlog.append(connection, self.entries, self.now)
        held = sorted({thread.case for thread in self.threads.values() if thread.case and thread.asked})
        if held:
            idle = and_(cases.c.id.in_(held), cases.c.waiting_since == 0)
            connection.execute(update(cases).where(idle).values(waiting_since=self.now))


class RecordIntake:
    """ports.Intake on SQL. `holder` names this process in leases, which last `lease` seconds; `channels` says what
    kind each account is of; with `secret`, the deployment's, receipts are sealed."""

    def __init__(
        self, database: Database, holder: str, channels: Mapping[str, str], lease: float = LEASE, secret: str = ""
    ) -> None:
        self._database = database
        self._holder = holder
        self._channels = channels
        self._lease = lease
        self._secret = secret

    @noted("accept")
    async def accept(self, inbounds: Sequence[Inbound], moved: Moved | None = None) -> list[Accepted]:
        def work(connection: Connection) -> list[Accepted]:
            if moved is not None:
                move(connection, moved)
            return self._accept(connection, inbounds)

        return await self._database.write(work)

    async def replied(self, account: str, dedup_key: str) -> Delivered | None:
        """Read-only: many requests may be looking, many times a second."""
        key = seal(self._secret, account, dedup_key)
        return await self._database.read(lambda connection: _replied(connection, account, key))

    async def serve_again(self, outbox_id: str) -> None:
        await self._database.write(lambda connection: self._serve_again(connection, outbox_id))

    async def offer(self, outbox_id: str, body: bytes) -> bool:
        """A repeat can carry a reply that is not on its way yet; False if it is, or if earlier ones come first."""
        return await self._database.write(lambda connection: self._offer(connection, outbox_id, body))

    async def written(self, message_ids: Sequence[str]) -> None:
        """Note that the responses to these messages were written to the platform's connection."""
        await self._database.write(lambda connection: _NOTED.run(connection, ids=list(message_ids)))

    async def take_up(self, limit: int) -> list[str]:
        return await self._database.write(lambda connection: self._take_up(connection, limit))

    def _accept(self, connection: Connection, inbounds: Sequence[Inbound]) -> list[Accepted]:
        """Threads are locked before receipts are written, in every process. What was deleted makes no message."""
        gone = [one for one in inbounds if one.kind is Kind.WITHDRAWN]
        if gone:
            said = iter(self._accept(connection, [one for one in inbounds if one.kind is not Kind.WITHDRAWN]))
            for one in gone:
                revisions.withdraw(connection, one, seal(self._secret, one.account, one.dedup_key))
            return [Accepted("", "") if one.kind is Kind.WITHDRAWN else next(said) for one in inbounds]
        now = self._database.now(connection)
        known = find_threads(connection, inbounds)
        named = [_Named(new_id(), one, seal(self._secret, one.account, one.dedup_key)) for one in inbounds]
        new = _receive(connection, named, known, now)
        fresh = [one for one in named if one.id in new]
        threads = known | self._newcomers(connection, [one for one in fresh if key_of(one.inbound) not in known], now)
        batch = _Batch(now, self._holder, self._lease)
        arrived = {one.id: batch.arrive(threads[key_of(one.inbound)], one.inbound, one.id) for one in fresh}
        batch.write(connection)
        again = [one for one in named if one.id not in new]
        repeats = _repeats(connection, [one.receipt for one in again])
        revised = {one.id: self._revised(connection, one, now) for one in again if one.inbound.version}
        return [
            arrived[one.id] if one.id in new else revised.get(one.id) or repeats[one.receipt].pop(0) for one in named
        ]

    def _revised(self, connection: Connection, named: _Named, now: Instant) -> Accepted | None:
        """A later version of what was received before; None if it says nothing new."""
        inbound = named.inbound
        before = revisions.newest(connection, inbound, named.sealed)
        if before is None:
            return None
        thread = Thread(locked(connection, [before.conversation_id])[before.conversation_id])
        batch = _Batch(now, self._holder, self._lease)
        overheard = before.kind == Kind.OVERHEARD.value  # is answered by nobody, so there is nothing to stand beside
        if before.seq > thread.handled_seq or overheard:
            revisions.replace_words(connection, before, inbound)
            batch.threads[key_of(inbound)] = thread
            accepted = Accepted(before.id, thread.id, held=thread.take_lease(self._holder, now, self._lease))
        else:
            answered = revisions.void_replies(connection, inbound.account, before)
            id_ = new_id()
            told = replace(inbound, data={**inbound.data, "edited": answered})
            accepted = batch.arrive(thread, told, id_)
            revisions.follow(connection, inbound, named.sealed, before, id_)
        batch.write(connection)
        return accepted

    def _newcomers(self, connection: Connection, named: Sequence[_Named], now: Instant) -> dict[Key, Thread]:
        """New threads, and their names in the receipts that were written without."""
        if not named:
            return {}
        made = make_threads(connection, [one.inbound for one in named], self._channels, now)
        places = [
            {"a": one.inbound.account, "k": one.sealed, "conversation": made[key_of(one.inbound)].id}
            for one in sorted(named, key=_by_receipt)
        ]
        connection.execute(_RECEIPT_PLACE, places)
        return made

    def _serve_again(self, connection: Connection, outbox_id: str) -> None:
        still = (outbox.c.id == outbox_id, outbox.c.state == OutboxState.OFFERED.value)
        again = {"state_at": self._database.now(connection), "written": False}
        connection.execute(update(outbox).where(*still).values(again))

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


def _by_receipt(one: _Named) -> tuple[str, str]:
    return one.receipt


def _receive(
    connection: Connection, named: Sequence[_Named], known: Mapping[Key, Thread], now: Instant
) -> frozenset[str]:
    """Write receipts; the ids of the messages that were never received before. Sorted, so that two processes never wait
    in a circle."""
    rows: list[dict[str, Any]] = [
        {
            "account": one.inbound.account,
            "dedup_key": one.sealed,
            "message_id": one.id,
            "conversation_id": known[key_of(one.inbound)].id if key_of(one.inbound) in known else "",
            "attempt": 1,
            "at": now,
            "version": one.inbound.version,
        }
        for one in sorted(named, key=_by_receipt)
    ]
    ids = frozenset(one.id for one in named)
    if _RECEIPTS.run(connection, rows) == len(rows):
        return ids
    accounts, keys = ([row[name] for row in rows] for name in ("account", "dedup_key"))
    return ids & set(_WHICH.run(connection, accounts=accounts, keys=keys).scalars())


def _repeats(connection: Connection, known: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[Accepted]]:
    """What came of each repeat, by account and sealed key. In the order of the keys, so that two processes that were
    sent the same repeats never wait in a circle."""
    counted = defaultdict[tuple[str, str], list[Accepted]](list)
    for account, key in sorted(known):
        row = connection.execute(_REPEAT, {"a": account, "k": key}).one()
        counted[account, key].append(Accepted(row.message_id, row.conversation_id, row.attempt))
    return counted


def _replied(connection: Connection, account: str, sealed: str) -> Delivered | None:
    """What the turn of a message said first; None as long as there was no turn."""
    receipt = connection.execute(
        select(receipts.c.message_id, receipts.c.conversation_id, messages.c.seq, conversations.c.handled_seq)
        .join(messages, messages.c.id == receipts.c.message_id)
        .join(conversations, conversations.c.id == receipts.c.conversation_id)
        .where(receipts.c.account == account, receipts.c.dedup_key == sealed)
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


def _received(thread: Thread, inbound: Inbound) -> eventlog.EventEntry:
    what = Happened("received", inbound.kind.value if inbound.kind is Kind.OUTCOME else "customer")
    return eventlog.EventEntry(thread.id, thread.event_seq, thread.channel, inbound.account, what, thread.case)


def _inbound_row(inbound: Inbound, id_: str, thread: Thread, now: Instant) -> dict[str, Any]:
    author = Author.SYSTEM if inbound.kind is Kind.OUTCOME else Author.CUSTOMER
    return message_row(id_, thread.id, thread.seq, author, inbound.kind, now) | {
        "text": inbound.text,
        "media": media_text(inbound.media),
        "data": json_text(inbound.data) if inbound.data else None,
        "dedup_key": inbound.dedup_key,
    }
