"""Guesses at a password: slowed down however they are written and wherever they come from, and never at the owner's
cost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.desk_site import ORIGIN, PASSWORD, DeskSite
from support.services import MovableClock

from bot.stores.sql.database import Database
from bot.stores.sql.schema import metadata
from bot.web.login import KNOWN_DAYS

OWN, STRANGE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def desk_site(tmp_path: Path, clock: MovableClock) -> Iterator[DeskSite]:
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    metadata.create_all(database.engine)
    desk_site = DeskSite(database, clock)
    asyncio.run(desk_site.add_staff("mei"))
    yield desk_site
    database.close()


def browser(desk_site: DeskSite, address: str = STRANGE) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(desk_site.site, client=(address, 50_000))
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN})


async def tries(who: httpx.AsyncClient, login: str, password: str = "a guess") -> int:
    return (await who.post("/login", data={"login": login, "password": password})).status_code


async def guessed(desk_site: DeskSite, logins: list[str], addresses: list[str] | None = None) -> list[int]:
    places = addresses or [f"198.51.100.{number}" for number in range(len(logins))]
    return [await tries(browser(desk_site, place), login) for login, place in zip(logins, places, strict=True)]


WRITTEN = [
    "mei",
    " mei",
    "mei ",
    "MEI",
    "Mei",
    "ｍｅｉ",
    "m\u200bei",
    "me\ufeffi",
    "mei\ufe0f",
    "\u3000mei",
    "m\u00adei",
]


def test_another_spelling_of_a_login_gives_no_further_tries(desk_site: DeskSite) -> None:
    answers = asyncio.run(guessed(desk_site, WRITTEN))
    assert answers == [401] * 5 + [429] * (len(WRITTEN) - 5)


@pytest.mark.parametrize(
    "addresses",
    [
        [f"2001:db8:1:2::{number:x}" for number in range(22)],
        [f"2001:db8:1:2:{number:x}::1" for number in range(22)],
        ["203.0.113.7", "::ffff:203.0.113.7"] * 11,
    ],
)
def test_the_addresses_of_one_network_are_counted_together(desk_site: DeskSite, addresses: list[str]) -> None:
    logins = [f"somebody-{number}" for number in range(22)]
    assert asyncio.run(guessed(desk_site, logins, addresses)) == [401] * 20 + [429] * 2


def test_guesses_by_others_do_not_lock_out_a_known_browser(desk_site: DeskSite) -> None:
    async def story() -> None:
        own = browser(desk_site, OWN)
        assert await tries(own, "mei", PASSWORD) == 303
        del own.cookies["yingda_session"]
        assert (await guessed(desk_site, ["mei"] * 6))[-1] == 429
        for _ in range(25):  # strangers in the owner's own network, too
            await tries(browser(desk_site, OWN), "somebody")
        assert await tries(browser(desk_site, OWN), "mei", PASSWORD) == 429
        assert await tries(own, " MEI", PASSWORD) == 303

    asyncio.run(story())


def test_a_known_browser_has_no_more_tries_than_others(desk_site: DeskSite) -> None:
    async def story() -> list[int]:
        own = browser(desk_site, OWN)
        assert await tries(own, "mei", PASSWORD) == 303
        return [await tries(own, "mei") for _ in range(6)]

    assert asyncio.run(story()) == [401] * 5 + [429]


def test_a_browser_is_known_for_its_own_login_only_and_for_a_limited_time(
    desk_site: DeskSite, clock: MovableClock
) -> None:
    async def story() -> None:
        await desk_site.add_staff("jun")
        own = browser(desk_site, OWN)
        assert await tries(own, "jun", PASSWORD) == 303
        assert (await guessed(desk_site, ["mei"] * 6))[-1] == 429
        assert await tries(own, "mei", PASSWORD) == 429
        assert (await guessed(desk_site, ["jun"] * 6))[-1] == 429
        clock.move((KNOWN_DAYS + 1) * 86_400)
        assert await tries(own, "jun", PASSWORD) == 429

    asyncio.run(story())


@pytest.mark.parametrize(
    "forged", ["guess", "v1.aaaaaaaaaaaaaaaaaaaaaa.0.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ""]
)
def test_a_forged_browser_token_is_ignored(desk_site: DeskSite, forged: str) -> None:
    async def story() -> None:
        await guessed(desk_site, ["mei"] * 6)
        own = browser(desk_site, OWN)
        own.cookies.set("yingda_known", forged)
        assert await tries(own, "mei", PASSWORD) == 429

    asyncio.run(story())


def test_the_browser_token_is_http_only_and_contains_no_login(desk_site: DeskSite) -> None:
    async def story() -> str:
        answer = await browser(desk_site).post("/login", data={"login": "mei", "password": PASSWORD})
        return next(one for one in answer.headers.get_list("set-cookie") if one.startswith("yingda_known"))

    cookie = asyncio.run(story())
    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    assert "mei" not in cookie.partition(";")[0]
