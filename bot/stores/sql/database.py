"""Runs transactions on SQLite or PostgreSQL from async code, with a synchronous driver in threads.

SQLite has one writer, so its transactions are grouped: one disk flush for all that gathered during the last one. Its
write-ahead log is checkpointed by another thread: SQLite itself would do it within a commit once the log exceeds 1,000
pages, which made about every hundredth message wait 10 ms longer.

After an erasure the log is truncated too, because it keeps deleted text until it is overwritten, possibly for ever.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, insert, text, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import QueuePool

from bot.config.settings import IN_UTF8, do_without_session
from bot.domain.messages import Instant
from bot.errors import BUSY, Unavailable, problem_of_database
from bot.stores.sql.schema import pulse

log = logging.getLogger(__name__)
T = TypeVar("T")
Work: TypeAlias = Callable[[Connection], T]
Transaction: TypeAlias = Callable[[Work[Any]], Any]  # runs its argument in a transaction, committed when it returns
_Waiting: TypeAlias = tuple[Work[Any], Future[Any]]
GROUP = 8  # functions in one transaction; each writes a batch already, and the next group waits for this one
CHECK_INTERVAL = 5.0  # seconds between two writes of DatabaseWriteCheck
CHECK_TIMEOUT = 4.0  # seconds for one of them
LOG_EVERY = 60.0  # seconds between two log lines about the same trouble
_FILLING = 24_000  # random characters, which compression cannot shrink: as much as a few messages with their rows


class Executor(Protocol):
    """Runs functions in transactions, in threads. `close` waits for those that have begun."""

    def carry_out(self, work: Work[T]) -> Future[T]: ...

    def close(self) -> None: ...


class ConcurrentExecutor:
    """Runs each function in its own transaction, in up to `threads` threads."""

    def __init__(self, transaction: Transaction, threads: int, name: str) -> None:
        self._transaction = transaction
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def carry_out(self, work: Work[T]) -> Future[T]:
        return self._threads.submit(self._transaction, work)

    def close(self) -> None:
        self._threads.shutdown(wait=True)


class GroupCommitExecutor:
    """Group commit: functions that wait while a transaction is written share the next one.

    If it fails, nothing is written, and each function runs again in its own transaction, so that only the faulty one
    fails.
    """

    def __init__(self, transaction: Transaction, name: str) -> None:
        self._transaction = transaction
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def carry_out(self, work: Work[T]) -> Future[T]:
        future: Future[T] = Future()
        self._waiting.append((work, future))
        self._thread.submit(self._next)
        return future

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    def _next(self) -> None:
        """Run once for each submitted function; finds nothing to do if an earlier run took it along."""
        waiting = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
        taken = [one for one in waiting if one[1].set_running_or_notify_cancel()]
        if len(taken) < 2 or not self._run_group(taken):
            for work, future in taken:
                self._run_alone(work, future)

    def _run_group(self, taken: Sequence[_Waiting]) -> bool:
        try:
            results = self._transaction(lambda connection: [work(connection) for work, _ in taken])
        except Exception:  # noqa: BLE001 - raised again by the faulty function when it runs alone
            return False
        for (_, future), result in zip(taken, results, strict=True):
            future.set_result(result)
        return True

    def _run_alone(self, work: Work[Any], future: Future[Any]) -> None:
        try:
            future.set_result(self._transaction(work))
        except BaseException as problem:  # noqa: BLE001 - raised where the result is awaited
            future.set_exception(problem)


CHECKPOINT_EVERY = 50  # transactions
LARGEST_LOG = 16_000  # pages of 4 KB; beyond it SQLite checkpoints within a commit, as a last resort
BUSY_TIMEOUT = 1000  # milliseconds to wait for a lock
TRUNCATE_EVERY = 1.0  # seconds between two tries to truncate the log, which a long read such as a backup prevents
LAST_TRIES = 30  # of a process that ends, a tenth of a second apart
_ERASED = "erased"  # key in a connection's `info`


def mark_erased(connection: Connection) -> None:
    """Mark the transaction: once it is committed, what it deleted must not be left in the write-ahead log."""
    connection.info[_ERASED] = True


class CheckpointedTransaction:
    """A `Transaction` that also has the write-ahead log checkpointed and truncated by `background`'s threads."""

    def __init__(self, transaction: Transaction, background: Executor) -> None:
        self._transaction = transaction
        self._background = background
        self._written = 0  # transactions
        self._erased = 0  # transactions that erased something
        self._truncated = 0  # how many of those the log no longer holds
        self._next_try = 0.0  # on the monotonic clock

    def __call__(self, work: Work[Any]) -> Any:
        result, erased = self._transaction(lambda connection: (work(connection), connection.info.pop(_ERASED, False)))
        self._written += 1
        self._erased += erased
        if self._erased > self._truncated and time.monotonic() >= self._next_try:
            self._next_try = time.monotonic() + TRUNCATE_EVERY
            self._background.carry_out(self._truncate)
        elif self._written % CHECKPOINT_EVERY == 0:
            # The result is not awaited: if it fails, a later commit checkpoints and reports the error.
            self._background.carry_out(_checkpoint)
        return result

    def finish(self) -> None:
        """Truncate the log if needed, before the process ends and after its last write."""
        for _ in range(LAST_TRIES):
            if self._erased == self._truncated:
                return
            self._background.carry_out(self._truncate).exception()
            if self._erased > self._truncated:
                time.sleep(0.1)

    def _truncate(self, connection: Connection) -> None:
        erased = self._erased
        # Waits at most 50 ms for readers, because writers wait for it meanwhile.
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
        try:
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")
        if not busy:
            self._truncated = erased


