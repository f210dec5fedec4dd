"""Pieces of editions in the record, by the hash of their bytes: written once, shared by all editions that hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.stores.record.database import Database
from bot.stores.record.tables import active_edition, edition_parts, editions, parts

_AT_ONCE = 2_000_000  # bytes in one transaction: under 50 ms on SQLite
_NAMES = 400
_GONE = 20  # parts in one transaction
_JUST_WRITTEN = 3_600.0  # seconds in which whoever writes parts publishes them, or never


class RecordParts:
    """`ports.Parts` over the record. Every method waits: none is for the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fetch(self, names: Sequence[str]) -> dict[str, bytes]:
        """The parts of these names. Raises LookupError if one is not there, and Unavailable."""
        found: dict[str, bytes] = {}
        for start in range(0, len(names), _NAMES):
            found |= self._database.read_here(partial(_fetch, names[start : start + _NAMES]))
        if lacking := [name for name in names if name not in found]:
            raise LookupError(f"the record lacks {len(lacking)} parts of an edition, such as {lacking[0]}")
        return found

    def keep(self, written: Mapping[str, bytes]) -> None:
        """Write those that are not there yet, in small transactions. Raises Unavailable."""
        known = self._known(list(written))
        for some in _handfuls({name: body for name, body in written.items() if name not in known}):
            self._database.write_here(partial(self._keep, some))

    def let_go(self, before: int) -> int:
        """Forget the models of all editions before that number but the active one, and what no edition refers to and
        nobody has just written; how many parts. Their words stay. Raises Unavailable."""
        self._database.write_here(partial(_unlearn, before))
        gone = self._database.read_here(self._unused)
        for start in range(0, len(gone), _GONE):
            self._database.write_here(partial(_forget, gone[start : start + _GONE]))
        return len(gone)

    def _unused(self, connection: Connection) -> list[str]:
        old = parts.c.at < self._database.now(connection) - _JUST_WRITTEN
        used = exists().where(edition_parts.c.part == parts.c.name)
        return list(connection.execute(select(parts.c.name).where(old, ~used)).scalars())

    def _known(self, names: Sequence[str]) -> set[str]:
        known: set[str] = set()
        for start in range(0, len(names), _NAMES):
            known |= self._database.read_here(partial(_names, names[start : start + _NAMES]))
        return known

    def _keep(self, some: Mapping[str, bytes], connection: Connection) -> None:
        at = self._database.now(connection)
        insert_new(connection, parts, [{"name": name, "body": body, "at": at} for name, body in some.items()])


def insert_new(connection: Connection, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows whose keys are not there yet; another process may be doing the same."""
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(kind.insert(table).on_conflict_do_nothing(), list(rows))


def _unlearn(before: int, connection: Connection) -> None:
    """The active edition's row is locked meanwhile: nobody goes back to an edition whose model is about to go."""
    active = connection.execute(select(active_edition.c.number).with_for_update()).scalar() or 0
    of_models = edition_parts.c.learned.is_(True)
    old = edition_parts.c.edition < before, edition_parts.c.edition != active
    connection.execute(delete(edition_parts).where(*old, of_models))
    held = editions.c.number < before, editions.c.number != active, func.length(editions.c.model) > 0
    connection.execute(update(editions).where(*held).values(model=b""))


def _forget(names: Sequence[str], connection: Connection) -> None:
    used = exists().where(edition_parts.c.part == parts.c.name)
    connection.execute(delete(parts).where(parts.c.name.in_(names), ~used))


def _fetch(names: Sequence[str], connection: Connection) -> dict[str, bytes]:
    rows = connection.execute(select(parts.c.name, parts.c.body).where(parts.c.name.in_(names)))
    return {row.name: row.body for row in rows}


def _names(names: Sequence[str], connection: Connection) -> set[str]:
    return set(connection.execute(select(parts.c.name).where(parts.c.name.in_(names))).scalars())


def _handfuls(written: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
    """A few at a time, in order of their names, so that two processes never wait for each other."""
    some: dict[str, bytes] = {}
    for name in sorted(written):
        some[name] = written[name]
        if sum(map(len, some.values())) >= _AT_ONCE:
            yield some
            some = {}
    if some:
        yield some
