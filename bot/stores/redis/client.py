"""Live events, leases, platform tokens and rate limits shared by all processes, on one Redis or Valkey server.

Redis only saves work: every method returns within 200 ms, with or without the server. SQL keeps what must not be lost.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from bot.domain.messages import Instant
from bot.stores.redis.connection import (
    CONNECTION_ERRORS,
    DROP,
    HOLD,
    RELEASE,
    SPEND,
    TIMEOUT,
    InProcessRateLimiter,
    RedisConnection,
    cause_of,
)

HEARTBEAT = 1.0  # seconds of silence after which a subscriber gets '' and the connection is pinged
LONGEST_PAUSE = 2.0  # seconds between two tries to reconnect, at most
MOST_UNREAD = 100  # messages kept for a slow subscriber; then it gets one '' instead of them
MOST_UNSENT = 1_000  # messages waiting to be published; the oldest are dropped


class RedisClient:
    """Implements the ports LiveEvents, Leases, TokenCache and RateLimiter. One per process and event loop.

    url: redis://, rediss:// or unix://. prefix: how every key begins. clock: the time that tokens expire by.
    """

    def __init__(self, url: str, prefix: str = "yingda:", clock: Callable[[], Instant] = time.time) -> None:
        self._prefix = prefix
        self._clock = clock
        self._holder = secrets.token_hex(8)  # names this process in leases
        self._connection = RedisConnection(url)
        self._publisher = Publisher(self._connection)
        self._subscriber = Subscriber(self._connection)
        self._local_limits = InProcessRateLimiter()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._publisher.close()
        await self._subscriber.close()
        await self._connection.close()

    async def reachable(self) -> bool:
        """Whether the server answers now."""

        async def ping(redis: Redis) -> bool:
            return bool(await redis.ping())

        return await self._connection.call(ping, False)

    async def problem(self, seconds: float) -> str:
        """Why the server cannot be used within so many seconds, a key of `connection.CAUSES`; '' if it can.

        Takes a real lease, because a ping also works where scripts or writing are not allowed.
        """
        try:
            async with asyncio.timeout(seconds):
                await _evaluate(self._connection.redis, HOLD, self._key("lease", "doctor"), self._holder, 1000)
        except CONNECTION_ERRORS as error:
            return cause_of(error)
        return ""

    # LiveEvents

    async def publish(self, topic: str, data: str) -> None:
        """Send `data` to all current subscribers, in the background. Dropped while Redis cannot be reached."""
        self._publisher.publish(self._key("live", topic), data)

    def subscribe(self, topic: str) -> AsyncIterator[str]:
        """What is published from now on; '' once subscribed, after a reconnect, and in each second without messages."""
        return self._subscriber.listen(self._key("live", topic))

    # Leases

    async def hold(self, name: str, seconds: float) -> bool:
        """Take or prolong a lease for this process. Without Redis every process gets it: SQL prevents double work."""
        answer = await self._run(HOLD, self._key("lease", name), self._holder, _milliseconds(seconds))
        return answer != 0

    async def release(self, name: str) -> None:
        await self._run(RELEASE, self._key("lease", name), self._holder)

    # TokenCache

    async def get(self, name: str) -> tuple[str, Instant] | None:
        key = self._key("token", name)

        async def read(redis: Redis) -> tuple[str, Instant] | None:
            token, until = await redis.hmget(key, ["token", "until"])
            return (str(token), float(until)) if token and until else None

        kept = await self._connection.call(read, None)
        return kept if kept and kept[1] > self._clock() else None

    async def put(self, name: str, token: str, until: Instant) -> None:
        key, lasts = self._key("token", name), until - self._clock()

        async def write(redis: Redis) -> None:
            pipeline = redis.pipeline(transaction=True)
            pipeline.hset(key, mapping={"token": token, "until": repr(until)})
            pipeline.pexpire(key, _milliseconds(lasts))
            await pipeline.execute()

        if lasts > 0:
            await self._connection.call(write, None)

    async def drop(self, name: str, token: str) -> None:
        await self._run(DROP, self._key("token", name), token)

    # RateLimiter

    async def allow(self, name: str, per_second: float, burst: int) -> bool:
        """Take one from the token bucket `name`, which fills at `per_second` (> 0) up to `burst`; False if empty.

        Counted over all processes; without Redis, over this process.
        """
        answer = await self._run(SPEND, self._key("bucket", name), per_second, burst)
        return self._local_limits.allow(name, per_second, burst) if answer is None else bool(answer)

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{name}"

    async def _run(self, script: str, key: str, *arguments: str | float) -> int | None:
        """What a Lua script returns; None without Redis."""
        return await self._connection.call(lambda redis: _evaluate(redis, script, key, *arguments), None)


async def _evaluate(redis: Redis, script: str, key: str, *arguments: str | float) -> int | None:
    answer: Any = await redis.register_script(script)([key], arguments)
    return int(answer)


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))  # Redis refuses a lifetime of 0


class Subscriber:
    """All subscriptions of a process over one connection, which reconnects by itself."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._listeners: dict[str, set[asyncio.Queue[str]]] = {}  # by key
        self._pubsub: PubSub | None = None
        self._changing = asyncio.Lock()  # redis-py's PubSub allows one command at a time
        self._receiving: asyncio.Task[None] | None = None

    async def listen(self, key: str) -> AsyncIterator[str]:
        """What is published under `key` from now on; '' once subscribed, after a gap, and in each silent second."""
        async with self._listening(key) as queue:
            while True:
                yield await _next(queue)

    async def close(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.gather(self._receiving, return_exceptions=True)

    @asynccontextmanager
    async def _listening(self, key: str) -> AsyncIterator[asyncio.Queue[str]]:
        queue: asyncio.Queue[str] = asyncio.Queue(MOST_UNREAD)
        self._listeners.setdefault(key, set()).add(queue)
        await self._add(key)
        try:
            yield queue
        finally:
            self._listeners[key].discard(queue)
            if not self._listeners[key]:
                del self._listeners[key]
                await self._remove(key)

    async def _add(self, key: str) -> None:
        if self._receiving is None or self._receiving.done():
            self._receiving = asyncio.create_task(self._receive())
            return
        # A failure is left to the receiving task: it reconnects and subscribes to every key again.
        with suppress(*CONNECTION_ERRORS):
            async with self._changing, asyncio.timeout(TIMEOUT):
                if self._pubsub is not None:
                    await self._pubsub.subscribe(key)

    async def _remove(self, key: str) -> None:
        with suppress(*CONNECTION_ERRORS):
            async with self._changing, asyncio.timeout(TIMEOUT):
                # Another listener may have come for the same key while this one waited for the lock.
                if self._pubsub is not None and key not in self._listeners:
                    await self._pubsub.unsubscribe(key)

    async def _receive(self) -> None:
        """Connect, receive until the connection fails, pause, connect again; ends without listeners."""
        pause = TIMEOUT
        while self._listeners:
            try:
                pubsub = await self._connect()
                async for key, data in _messages(pubsub):
                    pause = TIMEOUT
                    self._connection.mark_reachable()
                    self._deliver(key, data)
            except CONNECTION_ERRORS as error:
                self._connection.mark_lost(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            finally:
                await self._disconnect()

    async def _connect(self) -> PubSub:
        async with self._changing, asyncio.timeout(HEARTBEAT):
            self._pubsub = self._connection.redis.pubsub()
            await self._pubsub.subscribe(*self._listeners)
            return self._pubsub

    async def _disconnect(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is not None:
            with suppress(*CONNECTION_ERRORS):
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _deliver(self, key: str, data: str) -> None:
        for queue in self._listeners.get(key, ()):
            if queue.full():  # too slow: '' makes the listener read the current state from the database
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait("")
            queue.put_nowait(data)


async def _next(queue: asyncio.Queue[str]) -> str:
    try:
        async with asyncio.timeout(HEARTBEAT):
            return await queue.get()
    except TimeoutError:
        return ""


async def _messages(pubsub: PubSub) -> AsyncIterator[tuple[str, str]]:
    """(key, data) of published messages, (key, '') once subscribed. Raises TimeoutError if a ping gets no answer."""
    pinged = False
    while pubsub.subscribed:
        message = await pubsub.get_message(timeout=HEARTBEAT)
        if message is None:
            if pinged:
                raise TimeoutError
            await pubsub.ping()
        pinged = message is None
        if message is not None and message["type"] in ("subscribe", "message"):
            yield message["channel"], message["data"] if message["type"] == "message" else ""


class Publisher:
    """Publishes in the background, in order: one pipeline for all that has gathered while the last one was sent."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._unsent: deque[tuple[str, str]] = deque(maxlen=MOST_UNSENT)  # (key, data)
        self._sending: asyncio.Task[None] | None = None

    def publish(self, key: str, data: str) -> None:
        self._unsent.append((key, data))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def close(self) -> None:
        """Wait until everything is sent or dropped: at most twice TIMEOUT."""
        if self._sending is not None:
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _send(self) -> None:
        while self._unsent:
            batch = list(self._unsent)
            self._unsent.clear()
            await self._connection.call(lambda redis, batch=batch: _publish(redis, batch), None)  # type: ignore[misc]


async def _publish(redis: Redis, batch: list[tuple[str, str]]) -> None:
    pipeline = redis.pipeline(transaction=False)
    for key, data in batch:
        pipeline.publish(key, data)
    await pipeline.execute()
