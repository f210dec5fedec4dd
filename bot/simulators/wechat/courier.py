"""Brings pushes to the webhook with the platform's patience: three attempts, 5 s apart, the same bytes each time.

Rules: "Passive user reply messages" (developers.weixin.qq.com); the timing and the identical signature as observed in
gtoxlili/wechat-chatGPT#9. What WeChat does after a refused connection or a status other than 200 is nowhere written;
here it counts as no answer and the next attempt keeps its time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import httpx

from bot.simulators.wechat.envelope import Envelopes, Push, Reply
from bot.simulators.wechat.xml import Malformed

ATTEMPTS = 3
PATIENCE = 5.0


class Outcome(StrEnum):
    """What an attempt came to. After REPLIED, QUIET and MALFORMED the platform doesn't ask again."""

    REPLIED = "replied"
    QUIET = "quiet"
    MALFORMED = "malformed"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    STATUS = "status"


_SETTLED = (Outcome.REPLIED, Outcome.QUIET, Outcome.MALFORMED)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request. after: seconds since the first; took: seconds until it was over; status: HTTP's, if any came."""

    number: int
    after: float
    took: float
    outcome: Outcome
    status: int | None = None
    reply: Reply | None = None
    why: str = ""

    @property
    def settled(self) -> bool:
        return self.outcome in _SETTLED


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of the URL verification: whether the webhook returned the echo string, and what was wrong if not."""

    ok: bool
    status: int | None = None
    why: str = ""


class Courier:
    """Carries requests to one webhook. `interval` is both the patience per attempt and the time between them."""

    def __init__(self, envelopes: Envelopes, webhook_url: str, interval: float = PATIENCE) -> None:
        self._envelopes = envelopes
        self._url = webhook_url
        self._interval = interval
        self._client = httpx.AsyncClient(
            timeout=2 * interval,  # the courier's own clock runs out first
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def deliver(self, push: Push, copies: int, told: Callable[[Attempt], None]) -> tuple[Attempt, ...]:
        """Ask until an attempt settles it, three times at most; the first time with `copies` requests at once."""
        started = time.monotonic()
        made: list[Attempt] = []
        for number in range(1, ATTEMPTS + 1):
            await asyncio.sleep(max(0.0, started + (number - 1) * self._interval - time.monotonic()))
            asked = await asyncio.gather(*(self._ask(push, number, started, told) for _ in range(copies)))
            made += asked
            copies = 1
            if any(attempt.settled for attempt in asked):
                break
        return tuple(made)

    async def _ask(self, push: Push, number: int, started: float, told: Callable[[Attempt], None]) -> Attempt:
        began = time.monotonic()
        outcome, status, reply, why = await self._outcome(push)
        now = time.monotonic()
        attempt = Attempt(number, began - started, now - began, outcome, status, reply, why)
        told(attempt)
        return attempt

    async def _outcome(self, push: Push) -> tuple[Outcome, int | None, Reply | None, str]:
        try:
            async with asyncio.timeout(self._interval):
                response = await self._client.post(
                    self._url, params=dict(push.query), content=push.body, headers={"content-type": "text/xml"}
                )
        except TimeoutError:
            return Outcome.TIMEOUT, None, None, ""
        except httpx.TransportError as failed:
            return Outcome.UNREACHABLE, None, None, type(failed).__name__
        return self._judged(push, response)

    def _judged(self, push: Push, response: httpx.Response) -> tuple[Outcome, int, Reply | None, str]:
        status = response.status_code
        if status != 200:
            return Outcome.STATUS, status, None, ""
        try:
            reply = self._envelopes.open(push.openid, response.content)
        except Malformed as malformed:
            return Outcome.MALFORMED, status, None, str(malformed)
        return (Outcome.REPLIED if reply else Outcome.QUIET), status, reply, ""

    async def verify(self, query: Mapping[str, str]) -> Verified:
        """Ask by GET for the echo string, as when a developer saves the URL on the platform."""
        try:
            async with asyncio.timeout(self._interval):
                response = await self._client.get(self._url, params=dict(query))
        except TimeoutError:
            return Verified(False, None, "timeout")
        except httpx.TransportError as failed:
            return Verified(False, None, type(failed).__name__)
        echoed = response.content == query["echostr"].encode()
        ok = response.status_code == 200 and echoed
        return Verified(ok, response.status_code, "" if ok else "status" if not response.is_success else "echo")
