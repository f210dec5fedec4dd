"""SQLite's log of what was committed, brought into the database file while the next transactions are written.

Left to itself SQLite does it in the commit that makes the log longer than 1,000 pages: every hundred messages or so
whoever waited for that commit waited 10 ms longer.

After something was forgotten the log is emptied as well. It would otherwise hold the words for as long as nobody writes
over them, which may be for ever.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection

from bot.stores.record.carrying import Carrying, Transaction, Work

EVERY = 50  # transactions
LARGEST_LOG = 16_000  # pages of 4 KB; longer than that, and a commit waits after all
BUSY = 1000  # milliseconds for which a lock is waited for
AGAIN = 1.0  # seconds between two tries to empty the log: whoever reads for long, like a backup, prevents it
AT_THE_END = 30  # tries of a process that ends, a tenth of a second each
_FORGOTTEN = "forgotten"  # in a connection's info


def forgotten(connection: Connection) -> None:
    """This transaction takes away what must not be found again anywhere, once it is committed."""
    connection.info[_FORGOTTEN] = True


class Checkpointed:
    """A `Transaction` after which the log is seen to now and then, by threads that are not the writer's."""

    def __init__(self, transaction: Transaction, beside: Carrying) -> None:
        self._transaction = transaction
        self._beside = beside
        self._written = 0
        self._forgot = self._emptied = 0  # transactions that forgot something, and how many of them the log is rid of
        self._next_try = 0.0

    def __call__(self, work: Work[Any]) -> Any:
        result, forgot = self._transaction(lambda connection: (work(connection), _has_forgotten(connection)))
        self._written += 1
        self._forgot += forgot
        if self._forgot > self._emptied and time.monotonic() >= self._next_try:
            self._next_try = time.monotonic() + AGAIN
            self._beside.carry_out(self._empty)
        elif self._written % EVERY == 0:
            self._beside.carry_out(_checkpoint)  # nobody asks how it went: should it fail, a commit does it, and tells
        return result

    def finish(self) -> None:
        """Before the process ends, if anything was forgotten; nobody writes any more."""
        for _ in range(AT_THE_END):
            if self._forgot == self._emptied:
                return
            self._beside.carry_out(self._empty).exception()
            if self._forgot > self._emptied:
                time.sleep(0.1)

    def _empty(self, connection: Connection) -> None:
        """Only a moment is waited for those who read, because those who write wait as well."""
        forgot = self._forgot
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
        try:
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY}")
        if not busy:
            self._emptied = forgot


def _has_forgotten(connection: Connection) -> bool:
    return bool(connection.info.pop(_FORGOTTEN, False))


def _checkpoint(connection: Connection) -> None:
    """As far as nobody is reading. It waits for nobody, and nobody waits for it."""
    connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").close()
