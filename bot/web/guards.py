"""What every request passes: a limit on its body, and headers that leave a page nothing but its own files."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 64 * 1024
POLICY = "content-security-policy"
_OWN_FILES = "; ".join(
    (
        "default-src 'none'",
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


def policy(framed_by: str = "'none'", frames: str = "'none'") -> str:
    """A Content-Security-Policy. framed_by: who may show the page in a frame; frames: what it may show in its own."""
    return f"{_OWN_FILES}; frame-src {frames}; frame-ancestors {framed_by}"


class SafeHeaders:
    """Adds the headers above to every response; pages and answers are not kept by caches unless they say so.

    framed_by: as in `policy`, for pages that have no policy of their own.
    """

    def __init__(self, app: ASGIApp, framed_by: str = "'none'") -> None:
        self._app = app
        self._headers = {POLICY: policy(framed_by), **HEADERS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_safely)


class SmallBodies:
    """Refuses bodies over 64 KB as soon as that is known, before anything is parsed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            await _TOO_LARGE(scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None once it is too large."""
    body = bytearray()
    while len(body) <= BODY_LIMIT:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body) if len(body) <= BODY_LIMIT else None
    return None


_TOO_LARGE = PlainTextResponse("内容太大。 / That is too large.\n", 413)
