"""One worker's front: platforms to the webhooks, people to the pages, and the work that goes on beside them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from bot.errors import Unavailable, YingdaError
from bot.web.webhooks import Receive, Scope, Send

log = logging.getLogger(__name__)
PAUSE = 1.0


class Room(Protocol):
    """An ASGI app with paths of its own."""

    def knows(self, path: str) -> bool: ...

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None: ...


class Rooms:
    """Leads each request to the first room that knows its path, else to the site."""

    def __init__(self, rooms: Sequence[Room], site: Callable[..., Awaitable[None]]) -> None:
        self._rooms = rooms
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        room = next((room for room in self._rooms if room.knows(scope["path"])), self._site)
        await room(scope, receive, send)


class Front:
    """An ASGI app. `prepare` runs before the first request, `beside` until the last, `close` after it."""

    def __init__(
        self,
        rooms: Callable[..., Awaitable[None]],
        prepare: Callable[[], Awaitable[Any]],
        beside: Mapping[str, Callable[[], Awaitable[None]]],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self._rooms = rooms
        self._prepare = prepare
        self._beside = beside
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._rooms(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._prepare()
        except YingdaError as cannot:
            await send({"type": "lifespan.startup.failed", "message": str(cannot)})
            return
        tasks = [asyncio.create_task(_for_ever(name, work)) for name, work in self._beside.items()]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})


async def _for_ever(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """The outermost loop of what runs beside: it does not end because something went wrong once."""
    while True:
        try:
            await work()
        except Unavailable:
            log.warning("%s: the database cannot be reached; trying again", name)
        except Exception:
            log.exception("%s failed; starting it again", name)
        await asyncio.sleep(PAUSE)
