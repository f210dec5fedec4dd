"""Every route there is, for every role, token and origin: allowed exactly where declared, and never a 500."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from support.routes import HOST, OWN, Answer, InProcessApp, Route, opened, other_routes, staff_routes
from support.services import postgres_schema

from bot.domain.cases import Role
from bot.stores.sql.database import Database

ORIGINS = {"own": OWN, "foreign": "https://evil.test", "malformed": "http://[", "null": "null", "absent": ""}
TOKENS = ("right", "wrong", "missing")
SITE = "https://www.brand.example"
ODD_NAMES = ("%00", "%ED%A0%80", "%E2%80%AE", "%0d%0a", "..%2f..", "%F4%90%80%80", "a" * 6_000, "%2f%2fevil.test")
ODD_TEXTS = ("a\x00b", "\ud800", "\u202e", "9" * 5_000, "[", "//[", "\u0665", "x" * 20_000)
ODD_HEADERS = (
    {"host": "["},
    {"host": "desk.test:99999999999999999999"},
    {"host": "desk.test:\xb2"},
    {"host": "a" * 5_000},
    {"origin": "http://desk.test:99999999999"},
    {"origin": "http://[::1"},
    {"referer": "http://[", "sec-fetch-site": "\xff"},
    {"cookie": "yingda_session=\\" + "\\" * 3_000},
    {"accept-language": "zh;q=1e999," * 200},
    {"content-length": "9" * 5_000},
    {"last-event-id": "9" * 5_000},
    {"authorization": "Bearer " + "v1." * 2_000},
    {"content-type": "application/x-www-form-urlencoded; charset=\xff"},
)


class Running:
    """The application and the loop that it lives on. run: a story told to it, with everybody logged in."""

    def __init__(self, folder: Path, url: str, edition: tuple[str, bytes]) -> None:
        self._runner = asyncio.Runner()
        self._database = Database(url)
        self.app = self._runner.run(opened(folder, self._database, edition))

    def run(self, story: Callable[[InProcessApp], Coroutine[Any, Any, None]]) -> None:
        self._runner.run(story(self.app))

    def close(self) -> None:
        self._runner.run(self.app.stop())
        self._database.close()
        self._runner.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("routes")
    started = Running(folder, f"sqlite:///{folder / 'record.sqlite'}", shipped_edition)
    yield started
    started.close()


def headers_of(app: InProcessApp, role: Role | None, token: str, origin: str) -> dict[str, str]:
    cookie, csrf = app.sessions[role] if role else ("", "")
    sent = {"host": HOST, "content-type": "application/json"}
    sent |= {"cookie": cookie} if cookie else {}
    sent |= {"origin": origin} if origin else {}
    return sent | {"right": {"x-csrf-token": csrf}, "wrong": {"x-csrf-token": "guess"}, "missing": {}}[token]


def allowed(route: Route, role: Role | None, token: str, origin: str) -> bool:
    """What a route's declaration says."""
    if route.roles and role not in route.roles:
        return False
    if not route.changes:
        return True
    return origin == "own" and (token == "right" or not route.roles)


def combinations(routes: list[Route]) -> Iterator[tuple[Route, Role | None, str, str]]:
    """Logging out comes last: it ends the session that asks."""
    for route in sorted(routes, key=lambda one: one.path == "/logout"):
        tokens = TOKENS if route.changes else ("right",)
        yield from itertools.product((route,), (None, *Role), reversed(tokens), reversed(ORIGINS))


def test_every_route_is_open_exactly_to_those_it_declares(running: Running) -> None:
    wrong: list[tuple[str, ...]] = []

    async def story(app: InProcessApp) -> None:
        routes = list(staff_routes(app.site))
        assert len(routes) > 20
        for route, role, token, origin in combinations(routes):
            sent = headers_of(app, role, token, ORIGINS[origin])
            answer = await app.asks(route.method, route.address(), sent, b"{}" if route.changes else b"")
            let_in = not (answer.denied or answer.status == 403) if route.roles else answer.status != 403
            if answer.status >= 500 or let_in != allowed(route, role, token, origin):
                wrong.append((route.method, route.path, str(role), token, origin, str(answer.status)))

    running.run(InProcessApp.everybody_logs_in)
    running.run(story)
    assert wrong == []


