"""Committing turns in batches. A turn is written only if its conversation has not changed since it was decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from bot.batching import Batcher
from bot.domain.cases import QueueState
from bot.domain.messages import Author, Conversation, Instant, OutboxState, Owner
from bot.domain.turns import ClaimedMessage, Committed, QueuedReply, Reply, TurnCommit, cancels_unsaid
from bot.stores.sql import turn_effects
from bot.stores.sql.database import IN_ONE_TRANSACTION, Database
from bot.stores.sql.inbox import LEASE
from bot.stores.sql.mapping import conversation_of, lock_conversations, oldest_unhandled, stored_message_of
from bot.stores.sql.outbox import already_posted, claim_wording
from bot.stores.sql.schema import OPEN, conversations, messages, outbox
from bot.stores.sql.statements import BulkUpdate, InList, Prepared
from bot.stores.sql.turn_effects import TurnRows, join_case, may_cancel, open_case, say_in_private
from bot.stores.sql.waits import places, queue_at_opening
from bot.telemetry import timed_calls

# Columns that a turn writes: those it carries over from the row, and those it always sets.
_CARRIED_OVER = ("owner", "agent", "case_id", "version", "seq", "event_seq", "handled_seq", "slots", "waiting")
_CHANGED = (*_CARRIED_OVER, "lease", "lease_until", "still_waiting_said", "prompt_at")
_UPDATE = BulkUpdate(conversations, "id", _CHANGED)
_FETCH = (
    update(outbox)
    .where(outbox.c.id.in_(bindparam("ids", expanding=True)))
    .values(state="offered", answers=bindparam("b_message"), state_at=bindparam("b_now"), written=False)
)
_RELEASE = (
    update(outbox)
    .where(outbox.c.conversation_id == bindparam("conversation"), outbox.c.state == OutboxState.WAITING.value)
    .values(state=OutboxState.PENDING.value)
)
_UNSENT = (OutboxState.WAITING.value, OutboxState.PENDING.value)
_QUEUED = Prepared(
    select(outbox.c.conversation_id, outbox.c.state, outbox.c.author).where(
        OPEN,
        outbox.c.state.in_(("pending", "sending")),
        InList(outbox.c.conversation_id, "ids"),
        outbox.c.effect.is_(None),
    )
)
_BOTS = (Owner.BOT.value, Owner.QUEUE.value, Owner.CLOSED.value)  # who owns it where the bot may speak


class SqlTurns:
    """ports.Turns on SQL. holder: names this process in leases. lease: seconds."""

    def __init__(self, database: Database, holder: str, lease: float = LEASE) -> None:
        self._database = database
        self._holder = holder
        self._lease = lease
        self._batched: Batcher[TurnCommit, Committed] = Batcher(self.commit, IN_ONE_TRANSACTION, database.writers)

    async def next(self, conversation_id: str) -> ClaimedMessage | None:
        return await self._database.write(lambda connection: self._next(connection, conversation_id))

    async def waiting_replies(self, conversation_id: str) -> list[QueuedReply]:
        return await self._database.read(lambda connection: _queued_replies(connection, conversation_id))

    async def commit_one(self, turn: TurnCommit) -> Committed:
        """Commit one turn, in one transaction with others committed at the same time. Raises Unavailable."""
        return await self._batched(turn)

    @timed_calls("commit")
    async def commit(self, turns: Sequence[TurnCommit]) -> list[Committed]:
        return await self._database.write(lambda connection: self._commit(connection, turns))

    async def recently_posted(self, account: str, texts: Sequence[str], within: float) -> frozenset[str]:
        return await self._database.read(
            lambda connection: already_posted(connection, account, texts, self._database.now(connection) - within)
        )

    async def queue(self, priority: int, since: Instant) -> QueueState:
        return await self._database.read(
            lambda connection: queue_at_opening(connection, priority, since, self._database.now(connection))
        )

    async def place(self, case_id: str) -> int:
        return await self._database.read(lambda connection: places(connection, [case_id]).get(case_id, 1))

    async def store_notice(self, conversation_id: str, text: str, body: bytes) -> None:
        await self._database.write(lambda connection: self._notice(connection, conversation_id, text, body))

    def _notice(self, connection: Connection, conversation_id: str, text: str, body: bytes) -> None:
        row = lock_conversations(connection, [conversation_id])[conversation_id]
        gathered = TurnRows(self._database.now(connection))
        after = {"id": row.id, "seq": row.seq, "waiting": row.waiting}
        gathered.line(Reply(text, Author.SYSTEM, state=OutboxState.OFFERED), after, body)
        gathered.write(connection)
        connection.execute(update(conversations).where(conversations.c.id == row.id).values(seq=after["seq"]))

    def _next(self, connection: Connection, conversation_id: str) -> ClaimedMessage | None:
        row = lock_conversations(connection, [conversation_id]).get(conversation_id)
        if row is None or row.lease != self._holder:
            return None
        message = oldest_unhandled(connection, conversation_id, row.handled_seq)
        until = self._database.now(connection) + self._lease if message else 0.0
        connection.execute(
            update(conversations)
            .where(conversations.c.id == conversation_id)
            .values(lease=self._holder if message else None, lease_until=until)
        )
        return ClaimedMessage(conversation_of(row), message) if message else None

    def _commit(self, connection: Connection, turns: Sequence[TurnCommit]) -> list[Committed]:
        now = self._database.now(connection)
        rows = lock_conversations(connection, [turn.conversation.id for turn in turns])
        gathered = TurnRows(now)
        queues = _queues(connection, turns)
        results = [
            self._turn(connection, gathered, turn, rows.get(turn.conversation.id), queues[turn.conversation.id])
            for turn in turns
        ]
        gathered.write(connection)
        _UPDATE.run(connection, gathered.conversations)
        return results

    def _turn(
        self, connection: Connection, gathered: TurnRows, turn: TurnCommit, row: Row[Any] | None, queue: _Queue
    ) -> Committed:
        if row is None or row.handled_seq >= turn.message.seq:
            return Committed(False)
        changed = (
            row.version != turn.conversation.version
            or (turn.by_bot and row.owner not in _BOTS)
            # an earlier reply has begun to wait for the customer: decided again, to release it or carry it along
            or row.waiting > turn.conversation.waiting
        )
        if changed or not _fetchable(connection, turn):
            return _stale(connection, turn)
        if turn.fetched:  # it carries the earlier replies itself
            queue = _Queue()
        if queue.pending and not queue.sending:  # decided again, to carry them along
            return _stale(connection, turn, queue.pending)
        if queue.sending:
            turn = _without_response(turn)
        after = _after(connection, turn, row, gathered.now)
        if after is None or not (
            turn.post_guard is None or claim_wording(connection, row.account, turn.post_guard, gathered.now)
        ):
            return _stale(connection, turn)
        ids = self._write(connection, gathered, turn, row, after)
        return Committed(True, ids, self._follow_up(connection, gathered, turn, row, after), queue.sending)

    def _write(
        self, connection: Connection, gathered: TurnRows, turn: TurnCommit, row: Row[Any], after: dict[str, Any]
    ) -> tuple[str, ...]:
        if turn.fetched:
            after["waiting"] -= _fetch(connection, turn, gathered.now)
        if turn.releases_waiting:
            connection.execute(_RELEASE, {"conversation": row.id})
            after["waiting"] = 0
        for change in turn.changes:
            turn_effects.apply_change(connection, change, turn.conversation, gathered.now)
        if turn.changes:  # some cancel what was about to be said
            after["waiting"] = _count_waiting(connection, row.id)
        ids = gathered.say(turn, after, row)
        say_in_private(connection, gathered, turn, row)
        turn_effects.lift_silence(connection, turn, row)
        return ids

    def _follow_up(
        self, connection: Connection, gathered: TurnRows, turn: TurnCommit, row: Row[Any], after: dict[str, Any]
    ) -> ClaimedMessage | None:
        """Keep the lease and return the next message if one has arrived meanwhile; else release the lease."""
        more = row.inbound_seq > turn.message.seq and row.lease == self._holder
        after["lease"], after["lease_until"] = (self._holder, gathered.now + self._lease) if more else (None, 0.0)
        gathered.conversations.append(after)
        message = oldest_unhandled(connection, row.id, turn.message.seq) if more else None
        return ClaimedMessage(_refreshed(connection, turn, row, after), message) if message else None


def _after(connection: Connection, turn: TurnCommit, row: Row[Any], now: Instant) -> dict[str, Any] | None:
    """The conversation's columns after the turn; None if the case it opens, joins or ends has changed meanwhile."""
    after: dict[str, Any] = {name: getattr(row, name) for name in _CARRIED_OVER}
    after |= {
        "id": row.id,
        "owner": turn.owner.value,
        "version": row.version + 1,
        "handled_seq": turn.message.seq,
        "still_waiting_said": bool(row.still_waiting_said) or turn.still_waiting_said,
        "prompt_at": now + turn.prompt_in if turn.prompt_in else 0.0,
    }
    case_columns: dict[str, Any] | None = {}
    if not may_cancel(connection, turn):
        return None
    if turn.joins_case is not None:
        case_columns = join_case(connection, turn.joins_case, speaks=turn.by_bot or turn.still_waiting_said, now=now)
    elif turn.case is not None:
        case_columns = open_case(connection, turn, turn.case, now)
    elif turn.owner in (Owner.BOT, Owner.CLOSED):
        case_columns = {"agent": None, "case_id": None}
    return None if case_columns is None else after | case_columns


