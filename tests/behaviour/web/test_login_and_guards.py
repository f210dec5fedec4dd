"""Logging in, and what every page and route refuses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import httpx
import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from support.desk_site import ORIGIN, PASSWORD, DeskSite, LocalEvents, csrf_on
from support.paths import ROOT
from support.services import MovableClock

from bot.access.origins import safe_path
from bot.domain.cases import CaseState, Role
from bot.domain.decisions import Decision
from bot.domain.messages import INTERNAL, Author, Kind, OutboxState, Reason
from bot.i18n import preferred, section
from bot.stores.sql.database import Database
from bot.stores.sql.schema import metadata
from bot.web.app import ROUTERS
from bot.web.dependencies import DemoFollower, DemoInfo

DESK_ONLY = {Role.AGENT, Role.LEAD, Role.ADMIN}


@pytest.fixture
def desk_site(tmp_path: Path, clock: MovableClock) -> Iterator[DeskSite]:
    """Logins are tested on SQLite only: they are the same on every database."""
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    with database.engine.begin() as connection:
        metadata.create_all(connection)
    yield DeskSite(database, clock)
    database.close()


def log_in(desk_site: DeskSite, login: str, password: str, **more: str) -> httpx.Response:
    async def story() -> httpx.Response:
        async with desk_site.new_browser() as browser:
            return await browser.post("/login", data={"login": login, "password": password, **more})

    return asyncio.run(story())


def test_a_login_redirects_to_the_requested_page(desk_site: DeskSite) -> None:
    async def story() -> None:
        await desk_site.add_staff("mei")
        browser = desk_site.new_browser()
        asked = await browser.get("/desk/cases/c1")
        assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/desk/cases/c1")
        login = await browser.get(asked.headers["location"])
        assert 'value="/desk/cases/c1"' in login.text
        entered = await browser.post("/login", data={"login": "mei", "password": PASSWORD, "goes": "/desk/cases/c1"})
        assert entered.headers["location"] == "/desk/cases/c1"
        assert (await browser.get("/desk/cases/c1")).status_code == 200

    asyncio.run(story())


def test_the_session_cookie_is_http_only_and_same_site(desk_site: DeskSite) -> None:
    asyncio.run(desk_site.add_staff("mei"))
    cookie = log_in(desk_site, "mei", PASSWORD).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_an_unknown_login_and_a_wrong_password_get_the_same_response(desk_site: DeskSite) -> None:
    asyncio.run(desk_site.add_staff("mei"))
    wrong, unknown = log_in(desk_site, "mei", "wrong"), log_in(desk_site, "nobody", "wrong")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.text == unknown.text
    assert "set-cookie" not in wrong.headers


def test_tries_of_passwords_for_one_login_are_limited(desk_site: DeskSite) -> None:
    asyncio.run(desk_site.add_staff("mei"))
    answers = [log_in(desk_site, "mei", f"guess {number}").status_code for number in range(6)]
    assert answers == [401] * 5 + [429]
    assert log_in(desk_site, "mei", PASSWORD).status_code == 429


def test_tries_of_logins_from_one_address_are_limited(desk_site: DeskSite) -> None:
    desk_site.live_events = LocalEvents()
    answers = [log_in(desk_site, f"somebody-{number}", "x").status_code for number in range(21)]
    assert answers == [401] * 20 + [429]


@given(st.text(max_size=30))
def test_a_login_never_redirects_to_another_site(goes: str) -> None:
    path = safe_path(goes, "/desk")
    assert re.match(r"^/(?![/\\])[^\\]*$", path)


@pytest.mark.parametrize("goes", ["https://evil.test", "//evil.test", "/\\evil.test", "javascript:alert(1)", ""])
def test_a_login_with_another_sites_address_redirects_to_the_desk(goes: str) -> None:
    assert safe_path(goes, "/desk") == "/desk"


def test_after_logging_out_pages_require_a_login(desk_site: DeskSite) -> None:
    async def story() -> None:
        await desk_site.add_staff("mei")
        browser = await desk_site.log_in("mei")
        page = await browser.get("/desk")
        kept = browser.cookies["yingda_session"]
        left = await browser.post("/logout", data={"csrf": csrf_on(page.text)})
        assert left.headers["location"] == "/login"
        browser.cookies.set("yingda_session", kept)
        assert (await browser.get("/api/desk/board")).status_code == 401

    asyncio.run(story())


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        ({"x-csrf-token": ""}, "csrf"),
        ({"x-csrf-token": "guess"}, "csrf"),
        ({"origin": "https://evil.test"}, "origin"),
        ({"origin": "null"}, "origin"),
        ({"origin": f"{ORIGIN}.evil.test"}, "origin"),
    ],
)
def test_a_change_that_another_site_sends_is_refused(desk_site: DeskSite, spoilt: dict[str, str], code: str) -> None:
    async def story() -> None:
        await desk_site.add_staff("mei")
        browser = await desk_site.log_in("mei")
        answer = await browser.post("/api/desk/cases/c1/claim", headers=spoilt)
        assert (answer.status_code, answer.json()["code"]) == (403, code)

    asyncio.run(story())


def test_a_change_without_an_origin_is_refused_unless_sec_fetch_site_is_same_origin(desk_site: DeskSite) -> None:
    async def story() -> tuple[int, int]:
        await desk_site.add_staff("mei")
        browser = await desk_site.log_in("mei")
        del browser.headers["origin"]
        bare = await browser.post("/api/desk/cases/c1/claim")
        vouched = await browser.post("/api/desk/cases/c1/claim", headers={"sec-fetch-site": "same-origin"})
        return bare.status_code, vouched.status_code

    assert asyncio.run(story()) == (403, 404)


def test_another_site_cannot_log_a_browser_in(desk_site: DeskSite) -> None:
    async def story() -> int:
        await desk_site.add_staff("mei")
        form = {"login": "mei", "password": PASSWORD}
        answer = await desk_site.new_browser().post("/login", data=form, headers={"origin": "https://evil.test"})
        return answer.status_code

    assert asyncio.run(story()) == 403


def routes() -> Iterator[tuple[str, str, frozenset[Role]]]:
    """Every route's method, path and roles. A route without a guard has no roles to find, and fails here."""
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            guards = [one.call for one in route.dependant.dependencies if hasattr(one.call, "roles")]
            assert len(guards) == 1, f"{route.path} has {len(guards)} guards"
            for method in route.methods or ():
                yield method, route.path.replace("{case_id}", "c1").replace("{outgoing_id}", "o1"), guards[0].roles  # type: ignore[union-attr]


