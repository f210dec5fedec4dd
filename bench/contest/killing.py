"""Kills a process with -9 at a request to the server that it calls: before, while or after it is served."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

WAYS = ("unheard", "unanswered", "answered")
SOON = 0.03  # real seconds in which what follows an answer is written down


@dataclass(frozen=True, slots=True)
class Blow:
    """The request at which to kill, counted from 1. way: before it is received, after it was carried out but before the
    answer, or up to `after` seconds after the answer."""

    request: int
    way: str
    after: float

    @classmethod
    def several(cls, count: int, requests: int, chance: random.Random) -> list[Blow]:
        """At random among the first `requests`, each way in turn."""
        numbers = sorted(chance.sample(range(1, requests + 1), count))
        return [cls(one, WAYS[place % len(WAYS)], chance.uniform(0, SOON)) for place, one in enumerate(numbers)]


class Killing:
    """ASGI middleware. kill: what ends the process that calls."""

    def __init__(self, app: ASGIApp, blows: list[Blow], kill: Callable[[], None]) -> None:
        self._app, self._kill = app, kill
        self._blows = {blow.request: blow for blow in blows}
        self._heard = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._heard += scope["type"] == "http"
        blow = self._blows.pop(self._heard, None) if scope["type"] == "http" else None
        if blow is None:
            await self._app(scope, receive, send)
        elif blow.way == "unheard":
            self._kill()
            await _gone(receive)
        else:
            await self._app(scope, receive, self._killing_first(send) if blow.way == "unanswered" else send)
            if blow.way == "answered":
                asyncio.get_running_loop().call_later(blow.after, self._kill)

    def _killing_first(self, send: Send) -> Send:
        async def after_the_kill(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._kill()
            await send(message)

        return after_the_kill


async def _gone(receive: Receive) -> None:
    """Until the connection is seen to be closed."""
    while (await receive())["type"] != "http.disconnect":
        pass
