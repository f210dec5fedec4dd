"""Cookies that somebody planted: over https none is kept that our own host did not set."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.desk_site import PASSWORD, DeskSite, csrf_on
from support.services import MovableClock

from bot.stores.sql.database import Database
from bot.stores.sql.schema import metadata

HTTPS, HTTP = "https://desk.test", "http://desk.test"


@pytest.fixture
def desk_site(tmp_path: Path, clock: MovableClock) -> Iterator[DeskSite]:
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    metadata.create_all(database.engine)
    desk_site = DeskSite(database, clock)
    asyncio.run(desk_site.add_staff("mei"))
    yield desk_site
    database.close()


def browser(desk_site: DeskSite, site: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(desk_site.site)
    return httpx.AsyncClient(transport=transport, base_url=site, headers={"origin": site, "accept-language": "en"})


async def entered(desk_site: DeskSite, site: str) -> tuple[httpx.AsyncClient, list[str]]:
    who = browser(desk_site, site)
    answer = await who.post("/login", data={"login": "mei", "password": PASSWORD})
    assert answer.status_code == 303
    return who, answer.headers.get_list("set-cookie")


def test_over_https_every_cookie_can_only_be_set_by_our_own_host(desk_site: DeskSite) -> None:
    async def story() -> None:
        who, cookies = await entered(desk_site, HTTPS)
        cookies += (await who.post("/language", data={"language": "zh"})).headers.get_list("set-cookie")
        names = {one.partition("=")[0] for one in cookies}
        assert names == {"__Host-yingda_session", "__Host-yingda_known", "__Host-yingda_language"}
        for cookie in cookies:
            marks = set(cookie.split("; ")[1:])
            assert {"Secure", "HttpOnly", "Path=/", "SameSite=strict"} <= marks
            assert not any(mark.startswith("Domain") for mark in marks)
        assert (await who.get("/desk")).status_code == 200
        assert "登录" in (await who.get("/login")).text

    asyncio.run(story())


def test_over_https_a_cookie_without_the_host_prefix_is_ignored(desk_site: DeskSite) -> None:
    """A good session of somebody else's, and a language, under the names that any neighbour can set."""

    async def story() -> None:
        other, _ = await entered(desk_site, HTTP)
        planted = browser(desk_site, HTTPS)
        planted.cookies.set("yingda_session", other.cookies["yingda_session"])
        planted.cookies.set("yingda_language", "zh")
        assert (await planted.get("/desk")).headers["location"] == "/login?next=/desk"
        assert "Log in" in (await planted.get("/login")).text

    asyncio.run(story())


def test_over_http_cookies_have_no_host_prefix(desk_site: DeskSite) -> None:
    _, cookies = asyncio.run(entered(desk_site, HTTP))
    assert {one.partition("=")[0] for one in cookies} == {"yingda_session", "yingda_known"}


@pytest.mark.parametrize("site", [HTTPS, HTTP])
def test_logging_out_deletes_the_session_cookie(desk_site: DeskSite, site: str) -> None:
    async def story() -> None:
        who, _ = await entered(desk_site, site)
        left = await who.post("/logout", data={"csrf": csrf_on((await who.get("/desk")).text)})
        assert left.headers["clear-site-data"] == '"storage"'
        assert 'yingda_session=""' in left.headers["set-cookie"]
        assert "Max-Age=0" in left.headers["set-cookie"]
        assert not [name for name in who.cookies if "session" in name]

    asyncio.run(story())


def test_a_new_login_in_the_same_browser_ends_the_session_before_it(desk_site: DeskSite) -> None:
    async def story() -> None:
        who, _ = await entered(desk_site, HTTPS)
        old = who.cookies["__Host-yingda_session"]
        assert (await who.post("/login", data={"login": "mei", "password": PASSWORD})).status_code == 303
        assert await desk_site.directory.find_session(old) is None
        assert await desk_site.directory.find_session(who.cookies["__Host-yingda_session"]) is not None

    asyncio.run(story())
