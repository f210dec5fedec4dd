"""Hearing others: one connection per process, however many listen, that comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.asyncio.client import PubSub

from bot.stores.nerve.line import LINE_TROUBLE, PATIENCE, Line

BEAT = 1.0
LONGEST_REST = 2.0
MOST_UNHEARD = 100


class Ears:
    """Hands what is published to everybody here who listens, and '' whenever something may have been missed."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._listeners: dict[str, set[asyncio.Queue[str]]] = {}
        self._pubsub: PubSub | None = None
        self._tuning = asyncio.Lock()
        self._hearing: asyncio.Task[None] | None = None

    async def listen(self, key: str) -> AsyncIterator[str]:
        """What is published under `key` from now on; '' once it is heard, after a gap, and in each silent second."""
        async with self._listening(key) as heard:
            while True:
                yield await _next(heard)

    async def close(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.gather(self._hearing, return_exceptions=True)

    @asynccontextmanager
    async def _listening(self, key: str) -> AsyncIterator[asyncio.Queue[str]]:
        queue: asyncio.Queue[str] = asyncio.Queue(MOST_UNHEARD)
        self._listeners.setdefault(key, set()).add(queue)
        await self._tune_in(key)
        try:
            yield queue
        finally:
            self._listeners[key].discard(queue)
            if not self._listeners[key]:
                del self._listeners[key]
                await self._tune_out(key)

    async def _tune_in(self, key: str) -> None:
        if self._hearing is None or self._hearing.done():
            self._hearing = asyncio.create_task(self._hear())
            return
        with suppress(*LINE_TROUBLE):  # the hearing task finds out by itself, and tunes in to everything again
            async with self._tuning, asyncio.timeout(PATIENCE):
                if self._pubsub is not None:
                    await self._pubsub.subscribe(key)

    async def _tune_out(self, key: str) -> None:
        with suppress(*LINE_TROUBLE):
            async with self._tuning, asyncio.timeout(PATIENCE):
                if self._pubsub is not None and key not in self._listeners:
                    await self._pubsub.unsubscribe(key)

    async def _hear(self) -> None:
        """Connect, hear until the line breaks, rest, connect again; ends when nobody listens any more."""
        rest = PATIENCE
        while self._listeners:
            try:
                pubsub = await self._connect()
                async for key, data in _messages(pubsub):
                    rest = PATIENCE
                    self._line.back()
                    self._hand_on(key, data)
            except LINE_TROUBLE as trouble:
                self._line.lost(trouble)
                await asyncio.sleep(rest)
                rest = min(rest * 2, LONGEST_REST)
            finally:
                await self._hang_up()

    async def _connect(self) -> PubSub:
        async with self._tuning, asyncio.timeout(BEAT):
            self._pubsub = self._line.redis.pubsub()
            await self._pubsub.subscribe(*self._listeners)
            return self._pubsub

    async def _hang_up(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is not None:
            with suppress(*LINE_TROUBLE):
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _hand_on(self, key: str, data: str) -> None:
        for queue in self._listeners.get(key, ()):
            if queue.full():
                _empty(queue)
            queue.put_nowait(data)


async def _next(heard: asyncio.Queue[str]) -> str:
    try:
        async with asyncio.timeout(BEAT):
            return await heard.get()
    except TimeoutError:
        return ""


def _empty(queue: asyncio.Queue[str]) -> None:
    """A listener that is too slow starts afresh: it is told to look for itself."""
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait("")


async def _messages(pubsub: PubSub) -> AsyncIterator[tuple[str, str]]:
    """(key, data) of what is published, (key, '') once a key is heard. Raises TimeoutError when nobody answers."""
    asked = False
    while pubsub.subscribed:
        message = await pubsub.get_message(timeout=BEAT)
        if message is None:
            if asked:
                raise TimeoutError
            await pubsub.ping()
        asked = message is None
        if message is not None and message["type"] in ("subscribe", "message"):
            yield message["channel"], message["data"] if message["type"] == "message" else ""
