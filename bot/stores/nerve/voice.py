"""Telling others: what is published waits for nobody; it leaves together, in order, or is dropped."""

from __future__ import annotations

import asyncio
from collections import deque

from redis.asyncio import Redis

from bot.stores.nerve.line import Line

MOST = 1_000


class Voice:
    """Whoever speaks goes on at once; a task sends all that has gathered in one go, and ends when nothing is left."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._said: deque[tuple[str, str]] = deque(maxlen=MOST)
        self._sending: asyncio.Task[None] | None = None

    def say(self, key: str, data: str) -> None:
        self._said.append((key, data))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def close(self) -> None:
        """Let what was said leave first; that takes at most the line's patience per thousand."""
        if self._sending is not None:
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _send(self) -> None:
        while self._said:
            said = list(self._said)
            self._said.clear()
            await self._line.ask(lambda redis, said=said: _publish(redis, said), None)  # type: ignore[misc]


async def _publish(redis: Redis, said: list[tuple[str, str]]) -> None:
    pipeline = redis.pipeline(transaction=False)
    for key, data in said:
        pipeline.publish(key, data)
    await pipeline.execute()
