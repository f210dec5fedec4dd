"""Delivers pushes to the webhook as WeChat does: three attempts, 5 s apart, with the same bytes each time.

Rules: "Passive user reply messages" (developers.weixin.qq.com); timing and identical signature as observed in
gtoxlili/wechat-chatGPT#9. What WeChat does after a refused connection or a status other than 200 is not documented;
here it counts as no answer, and the next attempt keeps its time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.simulators.live import NoAnswer, WebhookConnections
from bot.simulators.wechat.envelopes import Envelopes, MalformedReply, Push, Reply

ATTEMPTS = 3
ATTEMPT_TIMEOUT = 5.0  # seconds; the next attempt starts when the one before times out


class Outcome(StrEnum):
    """The result of an attempt. After REPLIED, QUIET and MALFORMED the platform does not try again."""

    REPLIED = "replied"
    QUIET = "quiet"
    MALFORMED = "malformed"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to the webhook."""

    number: int  # 1 to ATTEMPTS
    after: float  # seconds since the first attempt began
    took: float  # seconds
    outcome: Outcome
    status: int | None = None  # of the HTTP response, if one came
    reply: Reply | None = None
    why: str = ""  # what was wrong, for the page

    @property
    def settled(self) -> bool:
        return self.outcome in (Outcome.REPLIED, Outcome.QUIET, Outcome.MALFORMED)


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of the URL verification."""

    ok: bool  # whether the webhook returned the echo string
    status: int | None = None
    why: str = ""


class WebhookClient:
    """Sends requests to one webhook. interval: seconds, both an attempt's timeout and the time between attempts."""

    def __init__(self, envelopes: Envelopes, webhook_url: str, interval: float = ATTEMPT_TIMEOUT) -> None:
        self._envelopes = envelopes
        self._url = webhook_url
        self._interval = interval
        self._connections = WebhookConnections(interval)
        self.aclose = self._connections.aclose

    async def deliver(self, push: Push, copies: int, on_attempt: Callable[[Attempt], None]) -> tuple[Attempt, ...]:
        """Send until an attempt is settled, ATTEMPTS times at most. copies: simultaneous requests of the first."""
        started = time.monotonic()

        async def attempt(number: int) -> Attempt:
            began = time.monotonic()
            outcome, status, reply, why = await self._send(push)
            now = time.monotonic()
            made = Attempt(number, began - started, now - began, outcome, status, reply, why)
            on_attempt(made)
            return made

        made: list[Attempt] = []
        for number in range(1, ATTEMPTS + 1):
            await asyncio.sleep(max(0.0, started + (number - 1) * self._interval - time.monotonic()))
            sent = await asyncio.gather(*(attempt(number) for _ in range(copies if number == 1 else 1)))
            made += sent
            if any(one.settled for one in sent):
                break
        return tuple(made)

    async def _send(self, push: Push) -> tuple[Outcome, int | None, Reply | None, str]:
        headers = {"content-type": "text/xml"}
        try:
            response = await self._connections.ask(
                "POST", self._url, params=dict(push.query), content=push.body, headers=headers
            )
        except NoAnswer as none:
            return Outcome(none.outcome), None, None, none.why
        status = response.status_code
        if status != 200:
            return Outcome.STATUS, status, None, ""
        try:
            reply = self._envelopes.open(push.openid, response.content)
        except MalformedReply as malformed:
            return Outcome.MALFORMED, status, None, str(malformed)
        return (Outcome.REPLIED if reply else Outcome.QUIET), status, reply, ""

    async def verify(self, query: Mapping[str, str]) -> Verified:
        """GET the echo string, as when a developer saves the URL on the platform."""
        try:
            response = await self._connections.ask("GET", self._url, params=dict(query))
        except NoAnswer as none:
            return Verified(False, None, none.why or none.outcome)
        ok = response.status_code == 200 and response.content == query["echostr"].encode()
        return Verified(ok, response.status_code, "" if ok else "status" if not response.is_success else "echo")
