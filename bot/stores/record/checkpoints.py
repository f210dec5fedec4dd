"""SQLite's log of what was committed, brought into the database file while the next transactions are written.

Left to itself SQLite does it in the commit that makes the log longer than 1,000 pages: every hundred messages or so
whoever waited for that commit waited 10 ms longer.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from bot.stores.record.carrying import Carrying, Transaction, Work

EVERY = 50  # transactions
LARGEST_LOG = 16_000  # pages of 4 KB; longer than that, and a commit waits after all


class Checkpointed:
    """A `Transaction` after which the log is seen to now and then, by threads that are not the writer's."""

    def __init__(self, transaction: Transaction, beside: Carrying) -> None:
        self._transaction = transaction
        self._beside = beside
        self._written = 0

    def __call__(self, work: Work[Any]) -> Any:
        result = self._transaction(work)
        self._written += 1
        if self._written % EVERY == 0:
            self._beside.carry_out(_checkpoint)  # nobody asks how it went: should it fail, a commit does it, and tells
        return result


def _checkpoint(connection: Connection) -> None:
    """As far as nobody is reading. It waits for nobody, and nobody waits for it."""
    connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").close()