def _checkpoint(connection: Connection) -> None:
    """Passive WAL checkpoint: stops at the oldest reader, never blocks (https://www.sqlite.org/pragma.html)."""
    connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").close()


READERS = 4  # threads and connections
POSTGRES_WRITERS = 6  # threads and connections
IN_ONE_TRANSACTION = 64  # most messages, or turns, in one batch
DEADLOCK = "40P01"  # SQLSTATE codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
DEADLOCK_TRIES = 4
DEADLOCK_PAUSE = 0.1  # seconds before the next try, at most
# Read-only transaction, insufficient privilege, damaged file: nothing can be accepted until a person corrects it.
_NOT_NOW = {"25006", "42501", "SQLITE_NOTADB", "SQLITE_CORRUPT"}
# The cache holds a prepared statement for each number of rows that BulkInsert and BulkUpdate write at once.
_SQLITE = {"check_same_thread": False, "cached_statements": 512}


class Database:
    """Runs functions that take a connection, each within a transaction, off the event loop.

    A function may run twice, if its first transaction was not committed. clock: for trials and tests; by default the
    server's on PostgreSQL and the machine's on SQLite. schema: on PostgreSQL, the one with the tables; '' for the
    role's own.
    """

    def __init__(self, url: str, clock: Callable[[], Instant] | None = None, schema: str = "") -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        self._clock = clock
        self.writers = 1 if self.sqlite else POSTGRES_WRITERS  # transactions that can be written at once
        self._writer = _engine(url, self.writers, immediate=True)
        self._reader = _engine(url, READERS, immediate=False) if self.sqlite else self._writer
        if schema:
            # In each transaction: behind a pooler the next one may be on another server connection.
            search_path = f"SET LOCAL search_path TO {schema}"
            event.listen(self._writer, "begin", lambda connection: connection.exec_driver_sql(search_path))
        write, read = (partial(_transaction, engine) for engine in (self._writer, self._reader))
        self._reads = ConcurrentExecutor(read, READERS, "database-read")
        self._log = CheckpointedTransaction(write, self._reads) if self.sqlite else None
        self._writes: Executor = (
            GroupCommitExecutor(self._log, "database-write")
            if self._log
            else ConcurrentExecutor(write, self.writers, "database-write")
        )

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that is committed when this returns. Raises Unavailable."""
        return await asyncio.wrap_future(self._writes.carry_out(work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that only reads. Raises Unavailable."""
        return await asyncio.wrap_future(self._reads.carry_out(work))

    def read_here(self, work: Callable[[Connection], T]) -> T:
        """`read` in the calling thread. Blocking: do not call on the event loop."""
        return _transaction(self._reader, work)

    def write_here(self, work: Callable[[Connection], T]) -> T:
        """`write` in the calling thread. Blocking: do not call on the event loop."""
        return _transaction(self._writer, work)

    def now(self, connection: Connection) -> Instant:
        """The database's time, so that machines with wrong clocks agree on leases."""
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
        """The writing engine, for creating tables."""
        return self._writer


