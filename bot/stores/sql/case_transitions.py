"""Writing a case's transition: the case and its conversations are locked, and move from one owner to the next.

Lock order as everywhere: conversations (by id), case, customer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select, update

from bot.desk.transitions import CaseStatus, CaseTransition
from bot.domain.cases import AuditAction, CaseState, StaffMember
from bot.domain.decisions import WITH_AGENT
from bot.domain.messages import Author, Instant, Kind, OutboxState, Owner
from bot.domain.turns import Event
from bot.errors import Stale
from bot.stores.sql.mapping import EventEntry, add_audit_entry, append_events, json_text, lock_conversations
from bot.stores.sql.schema import cases, conversations, customers, messages, outbox, staff, traces
from bot.text import truncate

# What the system says to a customer who waits, in answer to no message of theirs (SqlWaits.correct).
_UNASKED = (outbox.c.author == Author.SYSTEM.value) & outbox.c.answers.is_(None)


@dataclass(frozen=True, slots=True)
class LockedCase:
    """A case and its conversations, locked until the transaction ends."""

    case: Row[Any]
    conversations: Sequence[Row[Any]]
    status: CaseStatus
    now: Instant

    @property
    def ids(self) -> list[str]:
        return [row.id for row in self.conversations]

    def conversation(self, conversation_id: str) -> Row[Any]:
        """The named conversation, or with '' the one in which the customer spoke last. Raises LookupError."""
        named = [row for row in self.conversations if conversation_id in ("", row.id)]
        if not named:
            raise LookupError(conversation_id)
        return max(named, key=lambda row: row.heard_at)


def lock_case(connection: Connection, case_id: str, now: Instant) -> LockedCase:
    """Lock a case. Raises LookupError, and Stale if a conversation joined while the locks were taken."""
    rows = lock_conversations(connection, _conversation_ids(connection, case_id))
    case = connection.execute(select(cases).where(cases.c.id == case_id).with_for_update()).first()
    if case is None:
        raise LookupError(case_id)
    if set(_conversation_ids(connection, case_id)) != set(rows):
        raise Stale("a conversation has just joined")
    name = connection.execute(select(staff.c.name).where(staff.c.id == case.agent)).scalar() or ""
    owners = tuple(Owner(row.owner) for row in rows.values())
    return LockedCase(case, tuple(rows.values()), CaseStatus(CaseState(case.state), case.agent, name, owners), now)


def _conversation_ids(connection: Connection, case_id: str) -> list[str]:
    """Ids of the conversation that was handed over and of those that joined."""
    first = select(cases.c.conversation_id).where(cases.c.id == case_id).scalar_subquery()
    members = select(conversations.c.id).where(or_(conversations.c.case_id == case_id, conversations.c.id == first))
    return list(connection.execute(members).scalars())


def apply_transition(
    connection: Connection, locked: LockedCase, transition: CaseTransition, by: StaffMember | None, logged: str = ""
) -> None:
    """Move the case and its conversations to the new owner, and log it. by: None if a timeout or the customer did it.

    logged: the id of a conversation whose turn logs it itself.
    """
    agent = by.id if by and transition.owner is Owner.AGENT else None
    _move_conversations(connection, locked, transition, agent, by)
    if transition.ends and by is not None:
        _let_the_bot_speak(connection, locked, transition)
    _move_case(connection, locked, transition, agent)
    _set_customers_case(connection, locked, transition)
    if transition.owner is not Owner.QUEUE:
        _cancel_unasked(connection, locked)
    rows = [row for row in locked.conversations if row.id != logged]
    log_events(connection, locked, rows, desk_event(transition.event, by, locked.case.agent))
    if by is not None:
        assert transition.event != "cancelled"  # noqa: S101 - by the customer, never by staff
        add_audit_entry(connection, by.id, transition.event, locked.now, locked.case.id)


def _move_conversations(
    connection: Connection, locked: LockedCase, transition: CaseTransition, agent: str | None, by: StaffMember | None
) -> None:
    values: dict[str, Any] = {"owner": transition.owner.value, "agent": agent, "version": conversations.c.version + 1}
    if transition.ends:
        values |= {"case_id": None, "still_waiting_said": False}
    if transition.owner is Owner.CLOSED:
        values |= {"resolved_at": locked.now, "resolved_by": by.id if by else None}
    connection.execute(update(conversations).where(conversations.c.id.in_(locked.ids)).values(values))


_UNANSWERED = 3  # of the customer's last messages, which the bot looks at
_LOOKED_AT = 30  # lines at the end of a case's conversations


def _let_the_bot_speak(connection: Connection, locked: LockedCase, transition: CaseTransition) -> None:
    """Note in the slots that people are done, and what the customer said since the agent's last words.

    The bot speaks next, in the private conversation in which the customer spoke last.
    """
    private = [row for row in locked.conversations if row.thread == ""]
    if not private:
        return
    row = max(private, key=lambda one: one.heard_at)
    slots = {**json.loads(row.slots), "people_done": transition.state.value, "unanswered": _unanswered(connection, row)}
    update_conversations(connection, [row.id], {"slots": json_text(slots), "prompt_at": locked.now})


def _unanswered(connection: Connection, conversation: Row[Any]) -> list[str]:
    """What the customer wrote while an agent had the conversation, since the agent's last words; oldest first."""
    m = messages.c
    newest = (
        select(m.author, m.text, traces.c.trace)
        .outerjoin(traces, traces.c.message_id == m.id)
        .where(m.conversation_id == conversation.id, m.kind.in_((Kind.TEXT.value, Kind.VOICE.value)))
        .order_by(m.seq.desc())
        .limit(_LOOKED_AT)
    )
    since = takewhile(lambda line: line.author != Author.AGENT.value, connection.execute(newest).all())
    asked = [line.text for line in since if line.trace and json.loads(line.trace)["detail"] == WITH_AGENT]
    return [truncate(text) for text in reversed(asked[:_UNANSWERED])]