def _stale(connection: Connection, turn: TurnCommit, replies_ahead: int = 0) -> Committed:
    """The turn is not written. Returns the conversation as it is now, so that the turn is decided again."""
    row = lock_conversations(connection, [turn.conversation.id])[turn.conversation.id]
    this = connection.execute(select(messages).where(messages.c.id == turn.message.id)).first()
    message = stored_message_of(this) if this else turn.message  # its words may be others now, where a post was edited
    return Committed(False, next=ClaimedMessage(conversation_of(row), message, replies_ahead))


@dataclass(slots=True)
class _Queue:
    """A conversation's replies in the outbox. A reply in an HTTP response would overtake them."""

    pending: int = 0  # can still be carried along in the response
    sending: bool = False  # a worker is sending one, so a new reply has to go by the outbox as well


def _queues(connection: Connection, turns: Sequence[TurnCommit]) -> Mapping[str, _Queue]:
    """By conversation id, for the turns that reply in an HTTP response."""
    queues = defaultdict[str, _Queue](_Queue)
    ids = [turn.conversation.id for turn in turns if turn.body is not None]
    cancelling = {turn.conversation.id for turn in turns if cancels_unsaid(turn.changes)}
    for row in _QUEUED.run(connection, ids=ids) if ids else ():
        goes_out = row.conversation_id not in cancelling or row.author == Author.AGENT.value
        queues[row.conversation_id].pending += goes_out and row.state == OutboxState.PENDING.value
        queues[row.conversation_id].sending |= row.state == OutboxState.SENDING.value
    return queues


