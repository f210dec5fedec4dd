"""Accepting messages: receipts, order within a conversation, and the lease that says which process handles it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, or_, select, update

from bot.batching import Batcher
from bot.domain.messages import INTERNAL, SILENT, Author, Conversation, Cursor, Inbound, Instant, Kind, OutboxState
from bot.domain.turns import Accepted, CursorUpdate, Delivered, Event
from bot.stores.sql.conversations import CHANGED, ConversationDraft, Key, find_threads, key_of, make_threads
from bot.stores.sql.database import IN_ONE_TRANSACTION, Database
from bot.stores.sql.mapping import EventEntry, append_events, json_text, lock_conversations, media_text, message_row
from bot.stores.sql.receipts import (
    Arrival,
    count_repeats,
    newer_version,
    place_receipts,
    point_receipt_at,
    replace_words,
    seal,
    void_replies,
    withdraw,
    write_receipts,
)
from bot.stores.sql.schema import cases, conversations, cursors, messages, outbox, receipts
from bot.stores.sql.statements import BulkInsert, BulkUpdate, InList, Prepared, insert_new
from bot.telemetry import timed_calls
from bot.text import new_id

LEASE = 20.0  # seconds after which the sweeper may take over a conversation from a dead process
OpensWindow: TypeAlias = Callable[[Conversation, Inbound, Instant], bool]
_MESSAGES = BulkInsert(messages)
_UPDATE_THREADS = BulkUpdate(conversations, "id", CHANGED)
_WRITTEN = Prepared(
    update(outbox)
    .where(InList(outbox.c.answers, "ids"), outbox.c.state == OutboxState.OFFERED.value)
    .values(written=True)
)


@dataclass(slots=True)
class _Batch:
    """What one transaction of acceptance is about to write."""

    now: Instant
    holder: str
    lease: float
    opens_window: OpensWindow
    threads: dict[Key, ConversationDraft] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    entries: list[EventEntry] = field(default_factory=list)

    def append(self, thread: ConversationDraft, inbound: Inbound, id_: str) -> Accepted:
        """Append the message to its thread, and take the thread's lease if it is free."""
        self.threads[key_of(inbound)] = thread
        thread.seq += 1
        thread.inbound_seq = thread.seq
        thread.event_seq += 1
        self.messages.append(_inbound_row(inbound, id_, thread, self.now))
        what = Event("received", inbound.kind.value if inbound.kind in INTERNAL else "customer")
        entry = EventEntry(thread.id, thread.event_seq, thread.channel, inbound.account, what, thread.case)
        self.entries.append(entry)
        if self.opens_window(thread.conversation, inbound, self.now):
            thread.open_window(self.now, inbound.kind)
        lease_held = thread.take_lease(self.holder, self.now, self.lease)
        claimed = thread.claimed_message(id_, inbound, self.now) if lease_held and not thread.has_backlog else None
        return Accepted(id_, thread.id, 1, lease_held, claimed)

    def write(self, connection: Connection) -> None:
        _MESSAGES.run(connection, self.messages)
        _UPDATE_THREADS.run(connection, [thread.changed_columns() for thread in self.threads.values()])
        append_events(connection, self.entries, self.now)
        # The customer waits for an answer from now on, unless an earlier message already does.
        case_ids = sorted({thread.case for thread in self.threads.values() if thread.case and thread.expects_answer})
        if case_ids:
            idle = and_(cases.c.id.in_(case_ids), cases.c.waiting_since == 0)
            connection.execute(update(cases).where(idle).values(waiting_since=self.now))


def says_something(_conversation: Conversation, inbound: Inbound, _now: Instant) -> bool:
    """The default of SqlInbox.opens_window: any message of a customer."""
    return inbound.kind not in SILENT


