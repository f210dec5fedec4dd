"""The simulator as a web application: the page, its JSON endpoints, and the API that accounts call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from socket import socket
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.errors import Mistake, SettingError
from bot.simulators.wechat.api import tencent
from bot.simulators.wechat.courier import is_loopback
from bot.simulators.wechat.page.render import page
from bot.simulators.wechat.phone import phone
from bot.simulators.wechat.platform import Platform

_ASSETS = Path(__file__).parent / "page" / "assets"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def create_app(platform: Platform) -> ASGIApp:
    """Everything under one root: `/` the page, `/api` and `/sms` behind it, `/cgi-bin` for the account's server."""
    app = FastAPI(title="Yingda WeChat simulator", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.platform = platform
    for routes in (tencent, phone, page):
        app.include_router(routes)
    app.mount("/assets", StaticFiles(directory=_ASSETS), name="assets")
    return Guard(app, platform.allow_remote)


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
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    return is_loopback(host) and (origin is None or is_loopback(urlsplit(origin).hostname or ""))


class _Server(uvicorn.Server):
    """Ends the streams of those who watch before it waits for open responses."""

    def __init__(self, platform: Platform, host: str, port: int) -> None:
        super().__init__(_settings(platform, host, port))
        self._live = platform.live

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._live.close()
        await super().shutdown(sockets)


class _Guest(_Server):
    """A server inside somebody else's event loop, who also minds the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def running(platform: Platform, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve within this event loop; yields the address, e.g. http://127.0.0.1:40123. For tests and benches."""
    server = _Guest(platform, host, port)
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


def serve(platform: Platform, host: str, port: int) -> None:
    """Serve until interrupted: `yingda simulate wechat`. Raises SettingError for an address beyond this machine."""

    async def run() -> None:
        async with platform:
            await _Server(platform, host, port).serve()

    asyncio.run(run())


def _settings(platform: Platform, host: str, port: int) -> uvicorn.Config:
    if not platform.allow_remote and not is_loopback(host):
        mend = "listen on 127.0.0.1: the page has no login"
        raise SettingError(Mistake("simulator", 0, "host", f"{host} is not this machine", mend))
    return uvicorn.Config(
        create_app(platform), host=host, port=port, log_level="warning", timeout_graceful_shutdown=1, access_log=False
    )
