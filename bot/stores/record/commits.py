"""Committing turns: written together, each only if nobody changed what it was decided on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from bot.messages import Author, Conversation, Instant, OutboxState, Owner
from bot.stores.record import changes
from bot.stores.record.bulk import Moves
from bot.stores.record.database import Database
from bot.stores.record.directly import say_directly
from bot.stores.record.intake import LEASE
from bot.stores.record.opening import join_case, open_case
from bot.stores.record.posted import already_posted, claim
from bot.stores.record.prepared import Among, Prepared
from bot.stores.record.replies import Sheet
from bot.stores.record.rows import conversation_of, heard_of, locked, oldest_unhandled
from bot.stores.record.tables import OPEN, cases, conversations, messages, outbox
from bot.telemetry import noted
from bot.turns import Committed, Parcel, Reply, TurnCommit, Work

_KEPT = ("owner", "agent", "case_id", "version", "seq", "event_seq", "handled_seq", "slots", "waiting")
_MOVED = (*_KEPT, "lease", "lease_until", "still_waiting_said")
_MOVE = Moves(conversations, "id", _MOVED)
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
_STILL_HERE = (OutboxState.WAITING.value, OutboxState.PENDING.value)
_ON_THEIR_WAY = Prepared(
    select(outbox.c.conversation_id, outbox.c.state).where(
        OPEN,
        outbox.c.state.in_(("pending", "sending")),
        Among(outbox.c.conversation_id, "ids"),
        outbox.c.effect.is_(None),
    )
)
_BOTS = (Owner.BOT.value, Owner.CLOSED.value)


class RecordTurns:
    """ports.Turns on SQL. `holder` names this process in leases, which last `lease` seconds."""

    def __init__(self, database: Database, holder: str, lease: float = LEASE) -> None:
        self._database = database
        self._holder = holder
        self._lease = lease

    async def next(self, conversation_id: str) -> Work | None:
        return await self._database.write(lambda connection: self._next(connection, conversation_id))

    async def waiting(self, conversation_id: str) -> list[Parcel]:
        return await self._database.read(lambda connection: _parcels(connection, conversation_id))

    @noted("commit")
    async def commit(self, turns: Sequence[TurnCommit]) -> list[Committed]:
        return await self._database.write(lambda connection: self._commit(connection, turns))

    async def posted(self, account: str, texts: Sequence[str], within: float) -> frozenset[str]:
        return await self._database.read(
            lambda connection: already_posted(connection, account, texts, self._database.now(connection) - within)
        )

    async def queue_length(self) -> int:
        return await self._database.read(_queue_length)

    async def notice(self, conversation_id: str, text: str, body: bytes) -> None:
        await self._database.write(lambda connection: self._notice(connection, conversation_id, text, body))

    def _notice(self, connection: Connection, conversation_id: str, text: str, body: bytes) -> None:
        row = locked(connection, [conversation_id])[conversation_id]
        sheet = Sheet(self._database.now(connection))
        after = {"id": row.id, "seq": row.seq, "waiting": row.waiting}
        sheet.line(Reply(text, Author.SYSTEM, state=OutboxState.OFFERED), after, body)
        sheet.write(connection)
        connection.execute(update(conversations).where(conversations.c.id == row.id).values(seq=after["seq"]))

    def _next(self, connection: Connection, conversation_id: str) -> Work | None:
        row = locked(connection, [conversation_id]).get(conversation_id)
        if row is None or row.lease != self._holder:
            return None
        message = oldest_unhandled(connection, conversation_id, row.handled_seq)
        until = self._database.now(connection) + self._lease if message else 0.0
        connection.execute(
            update(conversations)
            .where(conversations.c.id == conversation_id)
            .values(lease=self._holder if message else None, lease_until=until)
        )
        return Work(conversation_of(row), message) if message else None

    def _commit(self, connection: Connection, turns: Sequence[TurnCommit]) -> list[Committed]:
        now = self._database.now(connection)
        rows = locked(connection, [turn.conversation.id for turn in turns])
        sheet = Sheet(now)
        queues = _queues(connection, turns)
        results = [
            self._turn(connection, sheet, turn, rows.get(turn.conversation.id), queues[turn.conversation.id])
            for turn in turns
        ]
        sheet.write(connection)
        _MOVE.run(connection, sheet.conversations)
        return results

    def _turn(
        self, connection: Connection, sheet: Sheet, turn: TurnCommit, row: Row[Any] | None, queue: _Queue
    ) -> Committed:
        if row is None or row.handled_seq >= turn.message.seq:
            return Committed(False)
        if not _as_decided(turn, row) or not _fetchable(connection, turn):
            return _lost(connection, turn)
        if turn.fetched:
            queue = _Queue()
        if queue.pending and not queue.sending:
            return _lost(connection, turn, queue.pending)
        if queue.sending:
            turn = _in_line(turn)
        after = _after(connection, turn, row, sheet.now)
        if after is None or not (turn.posting is None or claim(connection, row.account, turn.posting, sheet.now)):
            return _lost(connection, turn)
        ids = self._won(connection, sheet, turn, row, after)
        return Committed(True, ids, self._follow_up(connection, sheet, turn, row, after), queue.sending)

    def _won(
        self, connection: Connection, sheet: Sheet, turn: TurnCommit, row: Row[Any], after: dict[str, Any]
    ) -> tuple[str, ...]:
        if turn.fetched:
            after["waiting"] -= _fetch(connection, turn, sheet.now)
        if turn.releases:
            connection.execute(_RELEASE, {"conversation": row.id})
            after["waiting"] = 0
        ids = sheet.say(turn, after, row)
        say_directly(connection, sheet, turn, row)
        for change in turn.changes:
            changes.apply(connection, change, turn.conversation, sheet.now)
            after["waiting"] *= change.name not in ("forget", "silence")
        changes.heard_again(connection, turn, row)
        return ids

    def _follow_up(
        self, connection: Connection, sheet: Sheet, turn: TurnCommit, row: Row[Any], after: dict[str, Any]
    ) -> Work | None:
        """Keep the lease while messages wait in the conversation, else give it back."""
        more = row.inbound_seq > turn.message.seq and row.lease == self._holder
        after["lease"], after["lease_until"] = (self._holder, sheet.now + self._lease) if more else (None, 0.0)
        sheet.conversations.append(after)
        message = oldest_unhandled(connection, row.id, turn.message.seq) if more else None
        return Work(_refreshed(connection, turn, row, after), message) if message else None


def _after(connection: Connection, turn: TurnCommit, row: Row[Any], now: Instant) -> dict[str, Any] | None:
    """The conversation's columns after the turn; None if a case it counts on is not as it was."""
    after: dict[str, Any] = {name: getattr(row, name) for name in _KEPT}
    after |= {
        "id": row.id,
        "owner": turn.owner.value,
        "version": row.version + 1,
        "handled_seq": turn.message.seq,
        "still_waiting_said": bool(row.still_waiting_said) or turn.still_waiting_said,
    }
    moved: dict[str, Any] | None = {}
    if turn.joins is not None:
        moved = join_case(connection, turn.joins, now)
    elif turn.case is not None:
        moved = open_case(connection, turn, turn.case, now)
    elif turn.owner in (Owner.BOT, Owner.CLOSED):
        moved = {"agent": None, "case_id": None}
    return None if moved is None else after | moved


