"""Statements compiled once, and many rows in one statement: the hot path of accepting and committing.

SQLAlchemy renders a list into an IN clause value by value on each execution, which took half of the time of finding a
batch's conversations. `Prepared` passes a list as one parameter, so that the driver also prepares one text only.

SQLite's driver releases the GIL at every step of a statement and waits to get it back: with a row per step, a batch of
ten messages waited a hundred times while other threads computed. `BulkInsert` and `BulkUpdate` take one step, and one
round trip to PostgreSQL. SQLAlchemy's executemany also checks every value again, which costs more than the database.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Connection, CursorResult, Dialect, Select, Table, Update, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

Given: TypeAlias = str | float | Sequence[str]


class InList(ColumnElement[Any]):
    """`column IN (:name)` for a parameter `name` that is a list. For `Prepared` only."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[str], name: str) -> None:
        self.column = column
        self.listed: BindParameter[Any] = bindparam(name, None)


@compiles(InList, "sqlite")
def _in_json(among: InList, compiler: SQLCompiler, **how: Any) -> str:
    column, listed = (compiler.process(part, **how) for part in (among.column, among.listed))
    return f"{column} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 - compiled, and no value in it


@compiles(InList, "postgresql")
def _in_array(among: InList, compiler: SQLCompiler, **how: Any) -> str:
    column, listed = (compiler.process(part, **how) for part in (among.column, among.listed))
    return f"{column} = ANY({listed})"


class Prepared:
    """A statement with named parameters, some of them lists (`InList`), compiled once for each dialect."""

    def __init__(self, statement: Select[Any] | Update) -> None:
        self._statement = statement
        self._compiled = cache(self._compile)

    def run(self, connection: Connection, **given: Given) -> CursorResult[Any]:
        """Execute it. Rows are as the driver returns them: a Boolean is a number on SQLite."""
        text, order, own = self._compiled(connection.dialect)
        values: dict[str, Any] = own | given
        if order is None:
            return connection.exec_driver_sql(text, values)
        placed = (values[name] for name in order)
        listed = tuple(json.dumps(value) if isinstance(value, list) else value for value in placed)
        return connection.exec_driver_sql(text, listed)

    def _compile(self, dialect: Dialect) -> tuple[str, Sequence[str] | None, dict[str, Any]]:
        """The SQL text, the order of its parameters if they are positional, and the values of its own literals."""
        compiled = self._statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for the type checker
        return str(compiled), compiled.positiontup, dict(compiled.params)


def upsert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can have ON CONFLICT, which SQLAlchemy has in its dialects only."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, skipping keys that exist already."""
    connection.execute(upsert(connection, table).on_conflict_do_nothing(), list(rows))


MOST = 64  # rows in one statement; more are split, because each number of rows is another text to prepare
Row = Mapping[str, Any]


class BulkInsert:
    """Inserts rows, which are dicts of every column. once: rows whose key exists are skipped."""

    def __init__(self, table: Table, once: bool = False) -> None:
        self._table = table.name
        self._names = tuple(table.c.keys())
        self._into = f"INSERT INTO {table.name} ({', '.join(self._names)})"
        self._unless = " ON CONFLICT DO NOTHING" if once else ""

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Insert `rows` and return how many were inserted."""
        inserted = 0
        for piece in _pieces(rows):
            given, values = _as_table(connection, self._table, self._names, piece)
            inserted += connection.exec_driver_sql(f"{self._into} {given}{self._unless}", values).rowcount
        return inserted


class BulkUpdate:
    """Sets the columns `names` of the rows that `key` identifies."""

    def __init__(self, table: Table, key: str, names: Sequence[str]) -> None:
        self._table = table.name
        self._names = (key, *names)
        moves = ", ".join(f"{name} = moved.{name}" for name in names)
        self._update = f"UPDATE {table.name} SET {moves} FROM moved WHERE {table.name}.{key} = moved.{key}"  # noqa: S608

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Update all of `rows`; their keys must differ."""
        for piece in _pieces(rows):
            given, values = _as_table(connection, self._table, self._names, piece)
            connection.exec_driver_sql(f"WITH moved ({', '.join(self._names)}) AS ({given}) {self._update}", values)


def _pieces(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), MOST):
        yield rows[start : start + MOST]


def _as_table(
    connection: Connection, table: str, names: tuple[str, ...], rows: Sequence[Row]
) -> tuple[str, tuple[Any, ...]]:
    """`rows` as an SQL table expression, and its parameters.

    PostgreSQL cannot infer the type of a column with only NULLs, so its rows are typed by the table itself.
    """
    if connection.dialect.name == "sqlite":
        return _places(len(names), len(rows)), tuple(chain.from_iterable(map(itemgetter(*names), rows)))
    # bytea is written as PostgreSQL's hex format
    written = json.dumps(
        [{name: row[name] for name in names} for row in rows],
        ensure_ascii=False,
        default=lambda value: f"\\x{value.hex()}",
    )
    columns = ", ".join(names)
    return f"SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s)", (written,)  # noqa: S608 - names only


@cache
def _places(names: int, rows: int) -> str:
    row = f"({', '.join('?' * names)})"
    return f"VALUES {', '.join([row] * rows)}"
