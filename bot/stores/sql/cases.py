"""What staff do with cases, each step one transaction; and undelivered messages of conversations without a case."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, insert, or_, select, update

from bot.desk import transitions
from bot.desk.transitions import CaseStatus, CaseTransition
from bot.domain.cases import AgentReply, CaseState, StaffMember, UndeliveredMessage
from bot.domain.messages import Author, Customer, Instant, Kind, OutboxState
from bot.domain.turns import Event, PublicPostGuard
from bot.errors import NotAllowed, Stale
from bot.stores.sql.case_transitions import (
    LockedCase,
    LockedOutboxRow,
    apply_transition,
    cancel_bot_replies,
    desk_event,
    leave_unsent,
    lock_case,
    log_events,
    resend,
    update_conversations,
)
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import add_audit_entry, conversation_of, lock_conversations, message_row, read_conversations
from bot.stores.sql.outbox import claim_wording
from bot.stores.sql.schema import UNDELIVERED, cases, conversations, customers, identities, messages, outbox, staff
from bot.text import clean, new_id

_AT_WORK = select(staff.c.id).where(
    staff.c.disabled_at == 0, staff.c.role.in_([role.value for role in transitions.WORKERS])
)


class SqlCases:
    """ports.CaseActions and ports.CaseMessaging on SQL, and the release of cases whose agents are silent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, case_id: str, by: StaffMember) -> None:
        await self._move(case_id, by, transitions.claim)

    async def release(self, case_id: str, by: StaffMember) -> None:
        await self._move(case_id, by, transitions.release)

    async def resolve(self, case_id: str, by: StaffMember) -> None:
        await self._move(case_id, by, transitions.resolve)

    async def hand_back(self, case_id: str, by: StaffMember) -> None:
        await self._move(case_id, by, transitions.hand_back)

    async def _move(
        self, case_id: str, by: StaffMember, rule: Callable[[CaseStatus, StaffMember], CaseTransition]
    ) -> None:
        def work(connection: Connection) -> None:
            locked = lock_case(connection, case_id, self._database.now(connection))
            transition = rule(locked.status, by)
            apply_transition(connection, locked, transition, by)
            if transition.state is CaseState.CLAIMED:
                cancel_bot_replies(connection, locked)

        await self._database.write(work)

    async def reply(self, case_id: str, by: StaffMember, reply: AgentReply) -> str:
        # Derived from the draft's key, so that a form that the browser sends twice makes one message.
        message_id = hashlib.sha256(f"{case_id}\n{by.id}\n{reply.key}".encode()).hexdigest()[:32]
        existing = select(messages.c.id).where(messages.c.id == message_id)

        def work(connection: Connection) -> str:
            locked = lock_case(connection, case_id, self._database.now(connection))
            if connection.execute(existing).first() is None:
                _say(connection, locked, by, reply, message_id)
            return message_id

        return await self._database.write(work)

    async def note(self, case_id: str, by: StaffMember, text: str) -> str:
        def work(connection: Connection) -> str:
            locked = lock_case(connection, case_id, self._database.now(connection))
            return _note(connection, locked, by, text)

        return await self._database.write(work)

    async def correct(self, case_id: str, by: StaffMember, message_id: str, entry: str) -> None:
        def work(connection: Connection) -> None:
            locked = lock_case(connection, case_id, self._database.now(connection))
            _correct(connection, locked, by, message_id, entry)

        await self._database.write(work)

    async def send_again(self, case_id: str, outgoing_id: str, by: StaffMember, state: OutboxState) -> None:
        def work(connection: Connection) -> None:
            locked = lock_case(connection, case_id, self._database.now(connection))
            _send_again(connection, locked, by, outgoing_id, state)

        await self._database.write(work)

    async def release_silent(self, before: Instant) -> list[str]:
        """Put claimed cases back into the queue and return their ids.

        Those whose customer has waited since `before` without any action of the agent, and those whose agent is
        disabled or has a role that works no cases.
        """
        silent = await self._database.read(lambda connection: _silent(connection, before))
        return [case_id for case_id in silent if await self._time_out(case_id, before)]

    async def _time_out(self, case_id: str, before: Instant) -> bool:
        """Release one case if that still applies under its lock: the agent may have answered meanwhile."""

        def work(connection: Connection) -> bool:
            locked = lock_case(connection, case_id, self._database.now(connection))
            case = locked.case
            silent = 0 < case.waiting_since < before and case.agent_at < before
            if case.state != CaseState.CLAIMED.value or not (silent or _agent_left(connection, case)):
                return False
            apply_transition(connection, locked, transitions.timed_out(), None)
            return True

        try:
            return await self._database.write(work)
        except Stale:
            return False  # a conversation is just joining it; the sweeper tries again


