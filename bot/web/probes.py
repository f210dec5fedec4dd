"""What machines ask a worker: does it live, may it be sent work, what has it counted.

    /healthz   200 while the process answers at all; asks nobody
    /readyz    200, or 503 with a reason: `record`, `edition`, `draining`
    /metrics   for Prometheus: from this machine, or with the token; of all workers together

/metrics tells nothing about customers, but how much a brand's desk has to do is nobody else's business. A request that
came through a proxy is from elsewhere, whatever address it seems to have. Proxies show themselves by their headers, by
the public Host, or by HTTP/1.0; one that hides in all three ways needs its own rule for /metrics, as in our samples,
and `yingda doctor --public` asks for the page from outside.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import Any

from bot.errors import Unavailable
from bot.networks import network_of
from bot.origins import host_of
from bot.telemetry import exposition
from bot.web.webhooks import Receive, Scope, Send

PATHS = ("/healthz", "/readyz", "/metrics")
DRAINING = "draining"  # in the lifespan's state: this worker finishes what has begun, and wants nothing new
LOOK_AGAIN = 1.0  # seconds for which an answer of the record is good: asking often must not be a load
PATIENCE = 2.0
_FORWARDED = {b"forwarded", b"via", b"x-real-ip", b"true-client-ip", b"cf-connecting-ip"}


class Probes:
    """A Room for machines. record: whether it answers; raises Unavailable. edition: the active one's number, 0 if none
    was taken up. token: opens /metrics from elsewhere; '' opens it to nobody."""

    def __init__(self, record: Callable[[], Awaitable[object]], edition: Callable[[], int], token: str = "") -> None:
        self._record = record
        self._edition = edition
        self._token = token.encode()
        self._looking: asyncio.Future[bool] | None = None
        self._looked_at = 0.0

    def knows(self, path: str) -> bool:
        return path in PATHS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        if scope["method"] not in ("GET", "HEAD"):
            await _respond(send, 405, {"reason": "method"})
        elif scope["path"] == "/healthz":
            await _respond(send, 200, {"alive": True})
        elif scope["path"] == "/readyz":
            reason = await self._not_ready(scope)
            await _respond(send, 503 if reason else 200, {"ready": not reason} | ({"reason": reason} if reason else {}))
        elif not self._may_read(scope):
            await _respond(send, 403, {"reason": "only from this machine, or with the token of config.yaml"})
        else:
            page = await asyncio.to_thread(exposition)
            await _send(send, 200, page, b"text/plain; version=0.0.4; charset=utf-8")

    async def _not_ready(self, scope: Scope) -> str:
        """Why no work should be sent here; '' if it may."""
        if scope.get("state", {}).get(DRAINING):
            return DRAINING
        if not await self._record_answers():
            return "record"
        return "" if self._edition() else "edition"

    async def _record_answers(self) -> bool:
        """Looked at once for all who ask within a second."""
        now = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now - self._looked_at > LOOK_AGAIN):
            self._looked_at = now
            self._looking = asyncio.ensure_future(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> bool:
        try:
            await asyncio.wait_for(self._record(), PATIENCE)
        except (Unavailable, TimeoutError):
            return False
        return True

    def _may_read(self, scope: Scope) -> bool:
        headers = dict(scope["headers"])
        given = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if self._token and hmac.compare_digest(given, self._token):
            return True
        return _is_here(str((scope.get("client") or ("",))[0])) and not _came_by_proxy(scope, headers)


def _came_by_proxy(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    if _FORWARDED & headers.keys() or any(name.startswith(b"x-forwarded-") for name in headers):
        return True
    host = host_of(headers.get(b"host", b"").decode("latin-1"))
    asked = host.name.strip("[]") if host else ""
    return scope.get("http_version") == "1.0" or not (asked == "localhost" or _is_here(asked))


def _is_here(address: str) -> bool:
    try:
        return ip_address(network_of(address)).is_loopback or ip_address(address).is_loopback
    except ValueError:
        return False


async def _respond(send: Send, status: int, content: dict[str, Any]) -> None:
    await _send(send, status, json.dumps(content).encode() + b"\n", b"application/json")


async def _send(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
