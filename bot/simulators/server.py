"""Serves simulators: each is a web application with a page, JSON endpoints for it, and the platform's own API.

A simulator has no login, so it talks to this machine only, unless remote addresses are allowed explicitly.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.access.origins import hostname_of
from bot.errors import ConfigProblem, SettingError, YingdaError
from bot.http import stream
from bot.i18n import Message as Text
from bot.simulators.live import SimulatedPlatform


def is_loopback(host: str) -> bool:
    """Whether a host name always resolves to this machine ("localhost" names: RFC 6761, section 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def checked_webhook(url: str, allow_remote: bool) -> str:
    """The webhook's URL. Raises SettingError if it is no HTTP URL, or not on this machine and remote is not allowed."""
    host = hostname_of(url)
    if not host or not url.startswith(("http://", "https://")):
        raise SettingError(ConfigProblem.of("simulator", 0, "webhook", "problem.webhook_not_an_address", url=url))
    if not allow_remote and not is_loopback(host):
        raise SettingError(ConfigProblem.of("simulator", 0, "webhook", "problem.webhook_elsewhere", host=host))
    return url


_SHARED_ASSETS = Path(__file__).parent / "page" / "assets"
# frame-ancestors: the demo page of a deployment on this machine shows a simulator in a frame.
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
    """A simulator ready to be served."""

    app: ASGIApp
    # Called at shutdown: uvicorn would wait for open event streams.
    close_streams: Callable[[], None] = lambda: None
    allow_remote: bool = False


@dataclass(frozen=True, slots=True)
class ChannelSimulator:
    """What acts as a channel's platform: the package of that name in `bot/simulators` exports one as `SIMULATOR`."""

    help: str  # of `yingda simulate NAME`
    welcome: str  # key of the line that `yingda run` prints in demo mode; the text has a gap `address`
    path: str  # of its page in demo mode, below the simulators' address; '' is the root
    platform: Callable[[Any, str, str], Any]  # from the account's keys, the deployment's time zone and the webhook
    application: Callable[[Any, str], Simulator]  # from the platform and the path to another simulator's page
    add_demo_user: Callable[[Any], None]  # creates the person whom the demo's page shows
    introduction: Callable[[Any, str, str], Text]  # what `yingda simulate NAME` prints: platform, host:port, webhook
    # The settings of the account that the platform must know; its defaults are the demo's. None: the channel's model.
    keys: type[BaseModel] | None = None
    # Registers the webhook on a platform with an API for that, as soon as the webhook answers.
    connect: Callable[[Any, str], Coroutine[Any, Any, None]] | None = None


class RequestBody(BaseModel):
    """What a page sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageRefusal(YingdaError):
    """What a page cannot have: each kind has the HTTP status and the detail of the response."""

    status = 404
    detail = ""


class Dropped(Response):
    """Announces 64 bytes and sends none: the server cuts the connection, and the caller cannot know the outcome."""

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"64")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


def simulated(request: Request) -> Any:
    """The platform that this application serves."""
    return request.app.state.platform


def build_app(
    platform: SimulatedPlatform[Any],
    routes: Sequence[APIRouter],
    page: Path,
    neighbour: str,
    as_json: Callable[[Any, Any], Any],
) -> FastAPI:
    """An application over a platform: its routes, what all simulators have, and the assets of the page.

    page: the folder of the page. neighbour: path of another simulator's page, relative to this one's; '' if there is
    none. as_json: what a live event is about, for the page; it gets the platform as well.
    """
    app = FastAPI(title="Yingda simulator", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.platform = platform
    app.state.neighbour = neighbour
    app.add_exception_handler(PageRefusal, _refused)
    for router in (*routes, _shared_endpoints(platform, as_json)):
        app.include_router(router)
    app.mount("/assets", StaticFiles(directory=page / "assets"), name="assets")
    app.mount("/frame", StaticFiles(directory=_SHARED_ASSETS), name="frame")
    return app


async def _refused(_: Request, refusal: Any) -> Response:
    return JSONResponse({"detail": refusal.detail}, refusal.status)


def _shared_endpoints(platform: SimulatedPlatform[Any], as_json: Callable[[Any, Any], Any]) -> APIRouter:
    async def set_faults(faults: Any) -> dict[str, Any]:
        platform.faults.set(faults)
        return asdict(platform.faults.now)

    async def events() -> AsyncGenerator[ServerSentEvent, None]:
        async for event in platform.live.watch():
            about = None if event.about is None else as_json(event.about, platform)
            yield ServerSentEvent(json.dumps(about, ensure_ascii=False), event=event.topic)

    async def live() -> EventSourceResponse:
        """Server-sent events with JSON, by topic; after `missed`, the page reads the state again."""
        return stream(events())

    router = APIRouter()
    set_faults.__annotations__["faults"] = type(platform.faults.now)  # FastAPI checks the body by it
    router.add_api_route("/api/faults", set_faults, methods=["PUT"])
    router.add_api_route("/api/live", live)
    return router


def side_by_side(simulators: Mapping[str, Simulator]) -> Simulator:
    """Several simulators under one address, by path; '' is the root and must come last, because it takes every path.

    Without it, the root redirects to the first simulator.
    """
    pages = {path: path for path in simulators if path}
    if "" not in simulators:
        pages["/"] = next(iter(simulators))
    routes: list[BaseRoute] = [
        Route(path, RedirectResponse(f"{there}/"), methods=["GET"]) for path, there in pages.items()
    ]
    routes += [Mount(path, one.app) for path, one in simulators.items()]

    def close_streams() -> None:
        for one in simulators.values():
            one.close_streams()

    return Simulator(Starlette(routes=routes), close_streams, all(one.allow_remote for one in simulators.values()))


class LocalOnly:
    """Middleware that answers 403 to requests of other machines and sites, and adds the security headers.

    It checks Host, because a site whose name resolves to 127.0.0.1 would pass the browser's same-origin check (DNS
    rebinding), and Origin, because any site may send a simple POST to this machine.
    """

    def __init__(self, app: ASGIApp, allow_remote: bool) -> None:
        self._app = app
        self._allow_remote = allow_remote

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._allow_remote or _is_local(Headers(scope=scope)):
            await self._app(scope, receive, _with_headers(send))
        else:
            await PlainTextResponse("only for this machine", 403)(scope, receive, send)


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(raw=message["headers"]).update(_HEADERS)
        await send(message)

    return wrapped


def _is_local(headers: Headers) -> bool:
    origin = headers.get("origin")
    host = hostname_of(f"//{headers.get('host', '')}")
    return is_loopback(host) and (origin is None or is_loopback(hostname_of(origin)))


class _Server(uvicorn.Server):
    """Closes the event streams before it waits for open responses."""

    def __init__(self, simulator: Simulator, host: str, port: int) -> None:
        """Raises SettingError for an address that is not on this machine, unless the simulator allows remote ones."""
        if not simulator.allow_remote and not is_loopback(host):
            raise SettingError(ConfigProblem.of("simulator", 0, "host", "problem.host_elsewhere", host=host))
        app = LocalOnly(simulator.app, simulator.allow_remote)
        super().__init__(
            uvicorn.Config(
                app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=1, access_log=False
            )
        )
        self._close_streams = simulator.close_streams

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._close_streams()
        await super().shutdown(sockets)


class _GuestServer(_Server):
    """A server inside a running event loop, whose own signal handlers stay in place."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(simulator: Simulator, port: int = 0) -> AsyncIterator[str]:
    """Serve within this event loop, for tests and benches. Yields the address, e.g. http://127.0.0.1:40123."""
    server = _GuestServer(simulator, "127.0.0.1", port)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def serve_until_interrupted(simulator: Simulator, host: str, port: int) -> None:
    """Serve until a signal arrives. Raises SettingError for an address that is not on this machine."""
    await _Server(simulator, host, port).serve()
