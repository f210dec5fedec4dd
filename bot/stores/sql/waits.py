"""How long customers wait in the queue, and correcting what they were told about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, case, func, select, update

from bot.domain.cases import CaseState, FirstAnswer, OverdueCase, QueueState
from bot.domain.messages import Author, Instant, Owner
from bot.domain.turns import Event, Reply
from bot.errors import Stale
from bot.stores.sql.case_transitions import LockedCase, lock_case, log_events, update_conversations
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import conversation_of, read_conversations
from bot.stores.sql.schema import cases, conversations, identities
from bot.stores.sql.turn_effects import TurnRows

LATELY = 3_600.0  # seconds for which a first answer tells about the wait
MOST_ANSWERS = 50  # the newest, from which the wait is estimated
c = cases.c
_waiting = c.state == CaseState.WAITING.value
# As bot.desk.queue.queue_order sorts the cases that wait.
_since = case((c.waiting_since > 0, c.waiting_since), else_=c.opened_at)
_PLACES = (
    select(c.id, func.row_number().over(order_by=(c.priority.desc(), _since, c.opened_at, c.id)).label("place"))
    .where(_waiting)
    .subquery()
)
# Overdue cases of customers who can hear about it, in the conversation in which they were told.
_OVERDUE = (
    select(c.id, c.conversation_id)
    .join(conversations, conversations.c.id == c.conversation_id)
    .join(identities, identities.c.id == conversations.c.identity_id)
    .where(_waiting, c.promised_until > 0, conversations.c.thread == "", conversations.c.owner == Owner.QUEUE.value)
    .where(identities.c.silenced_at == 0, identities.c.gone_at == 0)
    .order_by(c.promised_until)
)


def queue_at_opening(connection: Connection, priority: int, since: Instant, now: Instant) -> QueueState:
    """The queue for a case of this priority that opens now. since: see `first_answers`."""
    least = max(priority, 0)  # cases of posts that only mention us have a negative priority and never count
    ahead = select(func.count()).select_from(cases).where(_waiting, c.priority >= least)
    return QueueState(connection.execute(ahead).scalar_one() + 1, first_answers(connection, since, now))


def first_answers(connection: Connection, since: Instant, now: Instant) -> tuple[FirstAnswer, ...]:
    """The newest first answers of the last hour, in cases that opened after `since`."""
    lately = (
        select(c.first_answered_at - c.opened_at, c.place)
        .where(c.first_answered_at > now - LATELY, c.opened_at >= since, c.place > 0)
        .order_by(c.first_answered_at.desc())
        .limit(MOST_ANSWERS)
    )
    return tuple(FirstAnswer(*row) for row in connection.execute(lately))


def places(connection: Connection, case_ids: Sequence[str]) -> Mapping[str, int]:
    """The places of waiting cases in the queue, from 1."""
    wanted = select(_PLACES).where(_PLACES.c.id.in_(case_ids))
    return {row.id: row.place for row in connection.execute(wanted)}


class SqlWaits:
    """ports.Waits on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def overdue(self, since: Instant, limit: int) -> list[OverdueCase]:
        return await self._database.read(lambda connection: self._overdue(connection, since, limit))

    async def correct(self, case_id: str, pieces: Sequence[Reply]) -> bool:
        def work(connection: Connection) -> bool:
            locked = lock_case(connection, case_id, self._database.now(connection))
            return _correct(connection, locked, pieces)

        try:
            return await self._database.write(work)
        except (LookupError, Stale):
            return False  # erased, or a conversation is just joining it: the next sweep finds it again

    def _overdue(self, connection: Connection, since: Instant, limit: int) -> list[OverdueCase]:
        now = self._database.now(connection)
        rows = connection.execute(_OVERDUE.where(c.promised_until <= now).limit(limit)).all()
        if not rows:
            return []
        talks = read_conversations(connection, sorted({row.conversation_id for row in rows}))
        answers, place_of = first_answers(connection, since, now), places(connection, [row.id for row in rows])
        return [
            OverdueCase(row.id, conversation_of(talks[row.conversation_id]), QueueState(place_of[row.id], answers))
            for row in rows
        ]


def _correct(connection: Connection, locked: LockedCase, pieces: Sequence[Reply]) -> bool:
    """Say it, unless the case has left the queue, or the customer was answered, told already or silenced meanwhile."""
    conversation = next((row for row in locked.conversations if row.id == locked.case.conversation_id), None)
    due = 0 < locked.case.promised_until <= locked.now and locked.case.state == CaseState.WAITING.value
    if not due or conversation is None or conversation.silenced_at or conversation.owner != Owner.QUEUE.value:
        return False
    after: dict[str, Any] = {"id": conversation.id, "seq": conversation.seq, "waiting": conversation.waiting}
    gathered = TurnRows(locked.now)
    for piece in pieces:
        gathered.line(piece, after, None)
    gathered.write(connection)
    update_conversations(connection, [after.pop("id")], after)
    told = {"promised_until": 0.0, "version": c.version + 1}
    connection.execute(update(cases).where(c.id == locked.case.id).values(told))
    log_events(connection, locked, [conversation], Event("wait_corrected", Author.SYSTEM.value))
    return True
