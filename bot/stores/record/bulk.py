"""Many rows in one statement.

SQLite's driver lets go of the interpreter at every step of a statement and waits to get it back: a row at a time, a
batch of ten messages waited a hundred times, while other threads were computing. A statement for all rows is one step,
and one round trip to PostgreSQL. SQLAlchemy's own executemany also looks at every value of every row again, which costs
more than the database does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table

MOST = 64
Row = Mapping[str, Any]


class Inserts:
    """Inserts rows that hold every column. once: a row whose key is there already is left out."""

    def __init__(self, table: Table, once: bool = False) -> None:
        self._table = table.name
        self._names = tuple(table.c.keys())
        self._into = f"INSERT INTO {table.name} ({', '.join(self._names)})"
        self._unless = " ON CONFLICT DO NOTHING" if once else ""

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Write `rows`, if there are any; how many were."""
        return sum(self._write(connection, piece) for piece in _pieces(rows))

    def _write(self, connection: Connection, rows: Sequence[Row]) -> int:
        given, values = _given(connection, self._table, self._names, rows)
        return connection.exec_driver_sql(f"{self._into} {given}{self._unless}", values).rowcount


class Moves:
    """Sets `names` in the rows of a table that `key` names."""

    def __init__(self, table: Table, key: str, names: Sequence[str]) -> None:
        self._table = table.name
        self._names = (key, *names)
        moves = ", ".join(f"{name} = moved.{name}" for name in names)
        self._update = f"UPDATE {table.name} SET {moves} FROM moved WHERE {table.name}.{key} = moved.{key}"  # noqa: S608

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Move every one of `rows`, if there are any; no two of the same key."""
        for piece in _pieces(rows):
            given, values = _given(connection, self._table, self._names, piece)
            connection.exec_driver_sql(f"WITH moved ({', '.join(self._names)}) AS ({given}) {self._update}", values)


def _pieces(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), MOST):
        yield rows[start : start + MOST]


def _given(
    connection: Connection, table: str, names: tuple[str, ...], rows: Sequence[Row]
) -> tuple[str, tuple[Any, ...]]:
    """SQL for `rows` as a table, and its values. PostgreSQL can't tell the type of a column of nothing but NULL, so it
    gets rows of the table's own type."""
    if connection.dialect.name == "sqlite":
        return _places(len(names), len(rows)), tuple(chain.from_iterable(map(itemgetter(*names), rows)))
    written = json.dumps([{name: row[name] for name in names} for row in rows], ensure_ascii=False, default=_bytea)
    columns = ", ".join(names)
    return f"SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s)", (written,)  # noqa: S608 - names only


@cache
def _places(names: int, rows: int) -> str:
    row = f"({', '.join('?' * names)})"
    return f"VALUES {', '.join([row] * rows)}"


def _bytea(value: bytes) -> str:
    return f"\\x{value.hex()}"
