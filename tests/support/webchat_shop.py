"""A brand with web chats on a real server, its visitors' browsers over HTTP, and a person at the desk.

The server is a worker as `yingda run` starts it, in a thread: journey, delivery, sweeper and streams run with it on
the machine's clock. It can be stopped without warning and started again on the same port.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import httpx
import uvicorn
from support.fast_setup import QUICK, tables
from support.running_product import ALWAYS_OPEN, eventually
from support.shop import NOBODY, deployment_in

from bot.app.parts import assemble
from bot.app.site import create_app
from bot.config import Deployment
from bot.domain.cases import AgentReply, CaseLine, CaseView, Role, StaffMember
from bot.domain.messages import OutboxState
from bot.members.verification import RecordingSender
from bot.process.sockets import free_port
from bot.stores.redis.client import RedisClient
from bot.stores.sql.case_queries import SqlCaseQueries
from bot.stores.sql.cases import SqlCases
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlEditions
from bot.stores.sql.staff import SqlStaff
from bot.text import new_id
from bot.web.server import settings

T = TypeVar("T")
SHOP: dict[str, Any] = {
    "name": "shop",
    "channel": "webchat",
    "label": "Shop",
    "origins": ["https://www.brand.example"],
    "title": {"zh": "云杉茶客服", "en": "Yunshan Tea"},
    "questions": {"zh": ["怎么退货？"], "en": ["How do I return something?"]},
}


def settled(work: Coroutine[Any, Any, T]) -> T:
    """Run in another thread: a browser's driver may already run a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class Chats:
    """The running brand. `texts` are the text messages that left."""

    def __init__(self, folder: Path, edition: tuple[str, bytes], redis_url: str = NOBODY, **changes: Any) -> None:
        changes = {"accounts": [SHOP], "desk": {"hours": ALWAYS_OPEN}, **changes}
        self.deployment: Deployment = deployment_in(folder, **changes)
        self.texts = RecordingSender()
        self._url = f"sqlite:///{folder / 'record.sqlite'}"
        self._redis_url = redis_url
        self.database = Database(self._url)
        tables(self.database.engine)
        settled(SqlEditions(self.database).publish(*edition, "tests", 0))
        self._port = free_port()
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        own = Database(self._url)
        self._application = create_app(assemble(self.deployment, own, RedisClient(self._redis_url), sender=self.texts))
        config = settings(self._application, self.deployment.config.listen.trusted_proxies)
        config.timeout_graceful_shutdown = 1
        self._server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", self._port))
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._thread.start()
        eventually(lambda: self._server.started, "the server is up", 30)

    def streams(self) -> int:
        """How many answers the server has begun and not ended; while nothing else is asked, the visitors' streams."""
        cycles = [getattr(one, "cycle", None) for one in list(self._server.server_state.connections)]
        return len([cycle for cycle in cycles if cycle is not None and not cycle.response_complete])

    def stop(self) -> None:
        """At once: connections are cut."""
        self._server.force_exit = True
        self._server.should_exit = True
        self._thread.join(30)

    def close(self) -> None:
        self.stop()
        self.database.close()

    # The desk

    def agent(self, name: str) -> StaffMember:
        return settled(SqlStaff(self.database, 12, QUICK).add(name, name.title(), Role.AGENT, "a long password"))

    def cases(self) -> list[CaseLine]:
        return settled(SqlCaseQueries(self.database).lines())

    def case(self) -> CaseLine:
        """The one open case, once there is one."""
        (line,) = eventually(self.cases, "a case is open", 20)
        return line

    def view(self, case_id: str) -> CaseView:
        view = settled(SqlCaseQueries(self.database).case(case_id))
        assert view is not None
        return view

    def claims(self, agent: StaffMember, case: CaseLine) -> None:
        settled(SqlCases(self.database).claim(case.id, agent))

    def replies(self, agent: StaffMember, case: CaseLine, text: str) -> None:
        reply = AgentReply(text, (text,), new_id(), OutboxState.PENDING)
        settled(SqlCases(self.database).reply(case.id, agent, reply))

    def notes(self, agent: StaffMember, case: CaseLine, text: str) -> None:
        settled(SqlCases(self.database).note(case.id, agent, text))

    def resolves(self, agent: StaffMember, case: CaseLine) -> None:
        settled(SqlCases(self.database).resolve(case.id, agent))


