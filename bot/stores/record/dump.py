"""The whole record as one file, for either kind of database, and back again. The file is gzip over JSON lines:

    {"yingda": "record", "format": 1, "schema": "0001", "at": 1790000000.0, "rows": 1234}
    {"table": "customers", "columns": ["id", "name", ...]}
    ["0663e1...", "小林", ...]
    {"end": 1234}

Sessions and one-time codes are left out: with a backup nobody is logged in, and nobody proves who they are.

It is written in one transaction that sees the record as it stood at its beginning, whoever writes meanwhile, and read
in one that writes all or nothing. The record is made as the file's version knew it, filled, then brought up to date.
Only a batch of rows is ever in memory.
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

from bot.errors import Mistake, SettingError
from bot.messages import Instant, OutboxState
from bot.stores.record.migrate import knows, revision_of, upgrade
from bot.stores.record.tables import codes, metadata, outbox, sessions

FORMAT = 1
AT_ONCE = 500
LIVE = frozenset({sessions.name, codes.name})
Told = Callable[[int, int], None]  # rows done, rows in all
_STREAMED = {"stream_results": True, "yield_per": AT_ONCE}
_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
_NOT_WHOLE = (EOFError, OSError, zlib.error, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a dump holds: the schema's revision, when it was begun, how many rows."""

    schema: str
    at: Instant
    rows: int


def write_dump(connection: Connection, path: Path, at: Instant, told: Told) -> Contents:
    """Write everything into a new file at `path`. The connection has just begun, and reads only."""
    if connection.dialect.name == "postgresql":
        connection.execute(_SNAPSHOT)
    tables = [table for table in _tables(connection) if table.name not in LIVE]
    rows = sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)
    contents, done = Contents(revision_of(connection), at, rows), 0
    head = {"yingda": "record", "format": FORMAT, "schema": contents.schema, "at": at, "rows": rows}
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as file:
        _put(file, head)
        for table in tables:
            _put(file, {"table": table.name, "columns": [column.name for column in table.columns]})
            for row in connection.execute(select(table), execution_options=_STREAMED):
                _put(file, [_packed(value) for value in row])
                done += 1
                if done % AT_ONCE == 0:
                    told(done, rows)
        _put(file, {"end": done})
    told(done, rows)
    return contents


def read_dump(connection: Connection, path: Path, told: Told, *, replace: bool = False, secret: str = "") -> Contents:
    """Put a dump in place of an empty record, or with `replace` of any. What was about to be sent when the dump was
    made may have been sent since, so nobody sends it by himself: the sweeper will find it in doubt. secret: the
    deployment's, which an old dump's receipts are sealed with.

    Raises SettingError, and has written nothing then, for a file that is none of ours, not whole or too new, and for
    a record that holds anything.
    """
    with _Lines(path) as lines:
        contents = _contents(lines)
        if not replace:
            _refuse_to_overwrite(connection, lines)
        _clear(connection)
        upgrade(connection, contents.schema)
        _fill(connection, lines, contents, told)
    for live in (sessions, codes):  # older dumps hold them
        connection.execute(delete(live))
    upgrade(connection, secret=secret)
    begun = outbox.c.state == OutboxState.PENDING.value
    connection.execute(update(outbox).where(begun).values(state=OutboxState.SENDING.value, state_at=0.0))
    return contents