def _without_response(turn: TurnCommit) -> TurnCommit:
    """The same turn with its replies sent by the outbox instead of the HTTP response."""
    pending = (
        replace(reply, state=OutboxState.PENDING) if reply.state is OutboxState.OFFERED else reply
        for reply in turn.replies
    )
    return replace(turn, replies=tuple(pending), body=None)


def _fetch(connection: Connection, turn: TurnCommit, now: Instant) -> int:
    """Mark earlier replies as carried by this turn's response; the oldest stores its bytes for a repeated request.

    Returns how many of them were WAITING.
    """
    waiting = select(func.count()).where(outbox.c.id.in_(turn.fetched), outbox.c.state == OutboxState.WAITING.value)
    waited = connection.execute(waiting).scalar_one()
    connection.execute(_FETCH, {"ids": turn.fetched, "b_message": turn.message.id, "b_now": now})
    connection.execute(update(outbox).where(outbox.c.id == turn.fetched[0]).values(body=turn.body))
    return waited


def _count_waiting(connection: Connection, conversation_id: str) -> int:
    waits = outbox.c.state == OutboxState.WAITING.value
    return connection.execute(
        select(func.count()).where(outbox.c.conversation_id == conversation_id, waits)
    ).scalar_one()


def _fetchable(connection: Connection, turn: TurnCommit) -> bool:
    """Whether no worker has taken the earlier replies that this turn's response carries. Locks them."""
    if not turn.fetched:
        return True
    still = select(outbox.c.id).where(outbox.c.id.in_(turn.fetched), outbox.c.state.in_(_UNSENT)).with_for_update()
    return len(connection.execute(still).all()) == len(turn.fetched)


def _refreshed(connection: Connection, turn: TurnCommit, row: Row[Any], after: Mapping[str, Any]) -> Conversation:
    """The conversation after the turn; read again only where the turn may have changed identity or customer."""
    fresh = conversation_of(lock_conversations(connection, [row.id])[row.id] if turn.changes or turn.case else row)
    return replace(
        fresh,
        owner=Owner(after["owner"]),
        agent=after["agent"],
        case_id=after["case_id"],
        version=after["version"],
        handled_seq=after["handled_seq"],
        slots=turn.slots,
        waiting=after["waiting"],
        still_waiting_said=after["still_waiting_said"],
    )


def _queued_replies(connection: Connection, conversation_id: str) -> list[QueuedReply]:
    """Replies that the next response can carry; none while one is being sent, which they would overtake."""
    rows = connection.execute(
        select(outbox.c.id, outbox.c.text, outbox.c.state, outbox.c.author)
        .where(outbox.c.conversation_id == conversation_id, outbox.c.state.in_((*_UNSENT, "sending")))
        .where(outbox.c.effect.is_(None))
        .order_by(outbox.c.seq, outbox.c.id)
    ).all()
    if any(row.state == OutboxState.SENDING.value for row in rows):
        return []
    return [QueuedReply(row.id, row.text, row.author == Author.AGENT.value) for row in rows]
