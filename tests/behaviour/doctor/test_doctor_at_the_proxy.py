"""The doctor at the public address: what a proxy changes on the way is found from outside, and told on the page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.desk_site import PASSWORD, DeskSite
from support.services import MovableClock

from bot.doctor import Finding, Grade, checks, public_address
from bot.stores.sql.database import Database
from bot.stores.sql.schema import metadata
from bot.web.app import Dispatcher
from bot.web.health import HealthEndpoints
from bot.web.middleware import OuterMiddleware

PUBLIC = "https://bot.brand.example"
Scope = MutableMapping[str, Any]


@pytest.fixture
def desk_site(tmp_path: Path, clock: MovableClock) -> Iterator[DeskSite]:
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    with database.engine.begin() as connection:
        metadata.create_all(connection)
    yield DeskSite(database, clock)
    database.close()


class Proxy:
    """What a visitor reaches: a proxy on our machine that ends TLS and hands on what `change` leaves of a request."""

    def __init__(
        self, desk_site: DeskSite, change: Callable[[Scope, dict[bytes, bytes]], None], prefix: str = ""
    ) -> None:
        async def answers() -> object:
            return None

        self._app = OuterMiddleware(Dispatcher((HealthEndpoints(answers, lambda: 1),), desk_site.site), prefix)
        self._change = change

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        inside = {**scope, "client": ("127.0.0.1", 40_000), "scheme": "http"}
        self._change(inside, headers)
        inside["headers"] = list(headers.items())
        await self._app(inside, receive, send)

    def client(self, public: str = PUBLIC) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self), base_url=public)

    def found(self, public: str = PUBLIC, prefix: str = "") -> list[Finding]:
        async def story() -> list[Finding]:
            async with self.client(public) as http:
                return [finding async for finding in public_address.proxy(http, public, prefix)]

        return asyncio.run(story())


def good(scope: Scope, headers: dict[bytes, bytes]) -> None:
    scope["scheme"] = "https"  # as the server takes it from X-Forwarded-Proto
    headers[b"x-forwarded-proto"] = b"https"


def rewriting_host(scope: Scope, headers: dict[bytes, bytes]) -> None:
    good(scope, headers)
    headers[b"host"] = b"127.0.0.1:8080"


def folding_the_port(scope: Scope, headers: dict[bytes, bytes]) -> None:
    good(scope, headers)
    headers[b"host"] = headers[b"host"].partition(b":")[0]


def adding_a_default_port(scope: Scope, headers: dict[bytes, bytes]) -> None:
    good(scope, headers)
    headers[b"host"] += b":443"


def silent(scope: Scope, headers: dict[bytes, bytes]) -> None:
    headers[b"host"] = b"localhost:8080"


def failures(found: list[Finding]) -> str:
    return "\n".join(finding.what.text("en") for finding in found if finding.grade is not Grade.OK)


def test_a_correct_proxy_has_no_findings(desk_site: DeskSite) -> None:
    for change in (good, adding_a_default_port):
        found = Proxy(desk_site, change).found()
        assert failures(found) == ""
        assert len(found) == 4


@pytest.mark.parametrize("change", [rewriting_host, folding_the_port])
def test_a_proxy_that_changes_the_host_is_reported_and_the_login_page_names_the_header(
    desk_site: DeskSite, change: Callable[[Scope, dict[bytes, bytes]], None]
) -> None:
    public = f"{PUBLIC}:8443"
    behind = Proxy(desk_site, change)
    assert f"logging in at {public} is not possible: the proxy changes the Host header" in failures(
        behind.found(public)
    )

    async def tried(language: str) -> str:
        await asyncio.sleep(0)
        async with behind.client(public) as http:
            form = {"login": "mei", "password": PASSWORD}
            answer = await http.post("/login", data=form, headers={"origin": public, "accept-language": language})
        assert answer.status_code == 403
        return answer.text

    for language, said in (("en", "proxy_set_header Host $http_host"), ("zh", "反向代理原样转发 Host")):
        page = asyncio.run(tried(language))
        assert said in page
        assert f"Origin is {public}" in page or f"Origin 是 {public}" in page
        assert "127.0.0.1:8080" in page or "bot.brand.example" in page


def test_metrics_that_a_proxy_publishes_are_a_failure(desk_site: DeskSite) -> None:
    said = failures(Proxy(desk_site, silent).found())
    assert f"anyone can read {PUBLIC}/metrics" in said
    assert "is not possible: the proxy changes" in said


def test_a_proxy_that_does_not_forward_https_is_reported(desk_site: DeskSite) -> None:
    assert "does not say that" in failures(Proxy(desk_site, lambda _scope, _headers: None).found())


def test_a_different_prefix_is_reported(desk_site: DeskSite) -> None:
    said = failures(Proxy(desk_site, good, "/yingda").found(f"{PUBLIC}/yingda", ""))
    assert said == f"the path of {PUBLIC}/yingda is /yingda, and listen.prefix is empty"
    assert failures(Proxy(desk_site, good, "/yingda").found(f"{PUBLIC}/yingda", "/yingda")) == ""


def test_an_unpatched_python_is_a_warning() -> None:
    assert [finding.grade for finding in checks.python((3, 11, 9))] == [Grade.WARN]
    assert checks.python((3, 12, 5))[0].hint.text("en") == "install 3.12.6 or later"
    assert checks.python((3, 11, 10)) == checks.python((3, 12, 6)) == checks.python((3, 13, 0)) == []
