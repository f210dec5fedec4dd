"""A worker's ASGI application: startup, background work, dispatch by path, and the site for staff with its errors."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from bot.access.origins import safe_path
from bot.errors import AlreadyTaken, NotAllowed, Refused, Stale, Unavailable
from bot.i18n import bilingual, section
from bot.web import accounts, desk, live, login
from bot.web.auth import AnyRole, LoginRequired
from bot.web.dependencies import SiteParts
from bot.web.middleware import BodyLimit, SecurityHeaders, failure
from bot.web.pages import STATIC, page, reader_language
from bot.web.refusals import Refusals

log = logging.getLogger(__name__)
RESTART_DELAY = 1.0  # seconds before background work that failed starts again
LOADING_TIMEOUT = 10.0  # seconds for which a request waits until the worker has loaded
_SHOWN = 200  # characters of a request header that an error page quotes
documents = APIRouter()
ROUTERS = (login.router, accounts.router, desk.router, desk.api, live.router, documents)


class Mount(Protocol):
    """An ASGI application that serves the paths it matches."""

    def matches(self, path: str) -> bool: ...

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None: ...


class Dispatcher:
    """Passes each request to the first mount that matches its path, else to the site."""

    def __init__(self, mounts: Sequence[Mount], site: Callable[..., Awaitable[None]]) -> None:
        self._mounts = mounts
        self._site = site

    def app_for(self, path: str) -> Callable[..., Awaitable[None]]:
        return next((mount for mount in self._mounts if mount.matches(path)), self._site)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app_for(scope["path"])(scope, receive, send)


class WorkerApp:
    """The ASGI application of a worker: loads in the background, serves, runs background work, and closes.

    app: serves requests. load: loads what replies need; called again while it raises Unavailable. loaded: called after
    that. at_once: whether a path is served while loading, as webhooks are: messages are stored and acknowledged, and
    replied to later. background: by name, work that runs after loading and restarts if it ends or fails. close: called
    after the last request.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        *,
        load: Callable[[], Awaitable[object]],
        loaded: Callable[[], None] = lambda: None,
        serve_while_loading: Callable[[str], bool],
        background: Mapping[str, Callable[[], Awaitable[None]]],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self._app = app
        self._load = load
        self._call_when_loaded = loaded
        self._serve_while_loading = serve_while_loading
        self._background = background
        self._close = close
        self._loaded = asyncio.Event()
        self._started = False  # stays False on a server without ASGI's lifespan: then requests do not wait

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if self._started and not self._serve_while_loading(scope["path"]):
            try:
                await asyncio.wait_for(self._loaded.wait(), LOADING_TIMEOUT)
            except TimeoutError:
                # The next request is likely to succeed, here or at another worker.
                starting = f"{bilingual('page.starting')}\n"
                response = PlainTextResponse(starting, 503, {"retry-after": "2", "cache-control": "no-store"})
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._started = True
        tasks = [asyncio.create_task(self._load_until_done())]
        tasks += [asyncio.create_task(self._run(name, work)) for name, work in self._background.items()]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _load_until_done(self) -> None:
        """Load; tries again while the database is unavailable. Other errors would recur, so they end the process."""
        while not self._loaded.is_set():
            try:
                await self._load()
            except Unavailable:
                log.warning("the database is unavailable; the edition is loaded later")
                await asyncio.sleep(RESTART_DELAY)
            except Exception:
                log.exception("loading failed; this worker ends")
                signal.raise_signal(signal.SIGTERM)
                return
            else:
                self._loaded.set()
                self._call_when_loaded()

    async def _run(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run background work after loading, and restart it when it ends or fails."""
        await self._loaded.wait()
        while True:
            try:
                await work()
            except Unavailable:
                log.warning("%s: the database is unavailable; trying again", name)
            except Exception:
                log.exception("%s failed; restarting it", name)
            await asyncio.sleep(RESTART_DELAY)


def create_site(parts: SiteParts) -> FastAPI:
    """The FastAPI application with the pages and the API for staff."""
    site = FastAPI(title="Yingda 应答", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    site.state.parts = parts
    site.state.change_poll = live.ChangePoll(parts)
    site.state.refusals = Refusals(parts.login.audit, parts.clock)
    site.state.read_audit = desk.ReadAudit()
    for router in ROUTERS:
        site.include_router(router)
    site.mount("/static", StaticFiles(directory=STATIC), name="static")
    site.add_middleware(BodyLimit)
    site.add_middleware(SecurityHeaders, framed_by="'self'" if parts.branding.demo else "'none'")
    for kind in _HANDLED:
        site.add_exception_handler(kind, _error_response)
    site.add_exception_handler(Exception, _server_error)
    return site


async def _server_error(request: Request, _problem: Exception) -> Response:
    # Starlette raises the exception again after this response, and OuterMiddleware logs and counts it.
    return failure(request.scope["path"])


@documents.get("/api/openapi.json", include_in_schema=False)
async def openapi(request: Request, _session: AnyRole) -> dict[str, Any]:
    """The API's OpenAPI description, for any role."""
    site: FastAPI = request.app
    return site.openapi()


async def _error_response(request: Request, problem: Exception) -> Response:
    """The response to an exception: JSON for the API, else a page, or a redirect to the login."""
    path: str = request.scope["path"]
    is_api = path.startswith("/api/")
    if isinstance(problem, LoginRequired) and not is_api:
        return RedirectResponse(f"/login?next={quote(path)}", 303)
    status, code, more = _status_and_code(problem)
    if status in (403, 429):
        request.app.state.refusals.record(code, staff=getattr(request.state, "staff", ""))
    if status == 404 and path.endswith("/") and (shorter := safe_path(path.rstrip("/"), "")):
        return RedirectResponse(
            quote(shorter), 303
        )  # relative, unlike Starlette's own redirect, which repeats the Host header
    if code == "origin" and (origin := request.headers.get("origin")):
        code, more = "origin.host", {"origin": origin[:_SHOWN], "host": request.headers.get("host", "")[:_SHOWN]}
    words = section("desk", reader_language(request))
    message = words.get(f"error.{code}", words.get(f"error.{status}", words["error.other"])).format_map(more)
    headers = {"retry-after": "2"} if status == 503 else {}
    if is_api:
        return JSONResponse({"code": code.partition(".")[0], "words": message, **more}, status, headers)
    return page(request, "error.html", more={"status": status, "said": message}, status=status)


def _status_and_code(problem: Exception) -> tuple[int, str, dict[str, str]]:
    """The HTTP status, the error code, and further values for the message."""
    match problem:
        case AlreadyTaken():
            return 409, "taken", {"winner": problem.winner, "winner_name": problem.winner_name}
        case NotAllowed():
            return 403, problem.code, {}
        case Refused():
            return problem.status, problem.code, {}
        case HTTPException():
            return problem.status_code, problem.detail, {}
    return *_STATUS_OF[type(problem)], {}


_STATUS_OF: dict[type[Exception], tuple[int, str]] = {
    LoginRequired: (401, "login"),
    Stale: (409, "stale"),
    Unavailable: (503, "unavailable"),
    RequestValidationError: (400, "invalid"),
}
_HANDLED = (*_STATUS_OF, NotAllowed, Refused, HTTPException)
