"""Every route of the application, taken from the application itself, and a way to call it in this process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Mount
from support.shop import NOBODY, deployment_in

from bot.app.parts import Yingda, assemble
from bot.app.site import create_app, site_parts
from bot.domain.cases import Role
from bot.members.verification import RecordingSender
from bot.stores.redis.client import RedisClient
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlEditions
from bot.stores.sql.migrate import migrate
from bot.stores.sql.staff import SqlStaff
from bot.web.app import create_site
from bot.web.health import PATHS
from bot.web.middleware import OuterMiddleware
from bot.web.webchat.app import METHODS

HOST = "desk.test"
OWN = f"http://{HOST}"
PASSWORD = "a long password of nobody"
ACCOUNTS = (
    {
        "name": "demo",
        "channel": "wechat",
        "app_id": "wx0000demo00000000",
        "app_secret": "demo-app-secret",
        "token": "demoToken",
        "encoding_aes_key": "demoKeyOfTheSimulatorNeverForARealAccount00",
        "mode": "safe",
        "api": "none",
    },
    {
        "name": "brand-x",
        "channel": "twitter",
        "user_id": "1600000000000000001",
        "consumer_key": "demo-consumer-key",
        "consumer_secret": "demo-consumer-secret",
        "access_token": "1600000000000000001-demo-access-token",
        "access_token_secret": "demo-access-token-secret",
        "api_url": "http://127.0.0.1:9/x",
        "poll_seconds": {"mentions": 0, "messages": 0},
    },
    {"name": "shop", "channel": "webchat", "origins": ["https://www.brand.example"]},
)


@dataclass(frozen=True, slots=True)
class Route:
    """roles: who may; none means that no login is needed."""

    method: str
    path: str
    roles: frozenset[Role]

    @property
    def changes(self) -> bool:
        return self.method not in ("GET", "HEAD", "OPTIONS")

    def address(self, named: str = "c1") -> str:
        """The path with `named` for whatever it leaves open."""
        return re.sub(r"\{[^}]+\}", lambda _: named, self.path)


def staff_routes(site: FastAPI) -> Iterator[Route]:
    """Each route with the roles that its guard declares. Fails for a route without exactly one guard."""
    for route in _flat(site.routes):
        if isinstance(route, Mount):
            assert route.path == "/static", f"{route.path}: what is mounted there declares no roles"
            continue
        assert isinstance(route, APIRoute), f"{route} declares no roles"
        guards = [one.call for one in route.dependant.dependencies if hasattr(one.call, "roles")]
        assert len(guards) == 1, f"{route.path} has {len(guards)} guards, and needs one: Only(...) or Anybody()"
        for method in sorted(route.methods or ()):
            yield Route(method, route.path, frozenset(guards[0].roles))  # type: ignore[union-attr]


def _flat(routes: Any) -> Iterator[Any]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        yield from _flat(inner.routes) if inner is not None else (route,)


def other_routes() -> Iterator[Route]:
    """Those of platforms, visitors and machines, which know no roles."""
    for account in ACCOUNTS[:2]:
        for method in ("GET", "POST", "PUT"):
            yield Route(method, f"/{account['channel']}/{account['name']}", frozenset())
    for what, method in METHODS.items():
        yield Route(method, f"/webchat/shop/{what}".rstrip("/"), frozenset())
        yield Route("OPTIONS", f"/webchat/shop/{what}".rstrip("/"), frozenset())
    for path in ("/webchat/widget.js", "/chat", "/chat/shop", *PATHS):
        for method in ("GET", "POST"):
            yield Route(method, path, frozenset())


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: bytes

    @property
    def denied(self) -> bool:
        """Whether a guard refused, and not what stands behind it."""
        if self.status == 401 or (self.status == 303 and "/login?next" in self.headers.get("location", "")):
            return True
        codes = (b'"code":"role"', b'"code":"csrf"', b'"code":"origin"', b'"code":"login"')
        return self.status == 403 and (b"<html" in self.body or any(code in self.body for code in codes))


@dataclass
class InProcessApp:
    """The whole application of one worker, called without a network."""

    yingda: Yingda
    application: OuterMiddleware
    site: FastAPI
    sessions: dict[Role, tuple[str, str]] = field(default_factory=dict)
    _told: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    async def start(self) -> None:
        """Start as a server does, with the background tasks."""
        begun = asyncio.Event()

        async def send(message: MutableMapping[str, Any]) -> None:
            assert message["type"].endswith("complete"), message
            begun.set()

        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._living = asyncio.ensure_future(self.application(scope, self._told.get, send))
        self._told.put_nowait({"type": "lifespan.startup"})
        await begun.wait()

    async def stop(self) -> None:
        self._told.put_nowait({"type": "lifespan.shutdown"})
        await self._living

    async def asks(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """One request; a stream is left after its headers."""
        raw, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(raw),
            "raw_path": raw.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": ("198.51.100.7", 5000),
            "server": (HOST, 80),
            "state": {},
        }
        heard: list[MutableMapping[str, Any]] = []
        enough = asyncio.Event()
        asked = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return asked.pop() if asked else {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            heard.append(message)
            kind = dict(message.get("headers", ())).get(b"content-type", b"")
            if kind.startswith(b"text/event-stream"):
                enough.set()

        answering = asyncio.ensure_future(self.application(scope, receive, send))
        waiting = asyncio.ensure_future(enough.wait())
        await asyncio.wait({answering, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        for task in (answering, waiting):
            task.cancel()
        problems = await asyncio.gather(answering, waiting, return_exceptions=True)
        assert [one for one in problems if isinstance(one, Exception)] == []
        assert heard, f"{method} {path[:100]}: no answer"
        start = heard[0]
        pairs = [(name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"]]
        cookies = tuple(value for name, value in pairs if name == "set-cookie")
        return Answer(start["status"], dict(pairs), cookies, b"".join(one.get("body", b"") for one in heard[1:]))

    async def everybody_logs_in(self) -> None:
        """Log in with every role, also those that have logged out meanwhile."""
        for role in Role:
            await self.log_in(SqlStaff(self.yingda.database, 12), role)

    async def log_in(self, staff: SqlStaff, role: Role) -> None:
        """A member of staff with this role logs in."""
        login = f"{role.value}-person"
        if login not in {member.login for member in await staff.active_staff()}:
            await staff.add(login, login, role, PASSWORD)
        form = urlencode({"login": login, "password": PASSWORD}).encode()
        headers = {"host": HOST, "origin": OWN, "content-type": "application/x-www-form-urlencoded"}
        answer = await self.asks("POST", "/login", headers, form)
        assert answer.status == 303, answer
        given = SimpleCookie()
        for cookie in answer.cookies:
            given.load(cookie)
        (morsel,) = [one for name, one in given.items() if name.endswith("yingda_session")]
        session = await staff.find_session(morsel.value)
        assert session is not None
        self.sessions[role] = (f"{morsel.key}={morsel.value}", session.csrf)


async def opened(folder: Path, database: Database, edition: tuple[str, bytes]) -> InProcessApp:
    migrate(database.engine)
    await SqlEditions(database).publish(*edition, "tests", 0)
    deployment = deployment_in(folder, accounts=list(ACCOUNTS))
    yingda = assemble(deployment, database, RedisClient(NOBODY), sender=RecordingSender())
    app = InProcessApp(yingda, create_app(yingda), create_site(site_parts(yingda)))
    await app.start()
    return app