class SqlInbox:
    """ports.Inbox on SQL.

    holder: names this process in leases. channels: account -> kind of channel. lease: seconds. secret: the
    deployment's, which seals receipts. opens_window: whether an arrival opens the platform's reply window again.
    """

    def __init__(
        self,
        database: Database,
        holder: str,
        channels: Mapping[str, str],
        lease: float = LEASE,
        secret: str = "",
        opens_window: OpensWindow = says_something,
    ) -> None:
        self._database = database
        self._holder = holder
        self._channels = channels
        self._lease = lease
        self._secret = secret
        self._opens_window = opens_window
        self._batched: Batcher[Inbound, Accepted] = Batcher(self.accept, IN_ONE_TRANSACTION, database.writers)

    async def accept_one(self, inbound: Inbound) -> Accepted:
        """Accept one message, in one transaction with others that arrive at the same time. Raises Unavailable."""
        return await self._batched(inbound)

    @timed_calls("accept")
    async def accept(self, inbounds: Sequence[Inbound], update: CursorUpdate | None = None) -> list[Accepted]:
        def work(connection: Connection) -> list[Accepted]:
            if update is not None:
                move_cursor(connection, update)
            return self._accept(connection, inbounds)

        return await self._database.write(work)

    async def find_reply(self, account: str, dedup_key: str) -> Delivered | None:
        key = seal(self._secret, account, dedup_key)
        return await self._database.read(lambda connection: _find_reply(connection, account, key))

    async def extend_offer(self, outbox_id: str) -> None:
        await self._database.write(lambda connection: self._extend_offer(connection, outbox_id))

    async def offer(self, outbox_id: str, body: bytes) -> bool:
        """Mark a reply as carried by a repeat's response; False if it is being sent or an earlier one comes first."""
        return await self._database.write(lambda connection: self._offer(connection, outbox_id, body))

    async def record_written(self, message_ids: Sequence[str]) -> None:
        await self._database.write(lambda connection: _WRITTEN.run(connection, ids=list(message_ids)))

    async def claim_abandoned(self, limit: int) -> list[str]:
        return await self._database.write(lambda connection: self._claim_abandoned(connection, limit))

    def _accept(self, connection: Connection, inbounds: Sequence[Inbound]) -> list[Accepted]:
        """Lock threads, then write receipts: the same order in every process. WITHDRAWN kinds make no message."""
        withdrawn = [one for one in inbounds if one.kind is Kind.WITHDRAWN]
        if withdrawn:
            accepted = iter(self._accept(connection, [one for one in inbounds if one.kind is not Kind.WITHDRAWN]))
            for one in withdrawn:
                withdraw(connection, one, seal(self._secret, one.account, one.dedup_key))
            return [Accepted("", "") if one.kind is Kind.WITHDRAWN else next(accepted) for one in inbounds]
        now = self._database.now(connection)
        known = find_threads(connection, inbounds)
        arrivals = [Arrival(new_id(), one, seal(self._secret, one.account, one.dedup_key)) for one in inbounds]
        new = write_receipts(connection, arrivals, known, now)
        fresh = [one for one in arrivals if one.id in new]
        threads = known | self._new_threads(connection, [one for one in fresh if key_of(one.inbound) not in known], now)
        batch = _Batch(now, self._holder, self._lease, self._opens_window)
        arrived = {one.id: batch.append(threads[key_of(one.inbound)], one.inbound, one.id) for one in fresh}
        batch.write(connection)
        repeated = [one for one in arrivals if one.id not in new]
        repeats = count_repeats(connection, [one.receipt for one in repeated])
        revised = {one.id: self._accept_version(connection, one, now) for one in repeated if one.inbound.version}
        return [
            arrived[one.id] if one.id in new else revised.get(one.id) or repeats[one.receipt].pop(0) for one in arrivals
        ]

    def _accept_version(self, connection: Connection, arrival: Arrival, now: Instant) -> Accepted | None:
        """Accept a later version of a known message; None if its content is the same.

        A message without a reply gets the new words. Otherwise they become a message of their own.
        """
        inbound = arrival.inbound
        before = newer_version(connection, inbound, arrival.sealed)
        if before is None:
            return None
        thread = ConversationDraft(lock_conversations(connection, [before.conversation_id])[before.conversation_id])
        batch = _Batch(now, self._holder, self._lease, self._opens_window)
        overheard = before.kind == Kind.OVERHEARD.value  # never gets a reply
        if before.seq > thread.handled_seq or overheard:
            replace_words(connection, before, inbound)
            batch.threads[key_of(inbound)] = thread
            accepted = Accepted(before.id, thread.id, lease_held=thread.take_lease(self._holder, now, self._lease))
        else:
            answered = void_replies(connection, inbound.account, before)
            id_ = new_id()
            edited = replace(inbound, data={**inbound.data, "edited": answered})
            accepted = batch.append(thread, edited, id_)
            point_receipt_at(connection, inbound, arrival.sealed, before, id_)
        batch.write(connection)
        return accepted

    def _new_threads(
        self, connection: Connection, arrivals: Sequence[Arrival], now: Instant
    ) -> dict[Key, ConversationDraft]:
        """Create threads, and set their ids in the receipts, which were written before the threads existed."""
        if not arrivals:
            return {}
        made = make_threads(connection, [one.inbound for one in arrivals], self._channels, now)
        place_receipts(connection, arrivals, made)
        return made

    def _extend_offer(self, connection: Connection, outbox_id: str) -> None:
        still = (outbox.c.id == outbox_id, outbox.c.state == OutboxState.OFFERED.value)
        again = {"state_at": self._database.now(connection), "written": False}
        connection.execute(update(outbox).where(*still).values(again))

    def _offer(self, connection: Connection, outbox_id: str, body: bytes) -> bool:
        # The conversation is locked before its outbox rows, as everywhere.
        row = connection.execute(select(outbox.c.conversation_id, outbox.c.seq).where(outbox.c.id == outbox_id)).one()
        lock_conversations(connection, [row.conversation_id])
        now = self._database.now(connection)
        offered = {"state": OutboxState.OFFERED.value, "body": body, "state_at": now, "written": False}
        for state in (OutboxState.PENDING, OutboxState.WAITING):
            still = (outbox.c.id == outbox_id, outbox.c.state == state.value, ~_earlier_ones(row))
            if connection.execute(update(outbox).where(*still).values(offered)).rowcount:
                _count_waiting(connection, row.conversation_id, -(state is OutboxState.WAITING))
                return True
        return False

    def _claim_abandoned(self, connection: Connection, limit: int) -> list[str]:
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


