"""The whole application below a path of its public address: /yingda instead of /."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest
from playwright.sync_api import Browser, expect
from pydantic import ValidationError
from support.paths import ROOT
from support.webchat_shop import Chats, chatting

from bot.config import Listen

PREFIX = "/yingda"


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Iterator[Chats]:
    folder = tmp_path_factory.mktemp("prefix")
    with chatting(folder, shipped_edition, listen={"prefix": f"{PREFIX}/", "trusted_proxies": []}) as running:
        running.agent("mei")
        yield running


def browser_of(chats: Chats) -> httpx.Client:
    return httpx.Client(base_url=chats.address, headers={"origin": chats.address}, trust_env=False, timeout=20)


@pytest.fixture(scope="module")
def mei(chats: Chats) -> Iterator[httpx.Client]:
    """A browser that has logged in, and was led to where it wanted."""
    with browser_of(chats) as browser:
        form = {"login": "mei", "password": "a long password", "goes": "/desk/cases/c1"}
        entered = browser.post(f"{PREFIX}/login", data=form)
        assert entered.headers["location"] == f"{PREFIX}/desk/cases/c1"
        yield browser


def test_redirects_stay_below_the_prefix(chats: Chats) -> None:
    with browser_of(chats) as browser:
        led = {path: browser.get(path).headers.get("location") for path in (PREFIX, f"{PREFIX}/", f"{PREFIX}/desk/")}
        asked = browser.get(f"{PREFIX}/desk/cases/c1")
    assert set(led.values()) == {f"{PREFIX}/desk"}
    assert asked.headers["location"] == f"{PREFIX}/login?next=/desk/cases/c1"


def test_cookies_are_for_the_prefix(mei: httpx.Client) -> None:
    """But for those that their name makes a whole host's."""
    mei.post(f"{PREFIX}/webchat/shop/visitor").raise_for_status()
    mei.post(f"{PREFIX}/language", data={"language": "en"})
    paths = {cookie.name: cookie.path for cookie in mei.cookies.jar if not cookie.name.startswith("__Host-")}
    assert paths.pop("yingda_visitor_shop") == f"{PREFIX}/webchat/shop"
    assert set(paths.values()) == {PREFIX}


@pytest.mark.parametrize("page", ["/login", "/desk", "/demo", "/chat", "/nowhere"])
def test_everything_a_page_links_to_exists_below_the_prefix(mei: httpx.Client, page: str) -> None:
    address = f"{PREFIX}{page}"
    named = re.findall(r'(?:src|href|action)="([^"#]+)"', mei.get(address).text)
    for link in [link for link in named if not link.startswith(("data:", "http"))]:
        assert link.startswith(f"{PREFIX}/"), link
        assert mei.get(urljoin(address, link)).status_code in (200, 303, 405), link
    assert named


def test_a_proxy_may_strip_the_prefix(chats: Chats) -> None:
    with browser_of(chats) as browser:
        assert f'action="{PREFIX}/login"' in browser.get("/login").text
        assert browser.get("/desk").headers["location"] == f"{PREFIX}/login?next=/desk"
        assert browser.get("/healthz").status_code == browser.get(f"{PREFIX}/healthz").status_code == 200


@pytest.mark.browser
def test_desk_and_web_chat_work_below_the_prefix(chats: Chats, chromium: Browser) -> None:
    context = chromium.new_context(locale="en-GB")
    desk, visitor = context.new_page(), context.new_page()
    problems: list[str] = []
    for page in (desk, visitor):
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("response", lambda answer: problems.append(answer.url) if answer.status >= 400 else None)
    desk.goto(f"{chats.address}{PREFIX}")
    desk.get_by_label("Login").fill("mei")
    desk.get_by_label("Password").fill("a long password")
    desk.get_by_role("button", name="Log in").click()
    expect(desk.get_by_text("Live", exact=True)).to_be_visible()
    visitor.goto(f"{chats.address}{PREFIX}/chat/shop?language=en")
    visitor.get_by_role("textbox").fill("I want to talk to a person")
    visitor.keyboard.press("Enter")
    desk.locator("#lines a").first.click()
    expect(desk.get_by_role("button", name="Claim", exact=False).first).to_be_visible(timeout=20_000)
    assert desk.url.startswith(f"{chats.address}{PREFIX}/desk/cases/")
    desk.reload()
    expect(desk.get_by_text("I want to talk to a person").first).to_be_visible()
    context.close()
    assert problems == []


@pytest.mark.parametrize("prefix", ["yingda", "/a b", "//x", "/../x", "/x?y", "https://x"])
def test_an_invalid_path_is_no_prefix(prefix: str) -> None:
    with pytest.raises(ValidationError):
        Listen(prefix=prefix)
    assert Listen(prefix="/a/b/").prefix == "/a/b"
    assert Listen(prefix="/").prefix == ""


def test_no_page_and_no_script_names_a_path_from_the_root() -> None:
    web = ROOT / "bot" / "web"
    sources = [
        *web.glob("templates/*.html"),
        *web.glob("static/*.js"),
        *(ROOT / "bot/channels/webchat").rglob("*.html"),
    ]
    assert len(sources) > 10
    rooted = re.compile(r"""(?:href|src|action)\s*[=:]\s*["'`]/|(?:fetch|EventSource|assign|open)\(\s*["'`]/""")
    assert {path.name: found[0] for path in sources if (found := rooted.search(path.read_text("utf-8")))} == {}
