"""Cookies that somebody planted: over https none is kept that our own host did not set."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from front import PASSWORD, Front, csrf_on
from ground import MovableClock

from bot.stores.record.database import Database
from bot.stores.record.tables import metadata

HTTPS, HTTP = "https://desk.test", "http://desk.test"


@pytest.fixture
def front(tmp_path: Path, clock: MovableClock) -> Iterator[Front]:
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    metadata.create_all(database.engine)
    front = Front(database, clock)
    asyncio.run(front.hire("mei"))
    yield front
    database.close()


def browser(front: Front, site: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(front.site)
    return httpx.AsyncClient(transport=transport, base_url=site, headers={"origin": site, "accept-language": "en"})


async def entered(front: Front, site: str) -> tuple[httpx.AsyncClient, list[str]]:
    who = browser(front, site)
    answer = await who.post("/login", data={"login": "mei", "password": PASSWORD})
    assert answer.status_code == 303
    return who, answer.headers.get_list("set-cookie")


def test_over_https_every_cookie_can_only_be_set_by_our_own_host(front: Front) -> None:
    async def story() -> None:
        who, cookies = await entered(front, HTTPS)
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


def test_over_https_a_planted_cookie_is_nobodys(front: Front) -> None:
    """A good session of somebody else's, and a language, under the names that any neighbour can set."""

    async def story() -> None:
        other, _ = await entered(front, HTTP)
        planted = browser(front, HTTPS)
        planted.cookies.set("yingda_session", other.cookies["yingda_session"])
        planted.cookies.set("yingda_language", "zh")
        assert (await planted.get("/desk")).headers["location"] == "/login?next=/desk"
        assert "Log in" in (await planted.get("/login")).text

    asyncio.run(story())


def test_over_http_the_names_are_plain(front: Front) -> None:
    _, cookies = asyncio.run(entered(front, HTTP))
    assert {one.partition("=")[0] for one in cookies} == {"yingda_session", "yingda_known"}


@pytest.mark.parametrize("site", [HTTPS, HTTP])
def test_logging_out_takes_the_session_out_of_the_browser(front: Front, site: str) -> None:
    async def story() -> None:
        who, _ = await entered(front, site)
        left = await who.post("/logout", data={"csrf": csrf_on((await who.get("/desk")).text)})
        assert left.headers["clear-site-data"] == '"storage"'
        assert 'yingda_session=""' in left.headers["set-cookie"]
        assert "Max-Age=0" in left.headers["set-cookie"]
        assert not [name for name in who.cookies if "session" in name]

    asyncio.run(story())


def test_a_new_login_in_the_same_browser_ends_the_session_before_it(front: Front) -> None:
    async def story() -> None:
        who, _ = await entered(front, HTTPS)
        old = who.cookies["__Host-yingda_session"]
        assert (await who.post("/login", data={"login": "mei", "password": PASSWORD})).status_code == 303
        assert await front.room.by_session(old) is None
        assert await front.room.by_session(who.cookies["__Host-yingda_session"]) is not None

    asyncio.run(story())