def _transaction(engine: Engine, work: Callable[[Connection], T], tries: int = DEADLOCK_TRIES) -> T:
    """Run `work` in a transaction; again if PostgreSQL aborted it for a deadlock, which is rare."""
    try:
        with reached(), engine.begin() as connection:
            return work(connection)
    except Unavailable as gone:
        if gone.code != DEADLOCK or tries == 1:
            raise
    # Tried again at once it could lock its first row before the other transaction wakes up, and deadlock again.
    time.sleep(random.uniform(0.5, 1.0) * DEADLOCK_PAUSE)  # noqa: S311 - no secret
    return _transaction(engine, work, tries - 1)


@contextmanager
def reached() -> Iterator[None]:
    """Raises Unavailable, with the database's code, for errors that mean it cannot be reached or written."""
    try:
        yield
    except DBAPIError as failed:
        gone = isinstance(failed, OperationalError | InterfaceError) or failed.connection_invalidated
        if gone or code_of(failed) in _NOT_NOW:
            raise Unavailable(code_of(failed)) from failed
        raise


def code_of(failed: DBAPIError) -> str:
    """The name of an SQLite error, a SQLSTATE, or else the driver's class of the error."""
    known = (getattr(failed.orig, name, None) for name in ("sqlite_errorname", "sqlstate"))
    return next((str(code) for code in known if code), type(failed.orig).__name__)


def _engine(url: str, size: int, *, immediate: bool) -> Engine:
    if not url.startswith("sqlite"):
        driver_url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        room = {"pool_size": size, "max_overflow": READERS}
        engine = create_engine(driver_url, **room, connect_args=IN_UTF8, pool_pre_ping=True)
        event.listen(engine, "connect", do_without_session)
        return engine
    engine = create_engine(url, poolclass=QueuePool, pool_size=size, connect_args=_SQLITE)
    cache = 16_000 if immediate else 2_000  # KB; behind it is the operating system's cache
    # IMMEDIATE takes the write lock at once: a later upgrade of a read lock would fail instead of waiting.
    begin = "BEGIN IMMEDIATE" if immediate else "BEGIN"
    event.listen(engine, "connect", lambda connection, _record: _set_up_sqlite(connection, cache))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _set_up_sqlite(connection: Any, cache: int) -> None:
    """Set the pragmas of a new connection. cache: kilobytes."""
    connection.isolation_level = None  # transactions begin with our own BEGIN, not with the driver's
    for setting in (
        "journal_mode=WAL",
        "synchronous=FULL",  # with WAL: a commit survives kill -9 and power loss
        f"busy_timeout={BUSY_TIMEOUT}",
        "secure_delete=ON",  # deleted content is overwritten with zeros
        "foreign_keys=ON",
        f"wal_autocheckpoint={LARGEST_LOG}",
        f"cache_size=-{cache}",
    ):
        connection.execute(f"PRAGMA {setting}")


class DatabaseWriteCheck:
    """Writes one row every few seconds, and logs once a minute why that fails. For health pages.

    A database that can be read may be on a full disk, so it is tried.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._trouble: Unavailable | None = None
        self._logged_at = float("-inf")

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            await self.beat()
            await asyncio.sleep(CHECK_INTERVAL)

    async def beat(self) -> None:
        """Check once."""
        try:
            await asyncio.wait_for(
                self._database.write(lambda connection: write_pulse(self._database, connection)), CHECK_TIMEOUT
            )
        except TimeoutError:
            self._failed(Unavailable("no answer"))
        except Unavailable as gone:
            if gone.code != BUSY:  # another process is writing, so it can be written
                self._failed(gone)
        else:
            if self._trouble is not None:
                log.info("the database can be written again")
            self._trouble, self._logged_at = None, float("-inf")

    async def answers(self) -> None:
        """Raises Unavailable if it cannot be read now, or could not be written at the last check."""
        await self._database.read(self._database.now)
        if self._trouble is not None:
            raise Unavailable(self._trouble.code)

    def _failed(self, gone: Unavailable) -> None:
        self._trouble = gone
        if self._clock() - self._logged_at >= LOG_EVERY:
            self._logged_at = self._clock()
            found = problem_of_database(gone)
            log.error(
                "nothing can be accepted, webhooks answer 503; the database: %s (%s). %s",
                found.message,
                gone.code,
                found.hint,
            )


def write_pulse(database: Database, connection: Connection) -> None:
    """Overwrite the only row of `pulse`."""
    beat = {"at": database.now(connection), "filling": secrets.token_urlsafe(_FILLING * 3 // 4)}
    if not connection.execute(update(pulse).where(pulse.c.place == 1).values(beat)).rowcount:
        connection.execute(insert(pulse).values(place=1, **beat))