def _silent(connection: Connection, before: Instant) -> list[str]:
    waits = and_(cases.c.waiting_since > 0, cases.c.waiting_since < before, cases.c.agent_at < before)
    left = cases.c.agent.is_(None) | cases.c.agent.not_in(_AT_WORK)
    silent = select(cases.c.id).where(cases.c.state == CaseState.CLAIMED.value, or_(waits, left))
    return list(connection.execute(silent).scalars())


def _agent_left(connection: Connection, case: Row[Any]) -> bool:
    """Whether the agent of a claimed case is disabled or has a role that works no cases."""
    return connection.execute(_AT_WORK.where(staff.c.id == case.agent)).first() is None


def _say(connection: Connection, locked: LockedCase, by: StaffMember, reply: AgentReply, message_id: str) -> None:
    conversation = _allowed_conversation(locked, by, reply)
    guard = PublicPostGuard(reply.text, reply.same_after)
    if reply.same_after and not claim_wording(connection, conversation.account, guard, locked.now):
        raise NotAllowed("said_lately")
    line = message_row(message_id, conversation.id, conversation.seq + 1, Author.AGENT, Kind.TEXT, locked.now)
    connection.execute(insert(messages), [line | {"text": clean(reply.text), "by": by.id}])
    connection.execute(insert(outbox), [_outbox_row(line, piece, reply.state) for piece in reply.pieces])
    waiting = len(reply.pieces) if reply.state is OutboxState.WAITING else 0
    update_conversations(
        connection,
        [conversation.id],
        {"seq": conversation.seq + 1, "waiting": conversations.c.waiting + waiting},
    )
    log_events(connection, locked, [conversation], desk_event("replied", by))
    add_audit_entry(connection, by.id, "replied", locked.now, locked.case.id)
    first = locked.case.first_answered_at or locked.now
    _touch(connection, locked, waiting_since=0.0, agent_at=locked.now, promised_until=0.0, first_answered_at=first)


def _allowed_conversation(locked: LockedCase, by: StaffMember, reply: AgentReply) -> Row[Any]:
    try:
        conversation = locked.conversation(reply.conversation_id)
    except LookupError as strange:
        raise NotAllowed("elsewhere") from strange
    transitions.reply(locked.status, by, conversation.id, locked.ids)
    if conversation.thread == Kind.OVERHEARD.value:
        raise NotAllowed("overheard")
    return conversation


def _outbox_row(line: dict[str, Any], piece: str, state: OutboxState) -> dict[str, Any]:
    return {
        "id": new_id(),
        "conversation_id": line["conversation_id"],
        "seq": line["seq"],
        "message_id": line["id"],
        "author": Author.AGENT.value,
        "text": clean(piece),
        "state": state.value,
        "due_at": line["at"],
        "state_at": line["at"],
    }


def _note(connection: Connection, locked: LockedCase, by: StaffMember, text: str) -> str:
    transitions.note(by)
    conversation = locked.conversation("")
    line = message_row(new_id(), conversation.id, conversation.seq + 1, Author.AGENT, Kind.NOTE, locked.now)
    connection.execute(insert(messages), [line | {"text": clean(text), "by": by.id}])
    update_conversations(connection, [conversation.id], {"seq": conversation.seq + 1})
    log_events(connection, locked, [conversation], desk_event("noted", by))
    add_audit_entry(connection, by.id, "noted", locked.now, locked.case.id)
    if locked.case.agent == by.id:
        _touch(connection, locked, agent_at=locked.now)
    return str(line["id"])


def _correct(connection: Connection, locked: LockedCase, by: StaffMember, message_id: str, entry: str) -> None:
    transitions.correct(by)
    theirs = (messages.c.id == message_id, messages.c.author == Author.CUSTOMER.value)
    said = connection.execute(select(messages.c.conversation_id).where(*theirs)).scalar()
    conversation = next((one for one in locked.conversations if one.id == said), None)
    if conversation is None:
        raise LookupError(message_id)
    what = Event("corrected", by.id, entry=entry, data={"message": message_id})
    log_events(connection, locked, [conversation], what)
    add_audit_entry(connection, by.id, "corrected", locked.now, message_id)


