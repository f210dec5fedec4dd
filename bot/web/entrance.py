"""What every request passes before anything reads it, and every answer on its way out.

request ─> head and cookies within bounds? a host and a path that can be? ─> below its prefix ─> the rooms
answer  <─ strict-transport-security over https, prefix in redirects and cookies, 500 for what nobody expected <─
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect

from bot.origins import host_of
from bot.telemetry import count
from bot.web.guards import failure, refusal
from bot.web.webhooks import Receive, Send

log = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
LONGEST_HEAD = 64 * 1024
LONGEST_COOKIES = 4 * 1024
_OUR_COOKIES = b"yingda_"
_A_YEAR = "max-age=31536000; includeSubDomains"
_COOKIE_PATH = re.compile(rb"(; *path=)(/[^;]*)", re.IGNORECASE)


class Entrance:
    """The outermost ASGI application, around `app`.

    prefix: the path below which the public address has us, like /yingda; '' for none. Requests may come with it or
    without it: some proxies take it away, some do not. https: the public address is https even where the proxy does not
    say so in X-Forwarded-Proto.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], prefix: str = "", *, https: bool = False) -> None:
        self._app = app
        self._prefix = prefix
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._https:
            scope["scheme"] = "https"
        way_out = _WayOut(send, self._prefix, secure=scope["scheme"] == "https")
        if refused := _why_refused(scope):
            status, code = refused
            count("refused", account="", code=code)
            await refusal(status, code)(scope, receive, way_out)
            return
        scope["path"] = self._inside(scope["path"])
        await self._answered(scope, receive, way_out)

    async def _answered(self, scope: Scope, receive: Receive, way_out: _WayOut) -> None:
        """The one place that catches everything: a stranger's request is answered, whatever it met with."""
        try:
            await self._app(scope, receive, way_out)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("a request failed")
            count("requests_failed")
            if not way_out.started:
                await failure(scope["path"])(scope, receive, way_out)

    def _inside(self, path: str) -> str:
        if self._prefix and (path == self._prefix or path.startswith(f"{self._prefix}/")):
            return path[len(self._prefix) :] or "/"
        return path


class _WayOut:
    """ASGI's `send`, with what every answer needs. started: whether an answer has begun."""

    def __init__(self, send: Send, prefix: str, *, secure: bool) -> None:
        self._send = send
        self._prefix = prefix
        self._secure = secure
        self.started = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            if self._secure:
                MutableHeaders(scope=message).setdefault("strict-transport-security", _A_YEAR)
            if self._prefix:
                message["headers"] = [(name, _outside(name, value, self._prefix)) for name, value in message["headers"]]
        await self._send(message)


def _outside(name: bytes, value: bytes, prefix: str) -> bytes:
    """A header as it reads outside the prefix: where a redirect leads, and for which paths a cookie is."""
    start = prefix.encode()
    if name.lower() == b"location" and value.startswith(b"/"):
        return start + value
    if name.lower() == b"set-cookie" and not value.startswith(b"__Host-"):  # those are for a whole host or not at all
        return _COOKIE_PATH.sub(lambda found: found[1] + start + found[2].rstrip(b"/"), value)
    return value


def _why_refused(scope: Scope) -> tuple[int, str] | None:
    """Status and code of a request that nothing may read; None if it may be read. Takes cookies away that are not ours
    where there are many."""
    size = len(scope["path"]) + len(scope["query_string"])
    cookies, hosts = 0, []
    strange_cookies = False
    for name, value in scope["headers"]:
        size += len(name) + len(value) + 4
        if name == b"cookie":
            cookies += len(value)
            strange_cookies = strange_cookies or b"\\" in value
        elif name == b"host":
            hosts.append(value)
    if size > LONGEST_HEAD:
        return 431, "head"
    if (cookies > LONGEST_COOKIES or strange_cookies) and not _keep_own_cookies(scope):
        return 431, "cookies"
    if len(hosts) > 1 or (hosts and host_of(hosts[0].decode("latin-1")) is None):  # RFC 9112, 3.2
        return 400, "host"
    return None if scope["path"].isprintable() else (400, "path")


def _keep_own_cookies(scope: Scope) -> bool:
    """Leave only our cookies in a request: a host's other pages may set many. False if ours alone are too long.

    None of ours holds a backslash, and to undo those takes CPython before 3.11.10 and 3.12.6 quadratic time
    (CVE-2024-7592).
    """
    sent = [pair for name, value in scope["headers"] if name == b"cookie" for pair in value.split(b";")]
    own = b";".join(pair for pair in sent if _OUR_COOKIES in pair.partition(b"=")[0] and b"\\" not in pair)
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    scope["headers"] = [*others, (b"cookie", own.strip())] if own else others
    return len(own) <= LONGEST_COOKIES
