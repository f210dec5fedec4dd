"""Messages that may not have arrived and stand in nobody's case: who looks at them, and what is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from bot.cases import StaffMember, Stray
from bot.desk import moves
from bot.errors import Stale
from bot.messages import Author, Customer, OutboxState
from bot.stores.record.casework import Loose, leave_it, send_once_more
from bot.stores.record.database import Database
from bot.stores.record.rows import conversation_of, locked, seen
from bot.stores.record.tables import UNDELIVERED, conversations, customers, identities, outbox

_STRAYS: Select[Any] = (
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


class RecordStrays:
    """ports.Strays on the record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def undelivered(self, limit: int) -> list[Stray]:
        return await self._database.read(lambda connection: _found(connection, _STRAYS.limit(limit)))

    async def stray(self, outgoing_id: str) -> Stray | None:
        this = _STRAYS.where(outbox.c.id == outgoing_id)
        return await self._database.read(lambda connection: next(iter(_found(connection, this)), None))

    async def send_again(self, outgoing_id: str, by: StaffMember, state: OutboxState) -> None:
        await self._decide(outgoing_id, by, lambda connection, loose: send_once_more(connection, loose, by, state))

    async def leave(self, outgoing_id: str, by: StaffMember) -> None:
        await self._decide(outgoing_id, by, lambda connection, loose: leave_it(connection, loose, by))

    async def _decide(self, outgoing_id: str, by: StaffMember, carry_out: Callable[[Connection, Loose], None]) -> None:
        def work(connection: Connection) -> None:
            loose = _held(connection, outgoing_id, self._database.now(connection))
            moves.decide(by, OutboxState(loose.row.state))
            carry_out(connection, loose)

        await self._database.write(work)


def _found(connection: Connection, wanted: Select[Any]) -> list[Stray]:
    rows = connection.execute(wanted).all()
    talks = seen(connection, sorted({row.conversation_id for row in rows}))
    return [_stray(row, talks[row.conversation_id]) for row in rows]


def _stray(row: Row[Any], talk: Row[Any]) -> Stray:
    return Stray(
        row.id,
        conversation_of(talk),
        Customer(row.customer_id, row.name, row.member_id),
        row.text,
        Author(row.author),
        OutboxState(row.state),
        row.state_at,
        row.error,
    )


def _held(connection: Connection, outgoing_id: str, now: float) -> Loose:
    """The row and its conversation, locked, the conversation first. Raises LookupError, and Stale if it has a case."""
    this = select(outbox).where(outbox.c.id == outgoing_id, outbox.c.message_id.is_not(None))
    found = connection.execute(this).first()
    if found is None:
        raise LookupError(outgoing_id)
    conversation = locked(connection, [found.conversation_id])[found.conversation_id]
    if conversation.case_id is not None:
        raise Stale("somebody's case by now")
    row = connection.execute(this.with_for_update()).one()
    return Loose(row, conversation, now)