def _lost(connection: Connection, turn: TurnCommit, ahead: int = 0) -> Committed:
    """The turn is void; here is the conversation as it is now, to decide again."""
    row = locked(connection, [turn.conversation.id])[turn.conversation.id]
    this = connection.execute(select(messages).where(messages.c.id == turn.message.id)).first()
    message = heard_of(this) if this else turn.message  # its words may be others now, where a post was edited
    return Committed(False, next=Work(conversation_of(row), message, ahead))


@dataclass(slots=True)
class _Queue:
    """A conversation's replies on their way by the outbox, which one in a response would overtake."""

    pending: int = 0
    sending: bool = False


def _queues(connection: Connection, turns: Sequence[TurnCommit]) -> Mapping[str, _Queue]:
    """By conversation, for the turns that are about to speak in a response."""
    queues = defaultdict[str, _Queue](_Queue)
    ids = [turn.conversation.id for turn in turns if turn.body is not None]
    for row in _ON_THEIR_WAY.run(connection, ids=ids) if ids else ():
        queues[row.conversation_id].pending += row.state == OutboxState.PENDING.value
        queues[row.conversation_id].sending |= row.state == OutboxState.SENDING.value
    return queues


def _in_line(turn: TurnCommit) -> TurnCommit:
    """The same turn without the response: its replies go by the outbox."""
    pending = (
        replace(reply, state=OutboxState.PENDING) if reply.state is OutboxState.OFFERED else reply
        for reply in turn.replies
    )
    return replace(turn, replies=tuple(pending), body=None)


def _as_decided(turn: TurnCommit, row: Row[Any]) -> bool:
    return row.version == turn.conversation.version and (not turn.by_bot or row.owner in _BOTS)


def _fetch(connection: Connection, turn: TurnCommit, now: Instant) -> int:
    """Let earlier rows travel with this turn's response; the oldest keeps its bytes for a repeat. How many had waited
    to be fetched."""
    waiting = select(func.count()).where(outbox.c.id.in_(turn.fetched), outbox.c.state == OutboxState.WAITING.value)
    waited = connection.execute(waiting).scalar_one()
    connection.execute(_FETCH, {"ids": turn.fetched, "b_message": turn.message.id, "b_now": now})
    connection.execute(update(outbox).where(outbox.c.id == turn.fetched[0]).values(body=turn.body))
    return waited


def _fetchable(connection: Connection, turn: TurnCommit) -> bool:
    """Whether the rows that are to travel with this turn's reply are still here."""
    if not turn.fetched:
        return True
    still = select(outbox.c.id).where(outbox.c.id.in_(turn.fetched), outbox.c.state.in_(_STILL_HERE)).with_for_update()
    return len(connection.execute(still).all()) == len(turn.fetched)


def _refreshed(connection: Connection, turn: TurnCommit, row: Row[Any], after: Mapping[str, Any]) -> Conversation:
    """The conversation as it will be; who the customer is is read again where the turn may have changed it."""
    fresh = conversation_of(locked(connection, [row.id])[row.id] if turn.changes or turn.case else row)
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


def _parcels(connection: Connection, conversation_id: str) -> list[Parcel]:
    """Replies that can travel with the next response; none while one is being sent, which they would overtake."""
    rows = connection.execute(
        select(outbox.c.id, outbox.c.text, outbox.c.state)
        .where(outbox.c.conversation_id == conversation_id, outbox.c.state.in_((*_STILL_HERE, "sending")))
        .where(outbox.c.effect.is_(None))
        .order_by(outbox.c.seq, outbox.c.id)
    ).all()
    if any(row.state == OutboxState.SENDING.value for row in rows):
        return []
    return [Parcel(row.id, row.text) for row in rows]


def _queue_length(connection: Connection) -> int:
    """Without those who were only overheard: they come after everybody."""
    return connection.execute(
        select(func.count()).select_from(cases).where(cases.c.state == "waiting", cases.c.priority >= 0)
    ).scalar_one()
