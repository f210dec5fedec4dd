"""ASGI middleware for every request and response.

request ─> OuterMiddleware: limits on head and cookies, valid host and path, prefix removed
        ─> SecurityHeaders ─> BodyLimit: at most 64 KB ─> the pages
response <─ Content-Security-Policy and related headers <─
         <─ strict-transport-security over https, prefix in redirects and cookies, 500 for an unexpected error <─
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.access.origins import host_of
from bot.i18n import bilingual
from bot.telemetry import count

log = logging.getLogger(__name__)
LONGEST_HEAD = 64 * 1024  # bytes of path, query and headers
LONGEST_COOKIES = 4 * 1024  # bytes
_OUR_COOKIES = b"yingda_"
_A_YEAR = "max-age=31536000; includeSubDomains"
_COOKIE_PATH = re.compile(rb"(; *path=)(/[^;]*)", re.IGNORECASE)
BODY_LIMIT = 64 * 1024  # bytes
_REFUSED = "page.refused"  # prefix of the locale keys
POLICY = "content-security-policy"
_OWN_FILES = "; ".join(
    (
        "default-src 'none'",
        "object-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class OuterMiddleware:
    """The outermost ASGI application, around `app`.

    prefix: the path of the public URL, like /yingda; '' for none. Requests may have it or not: some proxies remove it.
    https: whether the public URL is https even if the proxy sends no X-Forwarded-Proto.
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
        sender = _ResponseSender(send, self._prefix, secure=scope["scheme"] == "https")
        if refused := _refusal_reason(scope):
            status, code = refused
            count("refused", account="", code=code)
            await refusal(status, code)(scope, receive, sender)
            return
        scope["path"] = self._without_prefix(scope["path"])
        await self._call_app(scope, receive, sender)

    async def _call_app(self, scope: Scope, receive: Receive, sender: _ResponseSender) -> None:
        """Call the application. Logs any exception, and responds 500 if no response has begun."""
        try:
            await self._app(scope, receive, sender)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("request failed")
            count("requests_failed")
            if not sender.started:
                await failure(scope["path"])(scope, receive, sender)

    def _without_prefix(self, path: str) -> str:
        if self._prefix and (path == self._prefix or path.startswith(f"{self._prefix}/")):
            return path[len(self._prefix) :] or "/"
        return path


class _ResponseSender:
    """ASGI's `send` that adds the headers every response needs."""

    def __init__(self, send: Send, prefix: str, *, secure: bool) -> None:
        self._send = send
        self._prefix = prefix
        self._secure = secure
        self.started = False  # whether a response has begun

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            if self._secure:
                MutableHeaders(scope=message).setdefault("strict-transport-security", _A_YEAR)
            if self._prefix:
                message["headers"] = [
                    (name, _with_prefix(name, value, self._prefix)) for name, value in message["headers"]
                ]
        await self._send(message)


def _with_prefix(name: bytes, value: bytes, prefix: str) -> bytes:
    """A response header with the prefix added to a redirect's target or a cookie's path."""
    start = prefix.encode()
    if name.lower() == b"location" and value.startswith(b"/"):
        return start + value
    if name.lower() == b"set-cookie" and not value.startswith(b"__Host-"):  # their path is always /
        return _COOKIE_PATH.sub(lambda found: found[1] + start + found[2].rstrip(b"/"), value)
    return value


def _refusal_reason(scope: Scope) -> tuple[int, str] | None:
    """Status and code for a request to refuse; None to accept it. Removes foreign cookies if there are too many."""
    size = len(scope["path"]) + len(scope["query_string"])
    cookies, hosts = 0, []
    backslashes = False
    for name, value in scope["headers"]:
        size += len(name) + len(value) + 4  # colon, space and line end
        if name == b"cookie":
            cookies += len(value)
            backslashes = backslashes or b"\\" in value
        elif name == b"host":
            hosts.append(value)
    if size > LONGEST_HEAD:
        return 431, "head"
    if (cookies > LONGEST_COOKIES or backslashes) and not _keep_own_cookies(scope):
        return 431, "cookies"
    if len(hosts) > 1 or (hosts and host_of(hosts[0].decode("latin-1")) is None):  # RFC 9112, 3.2
        return 400, "host"
    return None if scope["path"].isprintable() else (400, "path")


def _keep_own_cookies(scope: Scope) -> bool:
    """Remove foreign cookies from a request: other pages of the host may set many. False if ours alone are too long."""
    # Ours contain no backslash. Decoding backslashes takes quadratic time in CPython before 3.11.10 and 3.12.6
    # (CVE-2024-7592).
    sent = [pair for name, value in scope["headers"] if name == b"cookie" for pair in value.split(b";")]
    own = b";".join(pair for pair in sent if _OUR_COOKIES in pair.partition(b"=")[0] and b"\\" not in pair)
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    scope["headers"] = [*others, (b"cookie", own.strip())] if own else others
    return len(own) <= LONGEST_COOKIES


def policy(framed_by: str = "'none'", frames: str = "'none'") -> str:
    """A Content-Security-Policy. framed_by: frame-ancestors; frames: frame-src."""
    return f"{_OWN_FILES}; frame-src {frames}; frame-ancestors {framed_by}"


def refusal(status: int, code: str) -> Response:
    """The response to a refused request. code: a locale key under page.refused. The text is in both languages."""
    return _secured(JSONResponse({"code": code, "words": bilingual(f"{_REFUSED}.{code}")}, status))


def failure(path: str) -> Response:
    """The response to an unexpected error: JSON for API paths, else a line of text."""
    words = bilingual("page.failed")
    if path.startswith(("/api/", "/webchat/")):
        return _secured(JSONResponse({"code": "failed", "words": words}, 500))
    return _secured(PlainTextResponse(words, 500))


def _secured(response: Response) -> Response:
    response.headers.update({POLICY: policy(), **HEADERS, "cache-control": "no-store"})
    return response


class SecurityHeaders:
    """Adds security headers to every response, and `cache-control: no-store` unless a response sets its own.

    framed_by: as in `policy`, for responses without a policy of their own.
    """

    def __init__(self, app: ASGIApp, framed_by: str = "'none'") -> None:
        self._app = app
        self._headers = {POLICY: policy(framed_by), **HEADERS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BodyLimit:
    """Refuses a body over 64 KB with 413 before it is parsed, as soon as the limit is exceeded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return  # the client left before the whole body arrived
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > BODY_LIMIT:
                await PlainTextResponse(f"{bilingual('page.too_large')}\n", 413)(scope, receive, send)
                return
        whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)
