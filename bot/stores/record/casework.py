"""What moving a case writes: one case and its conversations under lock, carried from one owner to the next.

Locks are taken in the order conversations (by id), case, customer: the order in which turns are committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, update

from bot.cases import CaseState, StaffMember
from bot.desk.moves import Move, Standing
from bot.errors import Stale
from bot.messages import Author, Instant, OutboxState, Owner
from bot.stores.record.auditing import note_deed
from bot.stores.record.eventlog import EventEntry, append
from bot.stores.record.rows import locked
from bot.stores.record.tables import cases, conversations, customers, outbox, staff
from bot.turns import Happened


@dataclass(frozen=True, slots=True)
class Held:
    """A case and its conversations, locked until the transaction ends. `now` is the record's time."""

    case: Row[Any]
    conversations: Sequence[Row[Any]]
    standing: Standing
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


def hold(connection: Connection, case_id: str, now: Instant) -> Held:
    """Lock a case. Raises LookupError, and Stale if a conversation joined while the locks were taken."""
    rows = locked(connection, _members(connection, case_id))
    case = connection.execute(select(cases).where(cases.c.id == case_id).with_for_update()).first()
    if case is None:
        raise LookupError(case_id)
    if set(_members(connection, case_id)) != set(rows):
        raise Stale("a conversation has just joined")
    name = connection.execute(select(staff.c.name).where(staff.c.id == case.agent)).scalar() or ""
    owners = tuple(Owner(row.owner) for row in rows.values())
    return Held(case, tuple(rows.values()), Standing(CaseState(case.state), case.agent, name, owners), now)


def _members(connection: Connection, case_id: str) -> list[str]:
    """The conversation handed over, and those that joined."""
    first = select(cases.c.conversation_id).where(cases.c.id == case_id).scalar_subquery()
    members = select(conversations.c.id).where(or_(conversations.c.case_id == case_id, conversations.c.id == first))
    return list(connection.execute(members).scalars())


def carry(connection: Connection, held: Held, move: Move, by: StaffMember | None) -> None:
    """Move the case and every conversation of it to the new owner, and log it. `by` None: the clock did it."""
    agent = by.id if by and move.owner is Owner.AGENT else None
    _move_conversations(connection, held, move, agent, by)
    _move_case(connection, held, move, agent)
    _tell_customer_row(connection, held, move)
    note_events(connection, held, held.conversations, happened(move.event, by, held.case.agent))
    if by is not None:
        note_deed(connection, by.id, move.event, held.now, held.case.id)


def _move_conversations(
    connection: Connection, held: Held, move: Move, agent: str | None, by: StaffMember | None
) -> None:
    values: dict[str, Any] = {"owner": move.owner.value, "agent": agent, "version": conversations.c.version + 1}
    if move.ends:
        values |= {"case_id": None, "still_waiting_said": False}
    if move.owner is Owner.CLOSED:
        values |= {"resolved_at": held.now, "resolved_by": by.id if by else None}
    connection.execute(update(conversations).where(conversations.c.id.in_(held.ids)).values(values))


def _move_case(connection: Connection, held: Held, move: Move, agent: str | None) -> None:
    values: dict[str, Any] = {"state": move.state.value, "version": cases.c.version + 1}
    if move.ends:
        values |= {"ended_at": held.now, "waiting_since": 0.0}
    else:
        values |= {"agent": agent, "agent_at": held.now, "claimed_at": held.now if agent else 0.0}
    connection.execute(update(cases).where(cases.c.id == held.case.id).values(values))


def _tell_customer_row(connection: Connection, held: Held, move: Move) -> None:
    """While people own a private conversation, the customer's other private messages join its case."""
    this = update(customers).where(customers.c.id == held.case.customer_id)
    if move.ends:
        connection.execute(this.where(customers.c.case_id == held.case.id).values(case_id=None))
    elif any(row.thread == "" for row in held.conversations):
        connection.execute(this.where(customers.c.case_id.is_(None)).values(case_id=held.case.id))


def silence_bot(connection: Connection, held: Held) -> None:
    """What the bot was about to say is not said any more, nor what the platform would not take when it tried to."""
    pending = outbox.c.state == OutboxState.PENDING.value
    put_off = (outbox.c.state == OutboxState.WAITING.value) & (outbox.c.error != "")
    theirs = outbox.c.conversation_id.in_(held.ids) & (outbox.c.author == Author.BOT.value)
    cancelled = {"state": OutboxState.CANCELLED.value, "state_at": held.now}
    connection.execute(update(outbox).where(theirs, pending).values(cancelled))
    if connection.execute(update(outbox).where(theirs, put_off).values(cancelled)).rowcount:
        _count_what_waits(connection, held.ids)


def _count_what_waits(connection: Connection, ids: Sequence[str]) -> None:
    left = select(func.count()).where(
        outbox.c.conversation_id == conversations.c.id, outbox.c.state == OutboxState.WAITING.value
    )
    count_on(connection, ids, {"waiting": left.scalar_subquery()})


def happened(event: str, by: StaffMember | None, had: str | None = None) -> Happened:
    """An event of the desk. The clock's own says whose silence it was."""
    if by is not None:
        return Happened(event, by.id)
    return Happened(event, Author.SYSTEM.value, data={"agent": had or ""})


def note_events(connection: Connection, held: Held, rows: Sequence[Row[Any]], what: Happened) -> None:
    """Append one event to each of these conversations and count their event_seq on."""
    tell(connection, rows, what, held.now, held.case.id)


def tell(
    connection: Connection, rows: Sequence[Row[Any]], what: Happened, now: Instant, case_id: str | None = None
) -> None:
    """The same for conversations of no case. The caller has locked them."""
    entries = [EventEntry(row.id, row.event_seq + 1, row.channel, row.account, what, case_id) for row in rows]
    append(connection, entries, now)
    count_on(connection, [row.id for row in rows], {"event_seq": conversations.c.event_seq + 1})


@dataclass(frozen=True, slots=True)
class Loose:
    """An outgoing row and its conversation, locked until the transaction ends. case_id: for the log, if any."""

    row: Row[Any]
    conversation: Row[Any]
    now: Instant
    case_id: str | None = None


def send_once_more(connection: Connection, loose: Loose, by: StaffMember, state: OutboxState) -> None:
    """Put an outgoing row back to `state`, and log it.

    The row is the person's from now on: neither the bot's owner check nor a later claim stops it.
    """
    fresh = {"author": Author.AGENT.value, "attempts": 0, "due_at": loose.now, "written": False}
    _decided(connection, loose, by, "resent", {"state": state.value, **fresh})
    if state is OutboxState.WAITING:
        count_on(connection, [loose.conversation.id], {"waiting": conversations.c.waiting + 1})


def leave_it(connection: Connection, loose: Loose, by: StaffMember) -> None:
    """Nobody sends this row again: a person has decided so."""
    _decided(connection, loose, by, "left", {"state": OutboxState.LEFT.value})


def _decided(connection: Connection, loose: Loose, by: StaffMember, what: str, values: Mapping[str, Any]) -> None:
    this = update(outbox).where(outbox.c.id == loose.row.id)
    connection.execute(this.values({**values, "state_at": loose.now}))
    tell(connection, [loose.conversation], happened(what, by), loose.now, loose.case_id)
    note_deed(connection, by.id, what, loose.now, loose.row.id)


def count_on(connection: Connection, ids: Sequence[str], values: Mapping[str, Any]) -> None:
    connection.execute(update(conversations).where(conversations.c.id.in_(ids)).values(dict(values)))
