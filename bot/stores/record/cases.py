"""Cases as people move them and speak in them: every step one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from bot.cases import AgentReply, CaseState, StaffMember
from bot.desk import moves
from bot.desk.moves import Move, Standing
from bot.errors import NotAllowed, Stale
from bot.messages import Author, Instant, Kind, OutboxState
from bot.stores.record.auditing import note_deed
from bot.stores.record.casework import (
    Held,
    Loose,
    carry,
    count_on,
    happened,
    hold,
    note_events,
    send_once_more,
    silence_bot,
)
from bot.stores.record.database import Database
from bot.stores.record.posted import claim
from bot.stores.record.rows import message_row
from bot.stores.record.tables import cases, conversations, messages, outbox, staff
from bot.turns import Happened, Posting
from bot.wording import clean, new_id

_AT_WORK = select(staff.c.id).where(staff.c.disabled_at == 0, staff.c.role.in_([role.value for role in moves.WORKERS]))


class Cases:
    """ports.CaseWork and ports.CaseTalk on the record, and the sweeper's release of silent agents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, case_id: str, by: StaffMember) -> None:
        await self._move(case_id, by, moves.claim)

    async def release(self, case_id: str, by: StaffMember) -> None:
        await self._move(case_id, by, moves.release)

    async def resolve(self, case_id: str, by: StaffMember) -> None:
        await self._move(case_id, by, moves.resolve)

    async def hand_back(self, case_id: str, by: StaffMember) -> None:
        await self._move(case_id, by, moves.hand_back)

    async def _move(self, case_id: str, by: StaffMember, rule: Callable[[Standing, StaffMember], Move]) -> None:
        def work(connection: Connection) -> None:
            held = hold(connection, case_id, self._database.now(connection))
            move = rule(held.standing, by)
            carry(connection, held, move, by)
            if move.state is CaseState.CLAIMED:
                silence_bot(connection, held)

        await self._database.write(work)

    async def reply(self, case_id: str, by: StaffMember, reply: AgentReply) -> str:
        message_id = _once(case_id, by, reply.key)

        def work(connection: Connection) -> str:
            held = hold(connection, case_id, self._database.now(connection))
            if not _is_said(connection, message_id):
                _say(connection, held, by, reply, message_id)
            return message_id

        return await self._database.write(work)

    async def note(self, case_id: str, by: StaffMember, text: str) -> str:
        def work(connection: Connection) -> str:
            held = hold(connection, case_id, self._database.now(connection))
            return _note(connection, held, by, text)

        return await self._database.write(work)

    async def correct(self, case_id: str, by: StaffMember, message_id: str, entry: str) -> None:
        def work(connection: Connection) -> None:
            held = hold(connection, case_id, self._database.now(connection))
            _correct(connection, held, by, message_id, entry)

        await self._database.write(work)

    async def send_again(self, case_id: str, outgoing_id: str, by: StaffMember, state: OutboxState) -> None:
        def work(connection: Connection) -> None:
            held = hold(connection, case_id, self._database.now(connection))
            _send_again(connection, held, by, outgoing_id, state)

        await self._database.write(work)

    async def release_silent(self, before: Instant) -> list[str]:
        """Claimed cases go back whose customer has waited since `before` without a sign of the agent, and at once those
        whose agent works no cases any more; their ids."""
        silent = await self._database.read(lambda connection: _silent(connection, before))
        return [case_id for case_id in silent if await self._time_out(case_id, before)]

    async def _time_out(self, case_id: str, before: Instant) -> bool:
        """One case at a time, looked at again under its lock: the agent may have answered just now."""

        def work(connection: Connection) -> bool:
            held = hold(connection, case_id, self._database.now(connection))
            if not _is_silent(held.case, before) and not _is_left(connection, held.case):
                return False
            carry(connection, held, moves.timed_out(), None)
            return True

        try:
            return await self._database.write(work)
        except Stale:
            return False  # somebody is at it; the sweeper looks again


def _silent(connection: Connection, before: Instant) -> list[str]:
    waits = and_(cases.c.waiting_since > 0, cases.c.waiting_since < before, cases.c.agent_at < before)
    left = cases.c.agent.is_(None) | cases.c.agent.not_in(_AT_WORK)
    silent = select(cases.c.id).where(cases.c.state == CaseState.CLAIMED.value, or_(waits, left))
    return list(connection.execute(silent).scalars())