def test_platforms_visitors_and_machines_are_answered_whatever_origin_they_claim(running: Running) -> None:
    async def story(app: InProcessApp) -> None:
        for route, (name, origin) in itertools.product(other_routes(), ORIGINS.items()):
            sent = headers_of(app, None, "missing", origin)
            answer = await app.asks(route.method, route.address(), sent, b"{}" if route.changes else b"")
            assert answer.status < 500, (route, name, answer)
            if route.path.startswith("/webchat/shop"):
                assert (answer.status == 403 and b'"origin"' in answer.body) == (name not in ("own", "absent")), route
        embedded = headers_of(app, None, "missing", SITE)
        assert (await app.asks("POST", "/webchat/shop/visitor", embedded)).status == 200

    running.run(story)


def test_no_route_fails_on_odd_names_texts_or_headers(running: Running) -> None:
    running.run(InProcessApp.everybody_logs_in)
    running.run(partial(answers_all, texts=ODD_TEXTS, headers=ODD_HEADERS))


@pytest.mark.postgres
def test_no_route_fails_on_what_postgresql_cannot_carry(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> None:
    with contextmanager(postgres_schema)() as url:
        running = Running(tmp_path, url, shipped_edition)
        try:
            running.run(InProcessApp.everybody_logs_in)
            running.run(partial(answers_all, texts=("a\x00b", "\ud800"), headers=()))
        finally:
            running.close()


async def answers_all(app: InProcessApp, texts: Sequence[str], headers: Sequence[Mapping[str, str]]) -> None:
    routes = [*staff_routes(app.site), *other_routes()]
    for route in sorted(routes, key=lambda one: one.path == "/logout"):
        sent = headers_of(app, Role.ADMIN if route.roles else None, "right", OWN)
        for path, more, body in odd_requests(route, texts, headers):
            answer = await app.asks(route.method, path, {**sent, **more}, body)
            assert answer.status < 500, (route, path[:100], more, answer)


def odd_requests(
    route: Route, texts: Sequence[str], headers: Sequence[Mapping[str, str]]
) -> Iterator[tuple[str, Mapping[str, str], bytes]]:
    """Path, headers and body of each."""
    if "{" in route.path:
        yield from ((route.address(name), {}, b"{}") for name in ODD_NAMES)
    yield from ((route.address(), odd, b"{}") for odd in headers)
    for text in texts:
        query = urlencode(dict.fromkeys(NAMES, text), errors="replace")
        yield f"{route.address()}?{query}", {}, b"{}"
        if route.changes and route.path != "/logout":
            yield from ((route.address(), {"content-type": kind}, body) for body, kind in bodies(text))


NAMES = ("next", "language", "v", "timestamp", "nonce", "signature", "msg_signature", "echostr", "crc_token")
FIELDS = ("text", "key", "conversation", "message", "entry", "id", "login", "password", "goes", "language", "new")


def bodies(text: str) -> list[tuple[bytes, str]]:
    forms = urlencode(dict.fromkeys(FIELDS, text), errors="surrogatepass").encode()
    some = [{name: text} for name in FIELDS[:5]] + [{"text": "hello", "key": "k" * 8 + text[:20], "conversation": text}]
    return [
        *((json.dumps(one).encode(), "application/json") for one in some),
        (forms, "application/x-www-form-urlencoded"),
        (text.encode(errors="surrogatepass"), "text/xml"),
    ]


@pytest.mark.parametrize("path", ["/login?next=//[", "/login?next=http://[", "/login?next=/\\[", "/desk/"])
def test_no_request_causes_a_redirect_to_another_site(running: Running, path: str) -> None:
    async def story(app: InProcessApp) -> None:
        answer: Answer = await app.asks("GET", path, {"host": "evil.test"})
        assert answer.status in (200, 303)
        assert "evil.test" not in answer.headers.get("location", "")
        if path != "/desk/":
            assert b'name="goes" value="/desk"' in answer.body

    running.run(story)
