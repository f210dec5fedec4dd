"""Statements compiled once, however long the lists are that they are asked with.

SQLAlchemy writes a list into the statement, value by value, each time anew: half of what finding a batch's
conversations took. Here a list is one parameter, and the driver prepares one text only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Connection, CursorResult, Dialect, Select, Update, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

Given: TypeAlias = str | float | Sequence[str]


class Among(ColumnElement[Any]):
    """Whether a column's value is in the list called `name`. For `Prepared` only."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[str], name: str) -> None:
        self.column = column
        self.listed: BindParameter[Any] = bindparam(name, None)


@compiles(Among, "sqlite")
def _in_json(among: Among, compiler: SQLCompiler, **how: Any) -> str:
    column, listed = (compiler.process(part, **how) for part in (among.column, among.listed))
    return f"{column} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 - compiled, and no value in it


@compiles(Among, "postgresql")
def _in_array(among: Among, compiler: SQLCompiler, **how: Any) -> str:
    column, listed = (compiler.process(part, **how) for part in (among.column, among.listed))
    return f"{column} = ANY({listed})"


class Prepared:
    """A statement with named parameters, some of them lists."""

    def __init__(self, statement: Select[Any] | Update) -> None:
        self._statement = statement
        self._compiled = cache(self._compile)

    def run(self, connection: Connection, **given: Given) -> CursorResult[Any]:
        """Rows as the driver gives them: a Boolean is a number on SQLite."""
        text, order, own = self._compiled(connection.dialect)
        values: dict[str, Any] = own | given
        if order is None:
            return connection.exec_driver_sql(text, values)
        return connection.exec_driver_sql(text, tuple(_on_sqlite(values[name]) for name in order))

    def _compile(self, dialect: Dialect) -> tuple[str, Sequence[str] | None, dict[str, Any]]:
        """The text, its parameters' order if they have places and no names, and the statement's own values."""
        compiled = self._statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for the type checker
        return str(compiled), compiled.positiontup, dict(compiled.params)


def _on_sqlite(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value