def _find_reply(connection: Connection, account: str, sealed: str) -> Delivered | None:
    """The first reply to a message, with state SENT and no id if its turn gave none; None before its turn."""
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
    """Whether an earlier reply of the conversation has not been sent yet."""
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


def _inbound_row(inbound: Inbound, id_: str, thread: ConversationDraft, now: Instant) -> dict[str, Any]:
    author = Author.SYSTEM if inbound.kind in INTERNAL else Author.CUSTOMER
    return message_row(id_, thread.id, thread.seq, author, inbound.kind, now) | {
        "text": inbound.text,
        "media": media_text(inbound.media),
        "data": json_text(inbound.data) if inbound.data else None,
        "dedup_key": inbound.dedup_key,
    }


class SqlCursors:
    """ports.Cursors on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cursor(self, account: str, name: str) -> Cursor:
        this = select(cursors.c.value).where(cursors.c.account == account, cursors.c.name == name)
        value = await self._database.read(lambda connection: connection.execute(this).scalar())
        return Cursor(account, name, value or "")


def move_cursor(connection: Connection, moved: CursorUpdate) -> None:
    """Advance a poll's cursor, in the transaction that accepts what the poll brought.

    No effect if another process has moved it since it was read.
    """
    was = moved.cursor
    new = {"account": was.account, "name": was.name, "value": ""}
    insert_new(connection, cursors, [new])
    here = (cursors.c.account == was.account, cursors.c.name == was.name, cursors.c.value == was.value)
    connection.execute(update(cursors).where(*here).values(value=moved.value))