def _is_left(connection: Connection, case: Row[Any]) -> bool:
    """Whether a claimed case is held by nobody who works cases: disabled, or given another role."""
    if case.state != CaseState.CLAIMED.value:
        return False
    return connection.execute(_AT_WORK.where(staff.c.id == case.agent)).first() is None


def _is_silent(case: Row[Any], before: Instant) -> bool:
    return case.state == CaseState.CLAIMED.value and 0 < case.waiting_since < before and bool(case.agent_at < before)


def _once(case_id: str, by: StaffMember, key: str) -> str:
    """The message id that this draft will always have, so that a reply sent twice by the browser is said once."""
    return hashlib.sha256(f"{case_id}\n{by.id}\n{key}".encode()).hexdigest()[:32]


def _is_said(connection: Connection, message_id: str) -> bool:
    return connection.execute(select(messages.c.id).where(messages.c.id == message_id)).first() is not None


def _say(connection: Connection, held: Held, by: StaffMember, reply: AgentReply, message_id: str) -> None:
    conversation = _allowed_conversation(held, by, reply)
    posting = Posting(reply.text, reply.same_after)
    if reply.same_after and not claim(connection, conversation.account, posting, held.now):
        raise NotAllowed("said_lately")
    line = message_row(message_id, conversation.id, conversation.seq + 1, Author.AGENT, Kind.TEXT, held.now)
    connection.execute(insert(messages), [line | {"text": clean(reply.text), "by": by.id}])
    connection.execute(insert(outbox), [_parcel(line, piece, reply.state) for piece in reply.pieces])
    waiting = len(reply.pieces) if reply.state is OutboxState.WAITING else 0
    count_on(
        connection,
        [conversation.id],
        {"seq": conversation.seq + 1, "waiting": conversations.c.waiting + waiting},
    )
    note_events(connection, held, [conversation], happened("replied", by))
    note_deed(connection, by.id, "replied", held.now, held.case.id)
    _touch(connection, held, waiting_since=0.0, agent_at=held.now)


def _allowed_conversation(held: Held, by: StaffMember, reply: AgentReply) -> Row[Any]:
    try:
        conversation = held.conversation(reply.conversation_id)
    except LookupError as strange:
        raise NotAllowed("elsewhere") from strange
    moves.reply(held.standing, by, conversation.id, held.ids)
    if conversation.thread == Kind.OVERHEARD.value:
        raise NotAllowed("overheard")
    return conversation


def _parcel(line: dict[str, Any], piece: str, state: OutboxState) -> dict[str, Any]:
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


def _note(connection: Connection, held: Held, by: StaffMember, text: str) -> str:
    moves.note(by)
    conversation = held.conversation("")
    line = message_row(new_id(), conversation.id, conversation.seq + 1, Author.AGENT, Kind.NOTE, held.now)
    connection.execute(insert(messages), [line | {"text": clean(text), "by": by.id}])
    count_on(connection, [conversation.id], {"seq": conversation.seq + 1})
    note_events(connection, held, [conversation], happened("noted", by))
    note_deed(connection, by.id, "noted", held.now, held.case.id)
    if held.case.agent == by.id:
        _touch(connection, held, agent_at=held.now)
    return str(line["id"])


def _correct(connection: Connection, held: Held, by: StaffMember, message_id: str, entry: str) -> None:
    moves.correct(by)
    theirs = (messages.c.id == message_id, messages.c.author == Author.CUSTOMER.value)
    said = connection.execute(select(messages.c.conversation_id).where(*theirs)).scalar()
    conversation = next((one for one in held.conversations if one.id == said), None)
    if conversation is None:
        raise LookupError(message_id)
    what = Happened("corrected", by.id, entry=entry, data={"message": message_id})
    note_events(connection, held, [conversation], what)
    note_deed(connection, by.id, "corrected", held.now, message_id)


def _send_again(connection: Connection, held: Held, by: StaffMember, outgoing_id: str, state: OutboxState) -> None:
    row = connection.execute(select(outbox).where(outbox.c.id == outgoing_id).with_for_update()).first()
    if row is None or row.message_id is None:
        raise LookupError(outgoing_id)
    conversation = next((one for one in held.conversations if one.id == row.conversation_id), None)
    if conversation is None:
        raise NotAllowed("elsewhere")
    moves.send_again(held.standing, by, OutboxState(row.state))
    send_once_more(connection, Loose(row, conversation, held.now, held.case.id), by, state)


def _touch(connection: Connection, held: Held, **values: float) -> None:
    connection.execute(update(cases).where(cases.c.id == held.case.id).values(version=cases.c.version + 1, **values))
