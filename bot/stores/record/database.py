"""One database, SQLite or PostgreSQL, used from async code by a sync driver in threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import QueuePool

from bot.errors import Unavailable
from bot.messages import Instant

T = TypeVar("T")
READERS = 4
POSTGRES_WRITERS = 6
DEADLOCK = "40P01"


class Database:
    """Runs functions of a connection in a transaction of their own, off the event loop. SQLite has one writer.

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
        self._write_threads = ThreadPoolExecutor(writers, thread_name_prefix="record-write")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="record-read")

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a writing transaction; committed when this returns. Raises Unavailable."""
        return await self._run(self._write_threads, self._writer, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a reading transaction. Raises Unavailable."""
        return await self._run(self._read_threads, self._reader, work)

    def now(self, connection: Connection) -> Instant:
        """The record's own time, so that processes with wrong clocks agree on leases."""
        if self._clock is not None:
            return self._clock()
        if self.sqlite:
            return time.time()
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def close(self) -> None:
        for threads in (self._write_threads, self._read_threads):
            threads.shutdown(wait=True)
        self._writer.dispose()
        self._reader.dispose()

    @property
    def engine(self) -> Engine:
        """For those who set up tables."""
        return self._writer

    async def _run(self, threads: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, _transaction, engine, work)


def _transaction(engine: Engine, work: Callable[[Connection], T], again: bool = True) -> T:
    """Two transactions that wait for each other are rare: locks are taken in one order. The one that PostgreSQL gives
    up has written nothing and is run again, once."""
    try:
        with engine.begin() as connection:
            return work(connection)
    except (OperationalError, InterfaceError) as gone:
        if again and getattr(gone.orig, "sqlstate", None) == DEADLOCK:
            return _transaction(engine, work, again=False)
        raise Unavailable(type(gone.orig).__name__) from gone
    except DBAPIError as failed:
        if failed.connection_invalidated:
            raise Unavailable(type(failed.orig).__name__) from failed
        raise


def _engine(url: str, size: int, *, immediate: bool) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(_with_driver(url), pool_size=size, max_overflow=READERS, pool_pre_ping=True)
    engine = create_engine(url, poolclass=QueuePool, pool_size=size, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_immediate if immediate else _begin)
    return engine


def _with_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """WAL and FULL: a commit survives kill -9 and power loss; a lock is waited for at most one second."""
    connection.isolation_level = None
    for setting in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=1000",
        "foreign_keys=ON",
        "cache_size=-32000",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
