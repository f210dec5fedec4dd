"""An editor who logs in reads what the role may do, and finds the way out; the desk is not for editors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from support.desk_browser import barriers, desk_open
from support.desk_site import PASSWORD, DeskSite
from support.services import MovableClock

from bot.domain.cases import Role
from bot.stores.sql.database import Database
from bot.stores.sql.schema import metadata


@pytest.fixture
def desk_site(tmp_path: Path, clock: MovableClock) -> Iterator[DeskSite]:
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    metadata.create_all(database.engine)
    yield DeskSite(database, clock)
    database.close()


@pytest.mark.parametrize("role", list(Role))
def test_a_login_redirects_to_a_page_that_the_role_may_read(desk_site: DeskSite, role: Role) -> None:
    async def story() -> None:
        await desk_site.add_staff("mei", role)
        answer = await desk_site.new_browser().post("/login", data={"login": "mei", "password": PASSWORD})
        assert answer.headers["location"] == ("/editor" if role is Role.EDITOR else "/desk")
        browser = await desk_site.log_in("mei")
        assert (await browser.get("/")).headers["location"] == answer.headers["location"]
        assert (await browser.get(answer.headers["location"])).status_code == 200

    asyncio.run(story())


def test_an_editor_at_the_desk_gets_a_link_to_the_editors_page(desk_site: DeskSite) -> None:
    async def story() -> None:
        await desk_site.add_staff("ed", Role.EDITOR)
        editor = await desk_site.log_in("ed")
        refused = await editor.get("/desk")
        assert (refused.status_code, 'href="/"' in refused.text) == (403, True)
        assert (await editor.get("/")).headers["location"] == "/editor"
        out = await editor.post("/logout", data={"csrf": editor.headers["x-csrf-token"]})
        assert out.headers["location"] == "/login"
        assert (await editor.get("/editor")).status_code == 303

    asyncio.run(story())


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_page_is_accessible_on_large_and_small_screens(
    chromium: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    with desk_open(chromium, tmp_path, {"ed": Role.EDITOR}, lambda *_: None) as desk:
        page = desk.log_in("ed", width, 844, scheme, sees="An editor's account")
        for heading, other in (("An editor's account", "中文"), ("编辑账号", "English")):
            expect(page.get_by_role("heading", name=heading)).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert barriers(page) == []
            page.get_by_role("button", name=other).click()
        page.get_by_role("link", name="Change your password").click()
        page.get_by_role("link", name="Back", exact=True).click()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Login")).to_be_visible()
        assert desk.problems == []