def _move_case(connection: Connection, locked: LockedCase, transition: CaseTransition, agent: str | None) -> None:
    values: dict[str, Any] = {"state": transition.state.value, "version": cases.c.version + 1}
    if transition.ends:
        values |= {"ended_at": locked.now, "waiting_since": 0.0, "promised_until": 0.0}
    else:
        values |= {"agent": agent, "agent_at": locked.now, "claimed_at": locked.now if agent else 0.0}
    connection.execute(update(cases).where(cases.c.id == locked.case.id).values(values))


def _set_customers_case(connection: Connection, locked: LockedCase, transition: CaseTransition) -> None:
    """Set the customer's open case, which their messages in other private conversations join."""
    this = update(customers).where(customers.c.id == locked.case.customer_id)
    if transition.ends:
        connection.execute(this.where(customers.c.case_id == locked.case.id).values(case_id=None))
    elif any(row.thread == "" for row in locked.conversations):
        connection.execute(this.where(customers.c.case_id.is_(None)).values(case_id=locked.case.id))


def cancel_bot_replies(connection: Connection, locked: LockedCase) -> None:
    """Cancel the bot's replies that are pending, and those that wait because the platform refused them."""
    pending = outbox.c.state == OutboxState.PENDING.value
    put_off = (outbox.c.state == OutboxState.WAITING.value) & (outbox.c.error != "")
    _cancel(connection, locked, outbox.c.author == Author.BOT.value, pending | put_off)


def _cancel_unasked(connection: Connection, locked: LockedCase) -> None:
    """Cancel what was about to be said about the wait, which is over."""
    unsent = outbox.c.state.in_([OutboxState.PENDING.value, OutboxState.WAITING.value])
    _cancel(connection, locked, _UNASKED, unsent)


def _cancel(connection: Connection, locked: LockedCase, *which: ColumnElement[bool]) -> None:
    """Cancel rows of the outbox in the case's conversations, and count again those that wait for the customer."""
    cancelled = {"state": OutboxState.CANCELLED.value, "state_at": locked.now}
    theirs = update(outbox).where(outbox.c.conversation_id.in_(locked.ids), *which)
    if connection.execute(theirs.values(cancelled)).rowcount:
        left = select(func.count()).where(
            outbox.c.conversation_id == conversations.c.id, outbox.c.state == OutboxState.WAITING.value
        )
        update_conversations(connection, locked.ids, {"waiting": left.scalar_subquery()})


def desk_event(event: str, by: StaffMember | None, former_agent: str | None = None) -> Event:
    """An event of the desk. former_agent: for a timeout, the agent who held the case."""
    if by is not None:
        return Event(event, by.id)
    return Event(event, Author.SYSTEM.value, data={"agent": former_agent or ""})


def log_events(connection: Connection, locked: LockedCase, rows: Sequence[Row[Any]], what: Event) -> None:
    """Append one event to each of these conversations of the case."""
    log_event(connection, rows, what, locked.now, locked.case.id)


def log_event(
    connection: Connection, rows: Sequence[Row[Any]], what: Event, now: Instant, case_id: str | None = None
) -> None:
    """Append one event to each of these conversations, which the caller has locked."""
    entries = [EventEntry(row.id, row.event_seq + 1, row.channel, row.account, what, case_id) for row in rows]
    append_events(connection, entries, now)
    update_conversations(connection, [row.id for row in rows], {"event_seq": conversations.c.event_seq + 1})


@dataclass(frozen=True, slots=True)
class LockedOutboxRow:
    """An outbox row and its conversation, locked until the transaction ends."""

    row: Row[Any]
    conversation: Row[Any]
    now: Instant
    case_id: str | None = None  # for the event log


def resend(connection: Connection, locked: LockedOutboxRow, by: StaffMember, state: OutboxState) -> None:
    """Set an outbox row back to `state`, and log it."""
    # Author AGENT: from now on neither the check of the owner nor a later claim cancels the message.
    fresh = {"author": Author.AGENT.value, "attempts": 0, "due_at": locked.now, "written": False}
    _write_decision(connection, locked, by, "resent", {"state": state.value, **fresh})
    if state is OutboxState.WAITING:
        update_conversations(connection, [locked.conversation.id], {"waiting": conversations.c.waiting + 1})


def leave_unsent(connection: Connection, locked: LockedOutboxRow, by: StaffMember) -> None:
    """Decide that a message stays unsent, and log it."""
    _write_decision(connection, locked, by, "left", {"state": OutboxState.LEFT.value})


def _write_decision(
    connection: Connection, locked: LockedOutboxRow, by: StaffMember, what: AuditAction, values: Mapping[str, Any]
) -> None:
    this = update(outbox).where(outbox.c.id == locked.row.id)
    connection.execute(this.values({**values, "state_at": locked.now}))
    log_event(connection, [locked.conversation], desk_event(what, by), locked.now, locked.case_id)
    add_audit_entry(connection, by.id, what, locked.now, locked.row.id)


def update_conversations(connection: Connection, ids: Sequence[str], values: Mapping[str, Any]) -> None:
    connection.execute(update(conversations).where(conversations.c.id.in_(ids)).values(dict(values)))
