"""The page on which people choose their own password."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from support.desk_browser import Desk, barriers, desk_open
from support.desk_site import PASSWORD, DeskSite
from support.services import MovableClock

from bot.domain.cases import Role
from bot.stores.sql.database import Database
from bot.stores.sql.schema import metadata

NEW = "seven owls at dusk"


@pytest.fixture
def desk_site(tmp_path: Path, clock: MovableClock) -> Iterator[DeskSite]:
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    metadata.create_all(database.engine)
    yield DeskSite(database, clock)
    database.close()


async def changes(
    browser: httpx.AsyncClient, current: str = PASSWORD, new: str = NEW, again: str = ""
) -> httpx.Response:
    form = {"current": current, "new": new, "again": again or new, "csrf": browser.headers["x-csrf-token"]}
    return await browser.post("/password", data=form)


@pytest.mark.parametrize("role", list(Role))
def test_a_changed_password_ends_all_other_sessions_of_its_owner(desk_site: DeskSite, role: Role) -> None:
    async def story() -> None:
        await desk_site.add_staff("mei", role)
        here, elsewhere = await desk_site.log_in("mei"), await desk_site.log_in("mei")
        assert "Change your password" in (await here.get("/password")).text
        changed = await changes(here)
        assert (changed.status_code, "Your password is changed" in changed.text) == (200, True)
        assert (await here.get("/password")).status_code == 200
        assert (await elsewhere.get("/password")).status_code == 303
        again = await desk_site.new_browser().post("/login", data={"login": "mei", "password": NEW})
        assert again.status_code == 303

    asyncio.run(story())


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"current": "wrong"}, "The current password is not right."),
        ({"again": "eight owls at dusk"}, "two new passwords differ"),
        ({"new": "short"}, "at least 10 characters"),
        ({"new": "password2026"}, "a common one"),
        ({"new": "mei-mei-mei"}, "mostly your login"),
        ({"new": "YunshanTea1"}, "mostly the brand"),
    ],
)
def test_a_refused_password_is_explained(desk_site: DeskSite, form: dict[str, str], said: str) -> None:
    async def story() -> None:
        await desk_site.add_staff("mei")
        mei = await desk_site.log_in("mei")
        refused = await changes(mei, **form)
        assert refused.status_code == 400
        assert said in refused.text
        assert (
            await desk_site.new_browser().post("/login", data={"login": "mei", "password": PASSWORD})
        ).status_code == 303

    asyncio.run(story())


def test_guesses_of_the_current_password_are_limited(desk_site: DeskSite) -> None:
    async def story() -> list[int]:
        await desk_site.add_staff("mei")
        mei = await desk_site.log_in("mei")
        return [(await changes(mei, f"guess {number}")).status_code for number in range(6)]

    assert asyncio.run(story()) == [400] * 5 + [429]


def test_another_site_and_a_reader_without_a_session_change_no_password(desk_site: DeskSite) -> None:
    async def story() -> None:
        await desk_site.add_staff("mei")
        mei = await desk_site.log_in("mei")
        mei.headers["x-csrf-token"] = "guess"
        assert (await changes(mei)).status_code == 403
        assert (await desk_site.new_browser().post("/password", data={})).status_code in (303, 400)
        assert (
            await desk_site.new_browser().post("/login", data={"login": "mei", "password": PASSWORD})
        ).status_code == 303

    asyncio.run(story())


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    with desk_open(chromium, tmp_path, {"mei": Role.AGENT, "lead": Role.LEAD}, lambda *_: None) as seated:
        yield seated


@pytest.mark.browser
def test_the_password_page_is_linked_from_the_desk_and_shows_errors_and_success(desk: Desk) -> None:
    page = desk.log_in("mei")
    page.get_by_role("link", name="Mei").click()
    expect(page.get_by_role("heading", name="Change your password")).to_be_visible()
    for current in ("not my password", PASSWORD):
        page.get_by_label("Current password").fill(current)
        page.get_by_label("New password", exact=True).fill(NEW)
        page.get_by_label("The new password again").fill(NEW)
        page.get_by_role("button", name="Change password").click()
        said = "Your password is changed" if current == PASSWORD else "The current password is not right"
        expect(page.get_by_text(said)).to_be_visible()
    page.get_by_role("link", name="Back to the desk").click()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    assert desk.problems == []


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_page_is_accessible_on_large_and_small_screens(desk: Desk, width: int, scheme: str) -> None:
    page = desk.log_in("lead", width, 844, scheme)
    page.goto(page.url.replace("/desk", "/password"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert barriers(page) == []
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="修改密码")).to_be_visible()
    assert barriers(page) == []
    assert desk.problems == []