def test_every_route_has_a_guard_and_the_desk_requires_a_working_role() -> None:
    desk = {path for _, path, roles in routes() if roles == DESK_ONLY}
    anybody = {path for _, path, roles in routes() if not roles}
    assert anybody == {"/", "/login", "/language", "/demo"}
    leads = {path for _, path, roles in routes() if roles == {Role.LEAD, Role.ADMIN}}
    assert leads == {"/accounts"}
    assert {path for _, path, _ in routes() if "/desk" in path} == desk
    assert len(desk) > 10


def test_routes_refuse_a_missing_cookie_and_a_wrong_role(desk_site: DeskSite) -> None:
    async def story() -> None:
        await desk_site.add_staff("ed", Role.EDITOR)
        editor = await desk_site.log_in("ed")
        for method, path, roles in routes():
            if not roles:
                continue
            stranger = await desk_site.new_browser().request(method, path)
            assert stranger.status_code == (401 if path.startswith("/api/") else 303), path
            forged = await desk_site.new_browser().request(method, path, headers={"cookie": "yingda_session=guess"})
            assert forged.status_code == stranger.status_code, path
            if Role.EDITOR not in roles:
                answer = await editor.request(method, path)
                assert answer.status_code == 403, path

    asyncio.run(story())


@pytest.mark.parametrize("role", sorted(DESK_ONLY))
def test_every_working_role_reads_the_desk(desk_site: DeskSite, role: Role) -> None:
    async def story() -> None:
        await desk_site.add_staff("somebody", role)
        browser = await desk_site.log_in("somebody")
        assert (await browser.get("/desk")).status_code == 200
        assert (await browser.get("/api/desk/board")).json()["lines"] == []

    asyncio.run(story())


@pytest.mark.parametrize("path", ["/login", "/desk", "/static/desk.js", "/nowhere", "/api/desk/board"])
def test_no_page_permits_scripts_of_other_sites(desk_site: DeskSite, path: str) -> None:
    async def story() -> None:
        answer = await desk_site.new_browser().get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?![^>]*(src=|application/json))|<style|\sstyle=|\son\w+=", answer.text)

    asyncio.run(story())


def test_there_is_no_demo_page_and_no_frame_outside_demo_mode(desk_site: DeskSite) -> None:
    async def story() -> None:
        demo, login = await desk_site.new_browser().get("/demo"), await desk_site.new_browser().get("/login")
        assert demo.status_code == 404
        assert "frame-ancestors 'none'" in login.headers["content-security-policy"]
        assert "Enter with the demo login" not in login.text

    asyncio.run(story())