@contextmanager
def chatting(folder: Path, edition: tuple[str, bytes], **changes: Any) -> Iterator[Chats]:
    chats = Chats(folder, edition, **changes)
    try:
        yield chats
    finally:
        chats.close()


@dataclass(frozen=True, slots=True)
class Event:
    kind: str
    id: str
    data: dict[str, Any]


class Home(Protocol):
    """Where Yingda is."""

    @property
    def address(self) -> str: ...


@dataclass(frozen=True, slots=True)
class At:
    address: str


@dataclass
class Visitor:
    """A browser on a site that embeds the widget. token: '' is somebody who never came before. where: their address,
    as the proxy tells it."""

    home: Home
    account: str = "shop"
    origin: str = "https://www.brand.example"
    token: str = ""
    more: Mapping[str, str] = field(default_factory=dict)
    where: str = field(default_factory=lambda: f"198.18.{secrets.randbelow(256)}.{secrets.randbelow(256)}")

    def headers(self) -> dict[str, str]:
        headers = {"origin": self.origin, "x-forwarded-for": self.where, **self.more}
        return headers | ({"authorization": f"Bearer {self.token}"} if self.token else {})

    @property
    def url(self) -> str:
        return f"{self.home.address}/webchat/{self.account}"

    def arrives(self, language: str = "zh") -> dict[str, Any]:
        answer = self.asks_in(language)
        told: dict[str, Any] = answer.raise_for_status().json()
        self.token = told["token"]
        return told

    def asks_in(self, language: str = "zh") -> httpx.Response:
        return httpx.post(
            f"{self.url}/visitor?language={language}", headers=self.headers(), trust_env=False, timeout=20
        )

    def gets_a_token(self) -> None:
        """On our own page the browser is given a cookie."""
        cookie = self.asks_in().raise_for_status().headers["set-cookie"].partition(";")[0]
        self.more = {**self.more, "cookie": cookie}

    def says(self, text: str, key: str = "") -> httpx.Response:
        return self.posts(json.dumps({"id": key or new_id(), "text": text}).encode())

    def posts(self, body: bytes, **headers: str) -> httpx.Response:
        told = {"content-type": "application/json", **self.headers(), **headers}
        return httpx.post(self.url, content=body, headers=told, trust_env=False, timeout=20)

    def listens(self, after: str = "", patience: float = 20) -> Generator[Event, None, None]:
        """The stream's events as they come; ends when the server ends it, fails when it says nothing for long."""
        headers = self.headers() | ({"last-event-id": after} if after else {})
        with httpx.stream("GET", f"{self.url}/events", headers=headers, trust_env=False, timeout=patience) as stream:
            assert stream.status_code == 200, stream.status_code
            yield from _events(stream.iter_lines())

    def reads(self, *wanted: str, after: str = "", patience: float = 20) -> list[dict[str, Any]]:
        """The lines until the last `wanted` text (or a part of it) has come."""
        waiting = list(wanted)
        lines: list[dict[str, Any]] = []
        until = time.monotonic() + patience
        for event in self.listens(after, patience):
            if event.kind == "line":
                lines.append(event.data)
                if waiting and waiting[0] in event.data["text"]:
                    waiting.pop(0)
            if not waiting:
                return lines
            assert time.monotonic() < until, f"still waiting for {waiting}"
        raise AssertionError(f"the stream ended before {waiting}")


def _events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            yield Event("ping", "", {})
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield Event(fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"]))
            fields = {}


def in_background(work: Callable[[], T]) -> Callable[[], T]:
    """Start `work` in a thread; call what comes back for its result."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)

    def result() -> T:
        try:
            return future.result(60)
        finally:
            pool.shutdown(wait=False)

    return result


def texts(lines: list[dict[str, Any]]) -> list[str]:
    return [line["text"] for line in lines]
