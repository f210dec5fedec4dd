"""One connection pool to a Redis or Valkey server: Lua scripts, time limits, and why a server cannot be used.

No call waits longer than 200 ms, and a server that does not answer is tried once a second.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    MovedError,
    NoPermissionError,
    ReadOnlyError,
    RedisError,
)

# Each script touches one key, so that a cluster could run it too.

# Take a free lease or prolong our own. Arguments: holder, milliseconds. Returns 1, or 0 if another process holds it.
HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
# Delete a lease if we still hold it. Argument: holder.
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
# Delete a platform token if it is still the one stored. Argument: token.
DROP = """
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
# Take one from a token bucket. Arguments: refill per second, capacity. Returns 1, or 0 if the bucket is empty.
# Uses the server's clock, because processes' clocks differ; an idle bucket expires once it would be full again.
SPEND = """
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local level = tonumber(redis.call('HGET', KEYS[1], 'level') or burst)
local at = tonumber(redis.call('HGET', KEYS[1], 'at') or now)
level = math.min(burst, level + math.max(0, now - at) * rate)
local allowed = level >= 1
if allowed then level = level - 1 end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return allowed and 1 or 0
"""

MOST_BUCKETS = 10_000


class InProcessRateLimiter:
    """Token buckets of this process, used while Redis cannot be reached. An evicted name starts with a full bucket."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = (
            OrderedDict()
        )  # (tokens, seconds), least recently used first

    def allow(self, name: str, per_second: float, burst: int) -> bool:
        now = self._clock()
        level, at = self._levels.pop(name, (float(burst), now))
        level = min(burst, level + (now - at) * per_second)
        allowed = level >= 1
        self._levels[name] = (level - allowed, now)
        if len(self._levels) > MOST_BUCKETS:
            self._levels.popitem(last=False)
        return allowed


# Error code -> words for the log. The server's own words are not logged: they may contain user names and keys.
CAUSES: dict[str, str] = {
    "password": "it refuses the user or the password",
    "rights": "its user may not do what is needed",
    "certificate": "its certificate is not trusted",
    "tls": "it does not speak TLS as asked",
    "cluster": "it is a cluster",
    "replica": "it is a read-only replica",
    "loading": "it is still loading",
    "unreachable": "it does not answer",
}

_BY_ERROR: tuple[tuple[type[BaseException], str], ...] = (
    (AuthenticationError, "password"),
    (NoPermissionError, "rights"),
    (ssl.SSLCertVerificationError, "certificate"),
    (ssl.SSLError, "tls"),
    (MovedError, "cluster"),
    (AskError, "cluster"),
    (ReadOnlyError, "replica"),
    (BusyLoadingError, "loading"),
)
# First word of an error reply, for servers whose replies redis-py maps to a plain ResponseError.
_BY_WORD = {"NOAUTH": "password", "WRONGPASS": "password", "NOPERM": "rights", "MOVED": "cluster"}


def cause_of(trouble: BaseException) -> str:
    """The key of CAUSES for an error. redis-py wraps the operating system's errors, so the whole chain is looked at."""
    for error in _chain(trouble):
        for kind, code in _BY_ERROR:
            if isinstance(error, kind):
                return code
        first = str(error).partition(" ")[0]
        if first in _BY_WORD:
            return _BY_WORD[first]
    return "unreachable"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


T = TypeVar("T")
TIMEOUT = 0.2  # seconds for one call, with waiting for a free connection
RETRY_EVERY = 1.0  # seconds between two tries of a server that does not answer
CONNECTIONS = 16
CONNECTION_ERRORS = (RedisError, OSError, TimeoutError)

log = logging.getLogger(__name__)


class RedisConnection:
    """Calls to one server. While it is known not to answer, a call returns at once."""

    def __init__(self, url: str) -> None:
        self.redis = connect(url)
        self._lost = False
        self._next_try = 0.0

    async def call(self, work: Callable[[Redis], Awaitable[T]], default: T) -> T:
        """The result of `work`, or `default` if the server does not answer within TIMEOUT."""
        if self._lost and not self._may_try():
            return default
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await work(self.redis)
        except CONNECTION_ERRORS as error:
            self.mark_lost(error)
            return default
        self.mark_reachable()
        return answer

    def mark_lost(self, error: Exception) -> None:
        if not self._lost:
            self._lost = True
            self._next_try = time.monotonic() + RETRY_EVERY
            log.warning("Redis cannot be used (%s); continuing without live updates", CAUSES[cause_of(error)])

    def mark_reachable(self) -> None:
        if self._lost:
            self._lost = False
            log.info("Redis is reachable again")

    async def close(self) -> None:
        await self.redis.aclose()

    def _may_try(self) -> bool:
        """True for one caller a second; the others return without waiting for its result."""
        now = time.monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + RETRY_EVERY
        return True


def connect(url: str) -> Redis:
    """A redis-py client for Redis 7.0 or newer, without retries of its own."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=TIMEOUT,
        protocol=2,
        driver_info=None,  # no CLIENT SETINFO, which Redis has since 7.2
        decode_responses=True,
        socket_timeout=None,
        socket_connect_timeout=RETRY_EVERY,
        retry=Retry(NoBackoff(), 0),  # a repeated script would count twice
    )
    return Redis.from_pool(pool)
