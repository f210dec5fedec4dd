"""Editions in the record: written once, never changed; one of them is active."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, func, insert, select, text, update

from bot.errors import Stale
from bot.stores.record.database import Database
from bot.stores.record.tables import active_edition, edition_parts, editions

_THE_ONE = 1  # active_edition has a single row


class RecordEditions:
    """`ports.Editions` over the record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self) -> int:
        """The number of the active edition; 0 before the first."""
        return await self._database.read(_active)

    async def load(self, number: int) -> tuple[str, bytes]:
        """An edition's content (JSON) and trained model. Raises LookupError."""
        return await self._database.read(lambda connection: _load(connection, number))

    async def publish(
        self, content: str, model: bytes, by: str, based_on: int, parts: Mapping[str, bool] | None = None
    ) -> int:
        """Write the next edition and make it active if `based_on` still is; its number. Raises Stale.

        parts: the names of those that it refers to, and whether each is of its model; `RecordParts` keeps them already.
        """

        def work(connection: Connection) -> int:
            number = _activate_next(connection, based_on)
            at = self._database.now(connection)
            edition = {"number": number, "content": content, "model": model, "at": at, "by": by}
            connection.execute(insert(editions).values(edition))
            if parts:
                rows = [{"edition": number, "part": name, "learned": parts[name]} for name in sorted(parts)]
                connection.execute(insert(edition_parts), rows)
            return number

        return await self._database.write(work)


def _active(connection: Connection) -> int:
    return connection.execute(select(active_edition.c.number).where(active_edition.c.id == _THE_ONE)).scalar() or 0


def _load(connection: Connection, number: int) -> tuple[str, bytes]:
    row = connection.execute(select(editions.c.content, editions.c.model).where(editions.c.number == number)).first()
    if row is None:
        raise LookupError(f"there is no edition {number}")
    return row.content, row.model


def _activate_next(connection: Connection, based_on: int) -> int:
    """Point the active row, which this also locks, at the number after the highest ever written."""
    connection.execute(
        text("INSERT INTO active_edition (id, number, version) VALUES (:id, 0, 0) ON CONFLICT DO NOTHING"),
        {"id": _THE_ONE},
    )
    highest = select(func.coalesce(func.max(editions.c.number), 0)).scalar_subquery()
    won = connection.execute(
        update(active_edition)
        .where(active_edition.c.id == _THE_ONE, active_edition.c.number == based_on)
        .values(number=highest + 1, version=active_edition.c.version + 1)
    )
    if won.rowcount == 0:
        raise Stale(f"edition {based_on} is no longer the active one")
    return _active(connection)
