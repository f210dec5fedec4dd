"""Backup and restore: the whole database as one file, for SQLite and PostgreSQL. The file is gzip over JSON lines:

    {"yingda": "record", "format": 1, "schema": "0001", "at": 1790000000.0, "rows": 1234}
    {"table": "customers", "columns": ["id", "name", ...]}
    ["0663e1...", "小林", ...]
    {"end": 1234}

Sessions and one-time codes are left out: a backup must not let its holder log in or confirm an identity.

A dump is one transaction's snapshot; reading one writes all or nothing. Tables are created in the version of the file,
filled, then upgraded. Memory holds one batch of rows.
"""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, MetaData, Table, delete, func, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.domain.messages import Instant, OutboxState
from bot.errors import ConfigProblem, SettingError
from bot.stores.sql.migrate import is_known, revision_of, upgrade
from bot.stores.sql.schema import codes, metadata, outbox, sessions

FORMAT = 1  # of the file, not of the schema
BATCH = 500  # rows
LIVE = frozenset({sessions.name, codes.name})
Progress = Callable[[int, int], None]  # called with rows done, rows in all
_STREAMED = {"stream_results": True, "yield_per": BATCH}
_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
_BYTES = bytes | memoryview  # SQLite and psycopg return different types
_NOT_WHOLE = (EOFError, OSError, zlib.error, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class DumpContents:
    schema: str  # revision of the tables
    at: Instant  # when the dump was begun
    rows: int  # in all tables


def write_dump(connection: Connection, path: Path, at: Instant, progress: Progress) -> DumpContents:
    """Write a dump to `path`. `connection` must be new: its transaction becomes the snapshot."""
    if connection.dialect.name == "postgresql":  # SQLite's read transactions are snapshots anyway
        connection.execute(_SNAPSHOT)
    tables = [table for table in tables_of(connection) if table.name not in LIVE]
    rows = sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)
    contents, done = DumpContents(revision_of(connection), at, rows), 0
    head = {"yingda": "record", "format": FORMAT, "schema": contents.schema, "at": at, "rows": rows}
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as file:
        _put(file, head)
        for table in tables:
            _put(file, {"table": table.name, "columns": [column.name for column in table.columns]})
            for row in connection.execute(select(table), execution_options=_STREAMED):
                _put(file, [{"base64": b64encode(one).decode()} if isinstance(one, _BYTES) else one for one in row])
                done += 1
                if done % BATCH == 0:
                    progress(done, rows)
        _put(file, {"end": done})
    progress(done, rows)
    return contents


def read_dump(
    connection: Connection, path: Path, progress: Progress, *, replace: bool = False, secret: str = ""
) -> DumpContents:
    """Replace an empty database by a dump, or with `replace` any database.

    secret: the deployment's, with which receipts of old dumps are sealed. Raises SettingError, having written nothing,
    for a file that is not a dump, incomplete or too new, and for a database with rows.
    """
    with _DumpReader(path) as lines:
        contents = _contents(lines)
        if not replace:
            _refuse_to_overwrite(connection, lines)
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
        upgrade(connection, contents.schema)
        _fill(connection, lines, contents, progress)
    for live in (sessions, codes):  # older dumps hold them
        connection.execute(delete(live))
    upgrade(connection, secret=secret)
    # Pending replies may have been sent since the dump: as `sending` since 1970 they become "in doubt", for staff.
    begun = outbox.c.state == OutboxState.PENDING.value
    connection.execute(update(outbox).where(begun).values(state=OutboxState.SENDING.value, state_at=0.0))
    return contents