def _send_again(
    connection: Connection, locked: LockedCase, by: StaffMember, outgoing_id: str, state: OutboxState
) -> None:
    row = connection.execute(select(outbox).where(outbox.c.id == outgoing_id).with_for_update()).first()
    if row is None or row.message_id is None:
        raise LookupError(outgoing_id)
    conversation = next((one for one in locked.conversations if one.id == row.conversation_id), None)
    if conversation is None:
        raise NotAllowed("elsewhere")
    transitions.send_again(locked.status, by, OutboxState(row.state))
    resend(connection, LockedOutboxRow(row, conversation, locked.now, locked.case.id), by, state)


def _touch(connection: Connection, locked: LockedCase, **values: float) -> None:
    connection.execute(update(cases).where(cases.c.id == locked.case.id).values(version=cases.c.version + 1, **values))


_WITHOUT_CASE: Select[Any] = (
    select(
        outbox.c.id,
        outbox.c.conversation_id,
        outbox.c.text,
        outbox.c.author,
        outbox.c.state,
        outbox.c.state_at,
        outbox.c.error,
        customers.c.id.label("customer_id"),
        customers.c.name,
        customers.c.member_id,
    )
    .join(conversations, conversations.c.id == outbox.c.conversation_id)
    .join(identities, identities.c.id == conversations.c.identity_id)
    .join(customers, customers.c.id == identities.c.customer_id)
    .where(UNDELIVERED, outbox.c.message_id.is_not(None), conversations.c.case_id.is_(None))
    .order_by(outbox.c.state_at.desc(), outbox.c.id.desc())
)


class SqlUndelivered:
    """ports.UndeliveredMessages on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def undelivered(self, limit: int) -> list[UndeliveredMessage]:
        return await self._database.read(lambda connection: _undelivered(connection, _WITHOUT_CASE.limit(limit)))

    async def find(self, outgoing_id: str) -> UndeliveredMessage | None:
        this = _WITHOUT_CASE.where(outbox.c.id == outgoing_id)
        return await self._database.read(lambda connection: next(iter(_undelivered(connection, this)), None))

    async def send_again(self, outgoing_id: str, by: StaffMember, state: OutboxState) -> None:
        await self._decide(outgoing_id, by, lambda connection, message: resend(connection, message, by, state))

    async def leave_unsent(self, outgoing_id: str, by: StaffMember) -> None:
        await self._decide(outgoing_id, by, lambda connection, message: leave_unsent(connection, message, by))

    async def _decide(
        self, outgoing_id: str, by: StaffMember, carry_out: Callable[[Connection, LockedOutboxRow], None]
    ) -> None:
        def work(connection: Connection) -> None:
            message = _lock_message(connection, outgoing_id, self._database.now(connection))
            transitions.decide(by, OutboxState(message.row.state))
            carry_out(connection, message)

        await self._database.write(work)


def _undelivered(connection: Connection, wanted: Select[Any]) -> list[UndeliveredMessage]:
    rows = connection.execute(wanted).all()
    talks = read_conversations(connection, sorted({row.conversation_id for row in rows}))
    return [
        UndeliveredMessage(
            row.id,
            conversation_of(talks[row.conversation_id]),
            Customer(row.customer_id, row.name, row.member_id),
            row.text,
            Author(row.author),
            OutboxState(row.state),
            row.state_at,
            row.error,
        )
        for row in rows
    ]


def _lock_message(connection: Connection, outgoing_id: str, now: float) -> LockedOutboxRow:
    """Lock an outbox row and its conversation, the conversation first.

    Raises LookupError, and Stale if the conversation has a case: then its agent decides.
    """
    this = select(outbox).where(outbox.c.id == outgoing_id, outbox.c.message_id.is_not(None))
    found = connection.execute(this).first()
    if found is None:
        raise LookupError(outgoing_id)
    conversation = lock_conversations(connection, [found.conversation_id])[found.conversation_id]
    if conversation.case_id is not None:
        raise Stale("the conversation has a case by now")
    row = connection.execute(this.with_for_update()).one()
    return LockedOutboxRow(row, conversation, now)