def test_the_demo_page_frames_the_phones_and_the_desk_and_cannot_be_framed(tmp_path: Path, clock: MovableClock) -> None:
    people = (DemoFollower("林晓", "13800000001", "zh"), DemoFollower("Grace Miller", "+447700900123", "en"))
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    metadata.create_all(database.engine)
    desk_site = DeskSite(database, clock, demo=DemoInfo(("demo", PASSWORD), "http://127.0.0.1:8081", people))

    async def story() -> None:
        await desk_site.add_staff("demo")
        demo, login = await desk_site.new_browser().get("/demo"), await desk_site.new_browser().get("/login")
        policy = demo.headers["content-security-policy"]
        assert "frame-src 'self' http://127.0.0.1:8081;" in policy
        assert "frame-ancestors 'none'" in policy
        assert "frame-ancestors 'self'" in login.headers["content-security-policy"]
        first, second = re.findall(r'src="http://127.0.0.1:8081/\?([^"]+)"', demo.text)
        assert "as=Grace+Miller" in first
        assert "%2B447700900123" in first
        assert "lang=zh" in second
        entrance = login.text.partition('class="demo"')[2].partition("</form>")[0]
        form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', entrance))
        assert {form["login"], form["password"]} == {"demo", PASSWORD}
        assert (await desk_site.new_browser().post("/login", data=form)).headers["location"] == "/desk"

    asyncio.run(story())
    database.close()


def test_a_large_body_is_refused(desk_site: DeskSite) -> None:
    answer = log_in(desk_site, "mei", "x" * 70_000)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("accepts", "title"), [("zh-CN,zh;q=0.9", "没有成功"), ("en-GB,en;q=0.8", "That did not work")]
)
def test_error_pages_are_in_the_readers_language(desk_site: DeskSite, accepts: str, title: str) -> None:
    async def story() -> str:
        answer = await desk_site.new_browser().get("/nowhere", headers={"accept-language": accepts})
        assert answer.status_code == 404
        return answer.text

    assert title in asyncio.run(story())


def test_a_chosen_language_is_kept(desk_site: DeskSite) -> None:
    async def story() -> str:
        browser = desk_site.new_browser()
        chosen = await browser.post("/language", data={"language": "zh", "goes": "/login"})
        assert chosen.headers["location"] == "/login"
        return (await browser.get("/login")).text

    assert "登录工作台" in asyncio.run(story())


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,zh;q=0.9", "en"),
        ("fr,en;q=0.3,zh;q=0.7", "zh"),
        ("fr", ""),
        ("", ""),
        ("zh;q=high", "zh"),
    ],
)
def test_the_browsers_preference_is_understood(header: str, language: str) -> None:
    assert preferred(header) == language


@given(st.text(max_size=200))
def test_any_language_preference_is_read(header: str) -> None:
    assert preferred(header) in ("", "zh", "en")


def test_the_api_is_described_for_staff(desk_site: DeskSite) -> None:
    async def story() -> None:
        await desk_site.add_staff("mei")
        described = (await (await desk_site.log_in("mei")).get("/api/openapi.json")).json()
        assert "/api/desk/cases/{case_id}/claim" in described["paths"]

    asyncio.run(story())


def test_every_text_key_of_the_pages_exists() -> None:
    web = ROOT / "bot" / "web"
    pages = [*web.glob("static/*.js"), *web.glob("templates/*.html")]
    said = {
        key
        for page in pages
        for key in re.findall(r"(?:say(?:Or)?\(|words\[)[\"']([a-z_.]+[a-z_])[\"'][,)\]]", page.read_text("utf-8"))
    }
    assert len(said) > 60
    assert said - section("desk", "zh").keys() == set()
    assert section("desk", "zh").keys() == section("desk", "en").keys()


def test_every_code_that_the_desk_shows_has_a_text() -> None:
    """`text` and `note` are shown as they are; what the product writes to itself is shown to nobody."""
    kinds = set(Kind) - {Kind.TEXT, Kind.NOTE, *INTERNAL}
    codes = [
        *(f"reason.{one}" for one in Reason),
        *(f"why.{one}" for one in Reason),
        *(f"kind.{one}" for one in kinds),
        *(f"delivery.{one}" for one in OutboxState),
        *(f"author.{one}" for one in Author),
        *(f"state.{one}" for one in CaseState),
        *(f"decision.{one.__name__}" for one in get_args(Decision)),
    ]
    assert [code for code in codes if code not in section("desk", "zh")] == []