class _DumpReader:
    """Iterates over a dump's lines as JSON and counts them for error messages."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0  # of the line read last, from 1

    def __enter__(self) -> _DumpReader:
        try:
            self._file = gzip.open(self._path, "rt", encoding="utf-8")
        except OSError as gone:
            raise self.wrong("storage.backup.unopened", reason=gone.strerror) from gone
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return self

    def finish(self) -> None:
        """Check that nothing follows. Only reading to the end makes gzip verify its checksum."""
        if self._next(self._file.readline):
            raise self.not_a_dump()

    def __next__(self) -> Any:
        return self._next(self._read)

    def _read(self) -> Any:
        line = self._file.readline()
        if not line:
            raise EOFError
        return json.loads(line)

    def _next(self, read: Callable[[], Any]) -> Any:
        self._number += 1
        try:
            return read()
        except (*_NOT_WHOLE, ValueError, RecursionError) as broken:
            if self._number == 1:
                raise self.not_a_dump() from broken
            raise self.wrong("storage.backup.cut") from broken

    def wrong(self, code: str, **values: object) -> SettingError:
        return SettingError(ConfigProblem.of(self._path, self._number, "backup", code, **values))

    def not_a_dump(self) -> SettingError:
        return self.wrong("storage.backup.not_ours")


def _contents(lines: _DumpReader) -> DumpContents:
    head = next(lines)
    try:
        kind, form = head["yingda"], int(head["format"])
        contents = DumpContents(str(head["schema"]), float(head["at"]), int(head["rows"]))
    except (TypeError, KeyError, ValueError) as strange:
        raise lines.not_a_dump() from strange
    if kind != "record":
        raise lines.not_a_dump()
    if form > FORMAT or not is_known(contents.schema):
        raise lines.wrong("storage.backup.newer", schema=contents.schema)
    return contents


def _refuse_to_overwrite(connection: Connection, lines: _DumpReader) -> None:
    for table in tables_of(connection):
        if connection.execute(select(table).limit(1)).first() is not None:
            raise lines.wrong("storage.backup.not_empty", table=table.name)


def _fill(connection: Connection, lines: _DumpReader, contents: DumpContents, progress: Progress) -> None:
    """Insert the rows up to the end line, whose count must agree."""
    tables = {table.name: table for table in tables_of(connection)}
    waiting: list[dict[str, Any]] = []
    table, columns, done = None, list[str](), 0
    for line in lines:
        if isinstance(line, list) and table is not None and len(line) == len(columns):
            values = (b64decode(one["base64"]) if isinstance(one, dict) else one for one in line)
            waiting.append(dict(zip(columns, values, strict=True)))
            done += 1
        if not isinstance(line, list) or len(waiting) == BATCH:
            _insert(connection, lines, table, waiting)
            waiting = []
            progress(done, contents.rows)
        if isinstance(line, dict) and "end" in line:
            if line["end"] != done or done != contents.rows:
                raise lines.wrong("storage.backup.rows_missing")
            lines.finish()
            return
        if isinstance(line, dict):
            table, columns = _announced(lines, tables, line)


def _announced(lines: _DumpReader, tables: dict[str, Table], line: dict[str, Any]) -> tuple[Table, list[str]]:
    table, columns = tables.get(str(line.get("table"))), line.get("columns")
    if table is None or not isinstance(columns, list) or not set(columns) <= set(table.columns.keys()):
        raise lines.not_a_dump()
    return table, columns


def _insert(connection: Connection, lines: _DumpReader, table: Table | None, rows: Sequence[dict[str, Any]]) -> None:
    if table is None or not rows:
        return
    try:
        connection.execute(table.insert(), list(rows))
    except OperationalError:
        raise
    except DBAPIError as refused:  # only the error's type is shown: its message quotes the row
        kind = type(refused.orig).__name__
        raise lines.wrong("storage.backup.rows_refused", table=table.name, kind=kind) from refused


def tables_of(connection: Connection) -> list[Table]:
    """Our tables as they are in this database, whatever its version; referenced tables first."""
    found = MetaData()
    there = set(inspect(connection).get_table_names())
    found.reflect(connection, only=sorted(there & metadata.tables.keys()))
    return found.sorted_tables


def _put(file: TextIO, line: Any) -> None:
    file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
