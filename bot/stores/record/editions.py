"""Editions in the record: written once, never changed; one of them is active, and each change of that is noted."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, func, insert, select, text, update

from bot.errors import Stale
from bot.ports.editions import Activation, Published
from bot.stores.record.database import Database
from bot.stores.record.tables import activations, active_edition, edition_parts, editions

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
            at = self._database.now(connection)
            number = _activate_next(connection, based_on)
            _note(connection, Activation(number, based_on, at, by))
            edition = {"number": number, "content": content, "model": model, "at": at, "by": by}
            connection.execute(insert(editions).values(edition))
            if parts:
                rows = [{"edition": number, "part": name, "learned": parts[name]} for name in sorted(parts)]
                connection.execute(insert(edition_parts), rows)
            return number

        return await self._database.write(work)

    async def activate(self, number: int, by: str, based_on: int) -> None:
        """Make an edition of before active again if `based_on` still is. Raises Stale, and LookupError."""

        def work(connection: Connection) -> None:
            _activate(connection, based_on, number)
            if not connection.execute(
                select(func.length(editions.c.model)).where(editions.c.number == number)
            ).scalar():
                raise LookupError(f"there is no edition {number}, or its model is gone")
            _note(connection, Activation(number, based_on, self._database.now(connection), by))

        await self._database.write(work)

    async def history(self, newest: int) -> list[Published]:
        """The `newest` editions and the active one, newest first, each with the times at which it became active."""
        return await self._database.read(lambda connection: _history(connection, newest))


def _history(connection: Connection, newest: int) -> list[Published]:
    first = (connection.execute(select(func.max(editions.c.number))).scalar() or 0) - newest
    among = (editions.c.number > first) | (editions.c.number == _active(connection))
    rows = connection.execute(
        select(editions.c.number, editions.c.at, editions.c.by).where(among).order_by(editions.c.number.desc())
    ).all()
    since: dict[int, list[Activation]] = {row.number: [] for row in rows}
    noted = select(activations.c.number, activations.c.replaced, activations.c.at, activations.c.by)
    for one in connection.execute(noted.where(activations.c.number.in_(since)).order_by(activations.c.version)):
        since[one.number].append(Activation(*one))
    return [Published(row.number, row.at, row.by, tuple(since[row.number])) for row in rows]


def _note(connection: Connection, one: Activation) -> None:
    version = select(active_edition.c.version).where(active_edition.c.id == _THE_ONE).scalar_subquery()
    row = {"number": one.number, "replaced": one.replaced, "at": one.at, "by": one.by}
    connection.execute(insert(activations).values(version=version, **row))


def _active(connection: Connection) -> int:
    return connection.execute(select(active_edition.c.number).where(active_edition.c.id == _THE_ONE)).scalar() or 0


def _load(connection: Connection, number: int) -> tuple[str, bytes]:
    row = connection.execute(select(editions.c.content, editions.c.model).where(editions.c.number == number)).first()
    if row is None:
        raise LookupError(f"there is no edition {number}")
    return row.content, row.model


def _activate_next(connection: Connection, based_on: int) -> int:
    """Point the active row at the number after the highest ever written. The row is locked first: whoever publishes or
    goes back meanwhile waits, so that the highest number is still the highest."""
    connection.execute(
        text("INSERT INTO active_edition (id, number, version) VALUES (:id, 0, 0) ON CONFLICT DO NOTHING"),
        {"id": _THE_ONE},
    )
    connection.execute(select(active_edition.c.number).where(active_edition.c.id == _THE_ONE).with_for_update())
    highest: int = connection.execute(select(func.coalesce(func.max(editions.c.number), 0))).scalar_one()
    _activate(connection, based_on, highest + 1)
    return highest + 1


def _activate(connection: Connection, based_on: int, number: int) -> None:
    won = connection.execute(
        update(active_edition)
        .where(active_edition.c.id == _THE_ONE, active_edition.c.number == based_on)
        .values(number=number, version=active_edition.c.version + 1)
    )
    if won.rowcount == 0:
        raise Stale(f"edition {based_on} is no longer the active one")
