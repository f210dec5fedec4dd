"""What grows old in the record and is thrown away."""

from __future__ import annotations

from sqlalchemy import Connection, delete

from bot.messages import Instant
from bot.stores.record.database import Database
from bot.stores.record.tables import codes, receipts, sessions


class RecordHousekeeping:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge(self, receipts_before: Instant, now: Instant) -> int:
        """Receipts older than `receipts_before`, codes and sessions that ended before it or before `now`; how many."""
        return await self._database.write(lambda connection: _purge(connection, receipts_before, now))


def _purge(connection: Connection, receipts_before: Instant, now: Instant) -> int:
    old = (
        delete(receipts).where(receipts.c.at < receipts_before),
        delete(codes).where(codes.c.until < receipts_before),
        delete(sessions).where(sessions.c.until < now),
    )
    return sum(connection.execute(statement).rowcount for statement in old)
