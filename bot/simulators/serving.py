"""Serves simulators: each is a web application with a page, JSON endpoints behind it, and the platform's own API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from socket import socket
from threading import Thread

import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.origins import hostname_of
from bot.simulators.loopback import checked_host, is_loopback

_FRAME = Path(__file__).parent / "page" / "assets"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors http://127.0.0.1:* http://localhost:*"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Simulator:
    """A simulator ready to be served. hush: ends the streams of those who watch, so that the server can stop."""

    app: ASGIApp
    hush: Callable[[], None]
    allow_remote: bool = False


def simulator(platform: object, routes: Sequence[APIRouter], assets: Path, neighbour: str = "") -> FastAPI:
    """An application over a platform: its routes, its page's assets, and those that all pages share.

    neighbour: where another simulator's page is, relative to this one's; '' if there is none.
    """
    app = FastAPI(title="Yingda simulator", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.platform = platform
    app.state.neighbour = neighbour
    for router in routes:
        app.include_router(router)
    app.mount("/assets", StaticFiles(directory=assets), name="assets")
    app.mount("/frame", StaticFiles(directory=_FRAME), name="frame")
    return app


def side_by_side(simulators: Mapping[str, Simulator]) -> Simulator:
    """Several under one address, by path ('' is the root, and comes last); the root leads to the first otherwise."""
    routes: list[BaseRoute] = [_leading(path, f"{path}/") for path in simulators if path]
    routes += [Mount(path, one.app) for path, one in simulators.items()]
    if "" not in simulators:
        routes.append(_leading("/", f"{next(iter(simulators))}/"))

    def hush() -> None:
        for one in simulators.values():
            one.hush()

    return Simulator(Starlette(routes=routes), hush, all(one.allow_remote for one in simulators.values()))


def _leading(path: str, there: str) -> Route:
    async def lead(_: Request) -> Response:
        return RedirectResponse(there)

    return Route(path, lead)


class Guard:
    """Only this machine's own pages may speak to us: no foreign site by a name that points here. Adds the headers."""

    def __init__(self, app: ASGIApp, allow_remote: bool) -> None:
        self._app = app
        self._allow_remote = allow_remote

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._allow_remote or _ours(Headers(scope=scope)):
            await self._app(scope, receive, _with_headers(send))
        else:
            await PlainTextResponse("only for this machine", 403)(scope, receive, send)


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(raw=message["headers"]).update(_HEADERS)
        await send(message)

    return wrapped


def _ours(headers: Headers) -> bool:
    origin = headers.get("origin")
    host = hostname_of(f"//{headers.get('host', '')}")
    return is_loopback(host) and (origin is None or is_loopback(hostname_of(origin)))


class _Server(uvicorn.Server):
    """Ends the streams of those who watch before it waits for open responses."""

    def __init__(self, simulator: Simulator, host: str, port: int) -> None:
        super().__init__(_settings(simulator, host, port))
        self._hush = simulator.hush

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._hush()
        await super().shutdown(sockets)


class _Guest(_Server):
    """A server inside somebody else's event loop, who also minds the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def guest(simulator: Simulator, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve within this event loop; yields the address, e.g. http://127.0.0.1:40123. For tests and benches."""
    server = _Guest(simulator, host, port)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.01)
        yield f"http://{host}:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@contextmanager
def beside(simulator: Simulator) -> Iterator[str]:
    """Serve in a thread of its own, for whoever has no event loop; yields the address."""
    told: Queue[str] = Queue()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with guest(simulator) as address:
            told.put(address)
            await done.wait()

    thread = Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    try:
        yield told.get(timeout=30)
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


async def until_interrupted(simulator: Simulator, host: str, port: int) -> None:
    """Serve until a signal ends it. Raises SettingError for an address beyond this machine."""
    await _Server(simulator, host, port).serve()


def _settings(simulator: Simulator, host: str, port: int) -> uvicorn.Config:
    checked_host(host, simulator.allow_remote)
    app = Guard(simulator.app, simulator.allow_remote)
    return uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=1, access_log=False)
