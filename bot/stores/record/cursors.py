"""How far each poll has come. A cursor moves in the transaction that accepts what the poll brought."""

from __future__ import annotations

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.messages import Cursor
from bot.stores.record.database import Database
from bot.stores.record.tables import cursors
from bot.turns import Moved

_DIALECT = {"sqlite": sqlite, "postgresql": postgresql}


class RecordCursors:
    """ports.Cursors on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cursor(self, account: str, name: str) -> Cursor:
        this = select(cursors.c.value).where(cursors.c.account == account, cursors.c.name == name)
        value = await self._database.read(lambda connection: connection.execute(this).scalar())
        return Cursor(account, name, value or "")


def move(connection: Connection, moved: Moved) -> None:
    """Move a cursor on from where it was read; somebody who read an older place moves nothing."""
    was = moved.cursor
    new = {"account": was.account, "name": was.name, "value": ""}
    connection.execute(_DIALECT[connection.dialect.name].insert(cursors).on_conflict_do_nothing(), [new])
    here = (cursors.c.account == was.account, cursors.c.name == was.name, cursors.c.value == was.value)
    connection.execute(update(cursors).where(*here).values(value=moved.value))
