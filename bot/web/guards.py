"""What every request passes: a limit on its body, and headers that leave a page nothing but its own files."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 64 * 1024
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


def policy(framed_by: str = "'none'", frames: str = "'none'") -> str:
    """A Content-Security-Policy. framed_by: who may show the page in a frame; frames: what it may show in its own."""
    return f"{_OWN_FILES}; frame-src {frames}; frame-ancestors {framed_by}"


def refusal(status: int, code: str) -> Response:
    """A request that is not even read, in both languages: nobody knows the reader's yet."""
    return _safe(JSONResponse({"code": code, "words": _REFUSALS[code]}, status))


def failure(path: str) -> Response:
    """What is told of something that nobody expected: JSON for scripts, a line for people."""
    for_machine = path.startswith(("/api/", "/webchat/"))
    return _safe(
        JSONResponse({"code": "failed", "words": _FAILED}, 500) if for_machine else PlainTextResponse(_FAILED, 500)
    )


def _safe(response: Response) -> Response:
    response.headers.update({POLICY: policy(), **HEADERS, "cache-control": "no-store"})
    return response


_FAILED = "出错了，请稍后再试。 / Something went wrong. Please try again in a moment."
_REFUSALS = {
    "head": "请求头太长。 / The head of this request is too long.",
    "cookies": "Cookie 太多，请清除本站的 Cookie 后重试。 / Too many cookies. Delete this site's, then try again.",
    "host": "Host 请求头无法识别。 / The Host header names no host.",
    "path": "没有这个地址。 / There is nothing here.",
}


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
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return  # what came of it is not the whole
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > BODY_LIMIT:
                await _TOO_LARGE(scope, receive, send)
                return
        whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)


_TOO_LARGE = PlainTextResponse("内容太大。 / That is too large.\n", 413)
