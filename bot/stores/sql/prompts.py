"""Conversations in which it is time for the bot to speak first: after a pause, a hand back, a resolution."""

from __future__ import annotations

from sqlalchemy import Connection, select

from bot.domain.messages import Inbound, Instant, Kind
from bot.stores.sql.database import Database
from bot.stores.sql.schema import PROMPTED, conversations, identities

c, i = conversations.c, identities.c


class SqlPrompts:
    """sweeper.Prompts on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, limit: int) -> list[Inbound]:
        return await self._database.read(lambda connection: _due(connection, self._database.now(connection), limit))


def _due(connection: Connection, now: Instant, limit: int) -> list[Inbound]:
    rows = connection.execute(
        select(c.id, c.account, c.thread, c.prompt_at, i.handle)
        .join(identities, i.id == c.identity_id)
        .where(PROMPTED, c.prompt_at <= now, c.inbound_seq == c.handled_seq)
        .order_by(c.prompt_at)
        .limit(limit)
    )
    # The key is the same for every process that finds this prompt: one message is made of it.
    return [
        Inbound(row.account, row.handle, f"prompt:{row.id}:{row.prompt_at}", Kind.PROMPT, thread=row.thread)
        for row in rows
    ]
