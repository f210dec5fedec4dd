"""The line to the server: no question waits longer than 200 ms, and a dead line is tried once a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bot.stores.nerve.trouble import CAUSES, cause_of

T = TypeVar("T")
PATIENCE = 0.2
REST = 1.0
CONNECTIONS = 16
LINE_TROUBLE = (RedisError, OSError, TimeoutError)

log = logging.getLogger(__name__)


class Line:
    """Questions to one server. While the line is known to be dead a question costs a comparison, nothing else."""

    def __init__(self, url: str) -> None:
        self.redis = connect(url)
        self._dead = False
        self._next_try = 0.0

    async def ask(self, question: Callable[[Redis], Awaitable[T]], otherwise: T) -> T:
        """The server's answer, or `otherwise` if it gives none in time."""
        if self._dead and not self._may_try():
            return otherwise
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await question(self.redis)
        except LINE_TROUBLE as trouble:
            self.lost(trouble)
            return otherwise
        self.back()
        return answer

    def lost(self, trouble: Exception) -> None:
        if not self._dead:
            self._dead = True
            self._next_try = time.monotonic() + REST
            log.warning("Redis cannot be used (%s); continuing without live updates", CAUSES[cause_of(trouble)])

    def back(self) -> None:
        if self._dead:
            self._dead = False
            log.info("Redis is reachable again")

    async def close(self) -> None:
        await self.redis.aclose()

    def _may_try(self) -> bool:
        """True for one caller a second; the others do not wait for what it finds."""
        now = time.monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + REST
        return True


def connect(url: str) -> Redis:
    """A client that uses only what Redis 7.0 has (no CLIENT SETINFO) and never tries a command twice by itself."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=PATIENCE,
        protocol=2,
        driver_info=None,
        decode_responses=True,
        socket_timeout=None,
        socket_connect_timeout=REST,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)
