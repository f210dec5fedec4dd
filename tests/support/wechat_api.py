"""A small api.weixin.qq.com on loopback with answers that tests choose, and a token cache in memory."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

OK = {"errcode": 0, "errmsg": "ok"}
HANG_UP = 0  # instead of a status: close the connection without an answer


@dataclass(frozen=True, slots=True)
class Answer:
    content: Any = field(default_factory=lambda: OK)
    status: int = 200
    after: float = 0.0

    @property
    def body(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


@dataclass(frozen=True, slots=True)
class Call:
    path: str
    query: dict[str, list[str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Tencent:
    """Answers sends from `sends` (then OK) and token calls from `tokens` (then token-1, token-2, ...).

    rejected: tokens whose sends are answered with this errcode instead.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.sends: deque[Answer] = deque()
        self.tokens: deque[Answer] = deque()
        self.rejected: dict[str, int] = {}
        self.calls: list[Call] = []
        self._lock = threading.Lock()

    def called(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.path.endswith(path)]

    def answer(self, call: Call) -> Answer:
        with self._lock:
            self.calls.append(call)
            if call.path == "/cgi-bin/stable_token":
                return self.tokens.popleft() if self.tokens else self._next_token()
            if code := self.rejected.get(call.query["access_token"][0]):
                return Answer({"errcode": code})
            return self.sends.popleft() if self.sends else Answer()

    def _next_token(self) -> Answer:
        return Answer({"access_token": f"token-{len(self.called('/stable_token'))}", "expires_in": 7200})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tencent: ClassVar[Tencent]

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = self.tencent.answer(Call(address.path, parse_qs(address.query), body))
        time.sleep(answer.after)
        if answer.status == HANG_UP:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Quiet: pytest's output is for pytest."""


@contextmanager
def tencent() -> Iterator[Tencent]:
    class Handler(_Handler):
        """One class per server, because http.server makes the instances itself."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.tencent = Tencent(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Handler.tencent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class MemoryTokenCache:
    """TokenCache in memory, which several clients share. gone: Redis is away, and nothing is kept."""

    def __init__(self, *, gone: bool = False) -> None:
        self.kept: dict[str, tuple[str, float]] = {}
        self.gone = gone

    async def get(self, name: str) -> tuple[str, float] | None:
        return None if self.gone else self.kept.get(name)

    async def put(self, name: str, token: str, until: float) -> None:
        self.kept[name] = (token, until)

    async def drop(self, name: str, token: str) -> None:
        if self.kept.get(name, ("", 0.0))[0] == token:
            del self.kept[name]
