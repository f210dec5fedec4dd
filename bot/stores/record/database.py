"""One database, SQLite or PostgreSQL, used from async code by a sync driver in threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import QueuePool

from bot.errors import Unavailable
from bot.messages import Instant
from bot.pooler import IN_UTF8, do_without_session
from bot.stores.record.carrying import Apart, Carrying, Joined
from bot.stores.record.checkpoints import BUSY, LARGEST_LOG, Checkpointed

T = TypeVar("T")
READERS = 4
POSTGRES_WRITERS = 6
DEADLOCK = "40P01"
# The server has become a standby, a right was taken away, the file is none of SQLite's: nothing is accepted.
_NOT_NOW = {"25006", "42501", "SQLITE_NOTADB", "SQLITE_CORRUPT"}
# A statement for each number of rows that may be written at once stays prepared.
_SQLITE = {"check_same_thread": False, "cached_statements": 512}


class Database:
    """Runs functions of a connection in transactions, off the event loop. SQLite has one writer, which takes what waits
    into one transaction; a function may be run a second time where the first run was not committed.

    `clock` is the record's clock: by default the server's on PostgreSQL and the machine's on SQLite; tests give
    their own.
    """

    def __init__(self, url: str, clock: Callable[[], Instant] | None = None) -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        self._clock = clock
        writers = 1 if self.sqlite else POSTGRES_WRITERS
        self._writer = _engine(url, writers, immediate=True)
        self._reader = _engine(url, READERS, immediate=False) if self.sqlite else self._writer
        write, read = (partial(_transaction, engine) for engine in (self._writer, self._reader))
        self._reads = Apart(read, READERS, "record-read")
        self._log = Checkpointed(write, self._reads) if self.sqlite else None
        self._writes: Carrying = (
            Joined(self._log, "record-write") if self._log else Apart(write, writers, "record-write")
        )

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a writing transaction; committed when this returns. Raises Unavailable."""
        return await asyncio.wrap_future(self._writes.carry_out(work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a reading transaction. Raises Unavailable."""
        return await asyncio.wrap_future(self._reads.carry_out(work))

    def read_here(self, work: Callable[[Connection], T]) -> T:
        """`read` for those who are off the event loop already, and wait."""
        return _transaction(self._reader, work)

    def write_here(self, work: Callable[[Connection], T]) -> T:
        """`write` for those who are off the event loop already, and wait."""
        return _transaction(self._writer, work)

    def now(self, connection: Connection) -> Instant:
        """The record's own time, so that processes with wrong clocks agree on leases."""
        if self._clock is not None:
            return self._clock()
        if self.sqlite:
            return time.time()
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def close(self) -> None:
        self._writes.close()
        if self._log is not None:
            self._log.finish()
        self._reads.close()
        self._writer.dispose()
        self._reader.dispose()

    @property
    def engine(self) -> Engine:
        """For those who set up tables."""
        return self._writer


def _transaction(engine: Engine, work: Callable[[Connection], T], again: bool = True) -> T:
    """Two transactions that wait for each other are rare: locks are taken in one order. The one that PostgreSQL gives
    up has written nothing and is run again, once."""
    try:
        with reached(), engine.begin() as connection:
            return work(connection)
    except Unavailable as gone:
        if again and gone.code == DEADLOCK:
            return _transaction(engine, work, again=False)
        raise


@contextmanager
def reached() -> Iterator[None]:
    """Whatever keeps the record from being reached is raised as Unavailable, with its code."""
    try:
        yield
    except DBAPIError as failed:
        gone = isinstance(failed, OperationalError | InterfaceError) or failed.connection_invalidated
        if gone or code_of(failed) in _NOT_NOW:
            raise Unavailable(code_of(failed)) from failed
        raise


def code_of(failed: DBAPIError) -> str:
    """The database's own name for what failed."""
    known = (getattr(failed.orig, name, None) for name in ("sqlite_errorname", "sqlstate"))
    return next((str(code) for code in known if code), type(failed.orig).__name__)


def _engine(url: str, size: int, *, immediate: bool) -> Engine:
    if not url.startswith("sqlite"):
        room = {"pool_size": size, "max_overflow": READERS}
        engine = create_engine(_with_driver(url), **room, connect_args=IN_UTF8, pool_pre_ping=True)
        event.listen(engine, "connect", do_without_session)
        return engine
    engine = create_engine(url, poolclass=QueuePool, pool_size=size, connect_args=_SQLITE)
    event.listen(engine, "connect", _set_up_writer if immediate else _set_up_reader)
    event.listen(engine, "begin", _begin_immediate if immediate else _begin)
    return engine


def _with_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def _set_up_writer(connection: Any, _record: Any) -> None:
    _set_up_sqlite(connection, 16_000)


def _set_up_reader(connection: Any, _record: Any) -> None:
    _set_up_sqlite(connection, 2_000)


def _set_up_sqlite(connection: Any, cache: int) -> None:
    """WAL and FULL: a commit survives kill -9 and power loss; a lock is waited for at most one second. What is deleted
    is written over. `cache` in kilobytes; the system's own lies behind it."""
    connection.isolation_level = None
    for setting in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={BUSY}",
        "secure_delete=ON",
        "foreign_keys=ON",
        f"wal_autocheckpoint={LARGEST_LOG}",
        f"cache_size=-{cache}",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
