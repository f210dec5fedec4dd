"""Who did what: staff's deeds, kept for whoever has to answer for them. Ids and codes, never text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from bot.cases import Deed
from bot.logins import plain_login
from bot.messages import Instant
from bot.stores.record.database import Database
from bot.stores.record.tables import audit, staff
from bot.wording import new_id


def note_deed(connection: Connection, staff_id: str, action: str, now: Instant, about: str = "") -> None:
    """`about`: the id of what it was done to, a case or an outgoing message."""
    _write(connection, [Deed(now, staff_id, action, about)])


class RecordAudit:
    """ports.AuditTrail on the record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, deeds: Sequence[Deed]) -> None:
        if deeds:
            await self._database.write(lambda connection: _write(connection, deeds))

    async def deeds(self, since: Instant, login: str = "", limit: int = 10_000) -> list[Deed]:
        return await self._database.read(lambda connection: _read(connection, since, login, limit))


def _write(connection: Connection, deeds: Sequence[Deed]) -> None:
    rows = [
        {"id": new_id(), "at": one.at, "staff_id": one.staff, "action": one.action, "object": one.about}
        | {"times": one.times}
        for one in deeds
    ]
    connection.execute(insert(audit), rows)


def _read(connection: Connection, since: Instant, login: str, limit: int) -> list[Deed]:
    """The newest `limit`, in order of time."""
    wanted = (
        select(audit, staff.c.login)
        .outerjoin(staff, staff.c.id == audit.c.staff_id)
        .where(audit.c.at >= since)
        .order_by(audit.c.at.desc(), audit.c.id.desc())
        .limit(limit)
    )
    if login:
        wanted = wanted.where(audit.c.staff_id.in_(_ids(connection, login)))
    return [_deed(row) for row in reversed(list(connection.execute(wanted)))]


def _ids(connection: Connection, login: str) -> list[str]:
    """Whose login it is, also if they are disabled; a name of no login stands for itself, like `console`."""
    rows = connection.execute(select(staff.c.id, staff.c.login))
    return [row.id for row in rows if plain_login(row.login) == plain_login(login)] or [login]


def _deed(row: Any) -> Deed:
    return Deed(row.at, row.staff_id, row.action, row.object, row.times, row.login or "")