class _Lines:
    """The file's lines as JSON, each with its number for whoever has to say what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0

    def __enter__(self) -> _Lines:
        try:
            self._file = gzip.open(self._path, "rt", encoding="utf-8")
        except OSError as gone:
            raise self.wrong(f"cannot be opened ({gone.strerror})", "name a file that `yingda backup` wrote") from gone
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return self

    def finish(self) -> None:
        """Nothing follows; and only at its very end does gzip tell whether every byte was right."""
        if self._next(self._file.readline):
            raise self.none_of_ours()

    def __next__(self) -> Any:
        return self._next(lambda: json.loads(self._file.readline() or _nothing()))

    def _next(self, read: Callable[[], Any]) -> Any:
        self._number += 1
        try:
            return read()
        except (*_NOT_WHOLE, ValueError, RecursionError) as broken:
            if self._number == 1:
                raise self.none_of_ours() from broken
            raise self.wrong("the file is not whole", "take another backup; nothing was written") from broken

    def wrong(self, what: str, mend: str) -> SettingError:
        return SettingError(Mistake(str(self._path), self._number, "backup", what, mend))

    def none_of_ours(self) -> SettingError:
        return self.wrong("is no backup of Yingda", "name a file that `yingda backup` wrote; nothing was written")


def _nothing() -> str:
    raise EOFError


def _contents(lines: _Lines) -> Contents:
    head = next(lines)
    try:
        kind, form = head["yingda"], int(head["format"])
        contents = Contents(str(head["schema"]), float(head["at"]), int(head["rows"]))
    except (TypeError, KeyError, ValueError) as strange:
        raise lines.none_of_ours() from strange
    if kind != "record":
        raise lines.none_of_ours()
    if form > FORMAT or not knows(contents.schema):
        mend = "restore it with the Yingda that made it, or a later one; nothing was written"
        raise lines.wrong(f"was made by a newer Yingda (schema {contents.schema})", mend)
    return contents


def _refuse_to_overwrite(connection: Connection, lines: _Lines) -> None:
    for table in _tables(connection):
        if connection.execute(select(table).limit(1)).first() is not None:
            wrong = f"the record to restore into is not empty: it holds {table.name}"
            raise lines.wrong(wrong, "name an empty one in `record`, or say --replace and lose what is there")


def _clear(connection: Connection) -> None:
    metadata.drop_all(connection)
    connection.execute(text("DROP TABLE IF EXISTS alembic_version"))


def _fill(connection: Connection, lines: _Lines, contents: Contents, told: Told) -> None:
    """Every row up to the end line, which must count as many."""
    tables = {table.name: table for table in _tables(connection)}
    waiting: list[dict[str, Any]] = []
    table, columns, done = None, list[str](), 0
    for line in lines:
        if isinstance(line, list) and table is not None and len(line) == len(columns):
            waiting.append(dict(zip(columns, map(_unpacked, line), strict=True)))
            done += 1
        if not isinstance(line, list) or len(waiting) == AT_ONCE:
            _insert(connection, lines, table, waiting)
            waiting = []
            told(done, contents.rows)
        if isinstance(line, dict) and "end" in line:
            if line["end"] != done or done != contents.rows:
                raise lines.wrong("rows are missing", "take another backup; nothing was written")
            lines.finish()
            return
        if isinstance(line, dict):
            table, columns = _announced(lines, tables, line)


def _announced(lines: _Lines, tables: dict[str, Table], line: dict[str, Any]) -> tuple[Table, list[str]]:
    table, columns = tables.get(str(line.get("table"))), line.get("columns")
    if table is None or not isinstance(columns, list) or not set(columns) <= set(table.columns.keys()):
        raise lines.none_of_ours()
    return table, columns


def _insert(connection: Connection, lines: _Lines, table: Table | None, rows: Sequence[dict[str, Any]]) -> None:
    """The database's own words are not repeated: they quote the row."""
    if table is None or not rows:
        return
    try:
        connection.execute(table.insert(), list(rows))
    except OperationalError:
        raise
    except DBAPIError as refused:
        wrong = f"rows of {table.name} do not fit ({type(refused.orig).__name__})"
        raise lines.wrong(wrong, "take another backup; nothing was written") from refused


def _tables(connection: Connection) -> list[Table]:
    """Our tables as they are in this record, whatever its version, those that others refer to first."""
    found = MetaData()
    there = set(inspect(connection).get_table_names())
    found.reflect(connection, only=sorted(there & metadata.tables.keys()))
    return found.sorted_tables


def _put(file: TextIO, line: Any) -> None:
    file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def _packed(value: Any) -> Any:
    return {"base64": b64encode(value).decode()} if isinstance(value, bytes | memoryview) else value


def _unpacked(value: Any) -> Any:
    return b64decode(value["base64"]) if isinstance(value, dict) else value
