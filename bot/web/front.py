"""One worker's front: platforms to the webhooks, people to the pages, and the work that goes on beside them."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.errors import Unavailable
from bot.web.webhooks import Receive, Scope, Send

log = logging.getLogger(__name__)
PAUSE = 1.0
OPENING = 10.0  # seconds for which a person's request waits until the worker can answer


class Room(Protocol):
    """An ASGI app with paths of its own."""

    def knows(self, path: str) -> bool: ...

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None: ...


class Rooms:
    """Leads each request to the first room that knows its path, else to the site."""

    def __init__(self, rooms: Sequence[Room], site: Callable[..., Awaitable[None]]) -> None:
        self._rooms = rooms
        self._site = site

    def room(self, path: str) -> Callable[..., Awaitable[None]]:
        return next((room for room in self._rooms if room.knows(path)), self._site)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.room(scope["path"])(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Preparing:
    """load: everything that answering needs; raises Unavailable to be asked again. done: called afterwards."""

    load: Callable[[], Awaitable[object]]
    done: Callable[[], None] = lambda: None


class Front:
    """An ASGI app. `prepare` loads what answering needs, `beside` runs from then on, `close` after the last request.

    at_once: which paths are served while `prepare` still runs: what platforms send is taken in and acknowledged, and
    answered in a moment. Everybody else waits.
    """

    def __init__(
        self,
        rooms: Callable[..., Awaitable[None]],
        at_once: Callable[[str], bool],
        preparing: Preparing,
        beside: Mapping[str, Callable[[], Awaitable[None]]],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self._rooms = rooms
        self._at_once = at_once
        self._preparing = preparing
        self._prepared = asyncio.Event()
        self._loading = False  # a server without ASGI's lifespan loads nothing, and everything is served
        self._beside = beside
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif not self._loading or self._at_once(scope["path"]) or await self._open():
            await self._rooms(scope, receive, send)
        else:
            await _not_open(send)

    async def _open(self) -> bool:
        """Whether all is loaded, or will be soon enough."""
        try:
            await asyncio.wait_for(self._prepared.wait(), OPENING)
        except TimeoutError:
            return False
        return True

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._loading = True
        tasks = [asyncio.create_task(self._prepare())]
        tasks += [asyncio.create_task(self._once_prepared(name, work)) for name, work in self._beside.items()]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _prepare(self) -> None:
        """Until it is done, or the process ends because it never will be."""
        while not self._prepared.is_set():
            try:
                await self._preparing.load()
            except Unavailable:
                log.warning("the database cannot be reached; the edition to answer from is loaded later")
                await asyncio.sleep(PAUSE)
            except Exception:
                log.exception("what to answer from cannot be loaded; this worker ends")
                signal.raise_signal(signal.SIGTERM)
                return
            else:
                self._prepared.set()
                self._preparing.done()

    async def _once_prepared(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        await self._prepared.wait()
        await _for_ever(name, work)


async def _not_open(send: Send) -> None:
    """Whoever looks again in a moment is likely to be served, by this worker or by another."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"2"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": "starting; please reload / 正在启动，请刷新\n".encode()})


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
