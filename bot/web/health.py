"""Endpoints for load balancers and monitoring.

    /healthz   200 while the process can respond; queries nothing
    /readyz    200, or 503 with a reason: `database`, `edition`, `draining`
    /metrics   Prometheus metrics of all workers: for requests from this machine, or with the token

/metrics contains no customer data, but the volume of a brand's cases is confidential. A request through a proxy never
counts as one from this machine. A proxy is recognised by its headers, a public Host header, or HTTP/1.0; one without
any of these needs its own rule for /metrics, as in our samples. `yingda doctor --public` tests that from outside.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bot.access.origins import host_of, network_of
from bot.errors import Unavailable
from bot.i18n import bilingual
from bot.telemetry import exposition

PATHS = ("/healthz", "/readyz", "/metrics")
DRAINING = "draining"  # key in the lifespan's state: the worker only finishes the requests that it has
RESULT_REUSED_FOR = 1.0  # seconds for which a result is reused, so that frequent probes are no load on the database
DATABASE_TIMEOUT = 2.0  # seconds
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_PROXY_HEADERS = {b"forwarded", b"via", b"x-real-ip", b"true-client-ip", b"cf-connecting-ip"}


class HealthEndpoints:
    """The mount (`bot.web.app.Mount`) of these endpoints.

    ping: queries the database; raises Unavailable. edition: the active edition's number, 0 for none. token: permits
    /metrics from other machines; '' for none.
    """

    def __init__(self, ping: Callable[[], Awaitable[object]], edition: Callable[[], int], token: str = "") -> None:
        self._ping = ping
        self._edition = edition
        self._token = token.encode()
        self._query: asyncio.Future[bool] | None = None
        self._queried_at = 0.0

    def matches(self, path: str) -> bool:
        return path in PATHS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response: Response
        if scope["method"] not in ("GET", "HEAD"):
            response = JSONResponse({"reason": "method"}, 405, _HEADERS)
        elif scope["path"] == "/healthz":
            response = JSONResponse({"alive": True}, 200, _HEADERS)
        elif scope["path"] == "/readyz":
            reason = await self._not_ready(scope)
            content = {"ready": False, "reason": reason} if reason else {"ready": True}
            response = JSONResponse(content, 503 if reason else 200, _HEADERS)
        elif not self._may_read_metrics(scope):
            response = JSONResponse({"reason": bilingual("page.metrics")}, 403, _HEADERS)
        else:
            page = await asyncio.to_thread(exposition)
            response = Response(page, 200, _HEADERS, "text/plain; version=0.0.4; charset=utf-8")
        await response(scope, receive, send)

    async def _not_ready(self, scope: Scope) -> str:
        """Why the worker is not ready; '' if it is."""
        if scope.get("state", {}).get(DRAINING):
            return DRAINING
        if not await self._database_responds():
            return "database"
        return "" if self._edition() else "edition"

    async def _database_responds(self) -> bool:
        """Whether the database responds. One query serves all requests within RESULT_REUSED_FOR."""
        now = asyncio.get_running_loop().time()
        if self._query is None or (self._query.done() and now - self._queried_at > RESULT_REUSED_FOR):
            self._queried_at = now
            self._query = asyncio.ensure_future(self._try_ping())
        return await asyncio.shield(self._query)  # a caller that disconnects must not cancel it for the others

    async def _try_ping(self) -> bool:
        try:
            await asyncio.wait_for(self._ping(), DATABASE_TIMEOUT)
        except (Unavailable, TimeoutError):
            return False
        return True

    def _may_read_metrics(self, scope: Scope) -> bool:
        headers = dict(scope["headers"])
        given = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if self._token and hmac.compare_digest(given, self._token):
            return True
        return _is_loopback(str((scope.get("client") or ("",))[0])) and not _came_by_proxy(scope, headers)


def _came_by_proxy(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    if _PROXY_HEADERS & headers.keys() or any(name.startswith(b"x-forwarded-") for name in headers):
        return True
    host = host_of(headers.get(b"host", b"").decode("latin-1"))
    asked = host.name.strip("[]") if host else ""
    return scope.get("http_version") == "1.0" or not (asked == "localhost" or _is_loopback(asked))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(network_of(address)).is_loopback or ip_address(address).is_loopback
    except ValueError:
        return False
