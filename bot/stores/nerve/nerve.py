"""LiveEvents, Leases, Tokens and Buckets over one server. Without it everything still works, only less together."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

from redis.asyncio import Redis

from bot.messages import Instant
from bot.stores.nerve import scripts
from bot.stores.nerve.buckets import OwnBuckets
from bot.stores.nerve.ears import Ears
from bot.stores.nerve.line import LINE_TROUBLE, Line
from bot.stores.nerve.trouble import cause_of
from bot.stores.nerve.voice import Voice


class Nerve:
    """One per process and event loop. `url`: redis://, rediss:// or unix://; `prefix` begins every key.

    Implements ports.LiveEvents, Leases, Tokens and Buckets. `clock` is what tokens' times are compared with.
    """

    def __init__(self, url: str, prefix: str = "yingda:", clock: Callable[[], Instant] = time.time) -> None:
        self._prefix = prefix
        self._clock = clock
        self._me = secrets.token_hex(8)
        self._line = Line(url)
        self._voice = Voice(self._line)
        self._ears = Ears(self._line)
        self._own_buckets = OwnBuckets()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._voice.close()
        await self._ears.close()
        await self._line.close()

    async def reachable(self) -> bool:
        """Whether the server answers now."""
        return await self._line.ask(_ping, False)

    async def trouble(self, patience: float) -> str:
        """Why the server does not serve us within so many seconds, a code of `trouble.CAUSES`; '' if it does."""
        try:
            async with asyncio.timeout(patience):
                await _evaluate(self._line.redis, scripts.HOLD, self._key("lease", "doctor"), self._me, 1000)
        except LINE_TROUBLE as trouble:
            return cause_of(trouble)
        return ""

    # LiveEvents

    async def publish(self, topic: str, data: str) -> None:
        """Tell everybody who listens now. Returns at once; dropped without a word while the nerve is gone."""
        self._voice.say(self._key("live", topic), data)

    def subscribe(self, topic: str) -> AsyncIterator[str]:
        """What is published from now on; '' when the subscription stands, after a gap and in each silent second."""
        return self._ears.listen(self._key("live", topic))

    # Leases

    async def hold(self, name: str, seconds: float) -> bool:
        """Take or prolong a lease for this process; without the nerve everybody holds it."""
        answer = await self._run(scripts.HOLD, self._key("lease", name), self._me, _milliseconds(seconds))
        return answer != 0

    async def release(self, name: str) -> None:
        await self._run(scripts.RELEASE, self._key("lease", name), self._me)

    # Tokens

    async def get(self, name: str) -> tuple[str, Instant] | None:
        key = self._key("token", name)
        kept = await self._line.ask(lambda redis: _kept(redis, key), None)
        return kept if kept and kept[1] > self._clock() else None

    async def put(self, name: str, token: str, until: Instant) -> None:
        key, lasts = self._key("token", name), until - self._clock()
        if lasts > 0:
            await self._line.ask(lambda redis: _keep(redis, key, token, until, lasts), None)

    async def drop(self, name: str, token: str) -> None:
        await self._run(scripts.DROP, self._key("token", name), token)

    # Buckets

    async def allow(self, name: str, per_second: float, burst: int) -> bool:
        """Whether one more is allowed (`per_second` > 0): counted over all processes, without nerve over this."""
        answer = await self._run(scripts.SPEND, self._key("bucket", name), per_second, burst)
        return self._own_buckets.allow(name, per_second, burst) if answer is None else bool(answer)

    def _key(self, kind: str, name: str) -> str:
        """The one place that names keys."""
        return f"{self._prefix}{kind}:{name}"

    async def _run(self, script: str, key: str, *arguments: str | float) -> int | None:
        """What a script answers; None without the nerve."""
        return await self._line.ask(lambda redis: _evaluate(redis, script, key, *arguments), None)


async def _ping(redis: Redis) -> bool:
    return bool(await redis.ping())


async def _evaluate(redis: Redis, script: str, key: str, *arguments: str | float) -> int | None:
    answer: Any = await redis.register_script(script)([key], arguments)
    return int(answer)


async def _kept(redis: Redis, key: str) -> tuple[str, Instant] | None:
    token, until = await redis.hmget(key, ["token", "until"])
    return (str(token), float(until)) if token and until else None


async def _keep(redis: Redis, key: str, token: str, until: Instant, lasts: float) -> None:
    pipeline = redis.pipeline(transaction=True)
    pipeline.hset(key, mapping={"token": token, "until": repr(until)})
    pipeline.pexpire(key, _milliseconds(lasts))
    await pipeline.execute()


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
