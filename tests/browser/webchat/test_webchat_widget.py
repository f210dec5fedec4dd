"""The widget in a real browser: on a brand's own site with a strict policy, and as our page /chat."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from support.chromium import launched
from support.embedding_site import Site, served
from support.webchat_shop import SHOP, Chats, chatting

from bot.process.sockets import free_port

pytestmark = pytest.mark.browser
POLICY = "default-src 'none'; script-src {home}; connect-src {home}; style-src {home}; img-src data:"
TAG = '<script async src="{home}/webchat/widget.js" data-account="shop"></script>'
EVIL = "<img src=x onerror=\"document.title='owned'\"><b>bold</b> see https://brand.example/a?b=1&c=2."
ODD = "why does the crane on your tin look backwards?"
PATIENCE = 20_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


class Browsing:
    """The brand's site and Yingda, and what visitors have open. `problems` is what a browser complained of."""

    def __init__(self, chromium: Browser, chats: Chats, site: Site) -> None:
        self.chats = chats
        self.site = site
        self._chromium = chromium
        self._contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    def visitor(self, width: int = 1440, height: int = 900, scheme: str = "light") -> BrowserContext:
        """Somebody with a browser of their own."""
        context = self._chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            locale="en-GB",
        )
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        return context

    def tab(self, visitor: BrowserContext, address: str = "") -> Page:
        page = visitor.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self.problems.append(line.text) if "Content Security" in line.text else None)
        page.goto(address or self.site.address)
        return page

    def leave(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture(scope="module")
def running(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]
) -> Iterator[Browsing]:
    port = free_port()
    account = {**SHOP, "origins": [f"http://localhost:{port}"]}
    folder = tmp_path_factory.mktemp("widget")
    with (
        chatting(folder, shipped_edition, accounts=[account]) as chats,
        served(Site(chats.address, TAG, POLICY), port) as site,
    ):
        yield Browsing(chromium, chats, site)


@pytest.fixture
def browsing(running: Browsing) -> Iterator[Browsing]:
    running.problems.clear()
    yield running
    running.leave()


def opened(page: Page) -> Locator:
    """The chat, once it has greeted."""
    chat = page.locator("yingda-chat")
    launcher = page.get_by_role("button", name="Open the chat")
    if launcher.is_visible():
        launcher.click()
    expect(chat.get_by_text("welcome to Yunshan Tea")).to_be_visible(timeout=PATIENCE)
    expect(chat.get_by_text("replies at once")).to_be_visible(timeout=PATIENCE)
    return chat


def asks(chat: Locator, text: str) -> None:
    box = chat.get_by_role("textbox", name="Write a message…")
    box.fill(text)
    box.press("Enter")
    expect(box).to_have_value("")


def lines(chat: Locator) -> list[str]:
    return chat.locator(".line:not(.greeting) p").all_inner_texts()


def sees(chat: Locator, text: str | re.Pattern[str]) -> None:
    expect(chat.get_by_role("log").get_by_text(text)).to_be_visible(timeout=PATIENCE)


def test_a_visitor_of_a_strict_site_asks_and_is_answered(browsing: Browsing) -> None:
    page = browsing.tab(browsing.visitor())
    chat = opened(page)
    chat.get_by_role("button", name="How do I return something?").click()
    sees(chat, re.compile("Within 7 days"))
    expect(chat.get_by_text("Sending")).to_have_count(0)
    expect(chat.get_by_role("button", name="How do I return something?")).to_have_count(0)
    assert len(lines(chat)) == 2
    assert browsing.problems == []


def test_the_conversation_and_the_open_chat_are_kept_on_the_next_page(browsing: Browsing) -> None:
    page = browsing.tab(browsing.visitor())
    chat = opened(page)
    asks(chat, "How do I return something?")
    sees(chat, re.compile("Within 7 days"))
    before = lines(chat)
    page.get_by_role("link", name="Second page").click()
    page.wait_for_url("**/second")
    sees(page.locator("yingda-chat"), re.compile("Within 7 days"))
    assert lines(page.locator("yingda-chat")) == before


def test_the_chat_works_with_the_keyboard_alone(browsing: Browsing) -> None:
    page = browsing.tab(browsing.visitor())
    launcher = page.get_by_role("button", name="Open the chat")
    expect(launcher).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(launcher).to_be_focused()
    page.keyboard.press("Enter")
    box = page.get_by_role("textbox", name="Write a message…")
    expect(box).to_be_focused()
    sees(page.locator("yingda-chat"), re.compile("welcome"))
    inside = "document.querySelector('yingda-chat').shadowRoot.activeElement !== null"
    for key in ["Tab"] * 8 + ["Shift+Tab"] * 8:
        page.keyboard.press(key)
        assert page.evaluate(inside)
    box.focus()
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    sees(page.locator("yingda-chat"), "one\ntwo")
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(launcher).to_be_focused()


def test_markup_in_the_chat_is_never_executed_and_links_work(browsing: Browsing) -> None:
    page = browsing.tab(browsing.visitor())
    chat = opened(page)
    asks(chat, EVIL)
    expect(chat.locator(".customer p")).to_have_text(EVIL)
    link = chat.get_by_role("link")
    expect(link).to_have_attribute("href", "https://brand.example/a?b=1&c=2")
    expect(link).to_have_attribute("rel", re.compile("noopener"))
    assert (page.title(), chat.locator(".line b", has_text="bold").count()) == ("Brand", 0)


def test_an_agents_answer_comes_live_and_is_counted_while_the_chat_is_closed(browsing: Browsing) -> None:
    page = browsing.tab(browsing.visitor())
    chat = opened(page)
    asks(chat, ODD)
    sees(chat, re.compile("You are number"))
    agent = browsing.chats.agent("mei")
    case = max(browsing.chats.cases(), key=lambda line: line.opened_at)
    browsing.chats.claims(agent, case)
    expect(chat.get_by_text("A colleague is with you")).to_be_visible(timeout=PATIENCE)
    page.keyboard.press("Escape")
    browsing.chats.replies(agent, case, "It looks at its child.")
    launcher = page.get_by_role("button", name="Open the chat: Yunshan Tea (1 new)")
    expect(launcher).to_be_visible(timeout=PATIENCE)
    launcher.click()
    sees(chat, "It looks at its child.")
    expect(chat.locator(".agent .by")).to_have_text("Colleague")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Open the chat: Yunshan Tea", exact=True)).to_be_visible()
    browsing.chats.resolves(agent, case)


def test_two_tabs_of_one_visitor_show_the_same_conversation(browsing: Browsing) -> None:
    visitor = browsing.visitor()
    one, other = (opened(browsing.tab(visitor)) for _ in range(2))
    asks(one, "How do I return something?")
    asks(other, "Do you have any discounts?")
    for chat in (one, other):
        sees(chat, re.compile("Within 7 days"))
        expect(chat.locator(".line.customer")).to_have_count(2)
    expect(one.locator(".line")).to_have_count(other.locator(".line").count(), timeout=PATIENCE)


def test_the_conversation_goes_on_after_a_restart_of_the_server(browsing: Browsing) -> None:
    page = browsing.tab(browsing.visitor())
    chat = opened(page)
    asks(chat, "How do I return something?")
    sees(chat, re.compile("Within 7 days"))
    browsing.chats.stop()
    expect(chat.get_by_text("Connection lost")).to_be_visible(timeout=PATIENCE)
    asks(chat, "Do you have any discounts?")
    sees(chat, re.compile("Sending"))
    browsing.chats.start()
    expect(chat.get_by_text("Connection lost")).to_be_hidden(timeout=PATIENCE)
    retry = chat.get_by_role("button", name="Try again")
    expect(chat.get_by_text("Sending")).to_be_hidden(timeout=PATIENCE)
    if retry.is_visible():
        retry.click()
    expect(chat.locator(".line:not(.greeting)")).to_have_count(4, timeout=PATIENCE)
    assert len(lines(chat)) == len(set(lines(chat))) == 4


def test_messages_written_offline_are_sent_once_the_network_is_back(browsing: Browsing) -> None:
    visitor = browsing.visitor()
    chat = opened(browsing.tab(visitor))
    visitor.set_offline(True)
    expect(chat.get_by_text("You are offline")).to_be_visible(timeout=PATIENCE)
    asks(chat, "How do I return something?")
    expect(chat.get_by_text("Sending")).to_be_visible()
    visitor.set_offline(False)
    sees(chat, re.compile("Within 7 days"))
    expect(chat.get_by_text("You are offline")).to_be_hidden(timeout=PATIENCE)
    expect(chat.get_by_text("Sending")).to_be_hidden()
    assert lines(chat).count("How do I return something?") == 1


def test_a_failed_message_is_marked_and_sent_once_on_demand(browsing: Browsing) -> None:
    page = browsing.tab(browsing.visitor())
    chat = opened(page)
    page.route("**/webchat/shop", lambda route: route.abort())
    asks(chat, "How do I return something?")
    retry = chat.get_by_role("button", name="Try again")
    expect(retry).to_be_visible(timeout=PATIENCE)
    page.unroute("**/webchat/shop")
    retry.click()
    sees(chat, re.compile("Within 7 days"))
    expect(retry).to_have_count(0)
    assert lines(chat).count("How do I return something?") == 1


def test_a_visitor_who_writes_too_fast_is_slowed_down_and_loses_nothing(browsing: Browsing) -> None:
    chat = opened(browsing.tab(browsing.visitor()))
    for number in range(14):
        asks(chat, f"thank you {number}")
    expect(chat.get_by_text("Sending")).to_have_count(0, timeout=PATIENCE)
    expect(chat.get_by_role("button", name="Try again")).to_have_count(0)
    assert [line for line in lines(chat) if line.startswith("thank you")] == [f"thank you {n}" for n in range(14)]


def test_an_invalid_token_is_replaced_by_a_new_one(browsing: Browsing) -> None:
    page = browsing.tab(browsing.visitor())
    page.evaluate("localStorage.setItem('yingda-shop-token', 'v1.forged')")
    page.reload()
    chat = opened(page)
    asks(chat, "How do I return something?")
    sees(chat, re.compile("Within 7 days"))


def test_our_own_page_keeps_the_visitor_in_a_cookie_that_scripts_cannot_read(browsing: Browsing) -> None:
    visitor = browsing.visitor()
    page = browsing.tab(visitor, f"{browsing.chats.address}/chat")
    chat = opened(page)
    asks(chat, "How do I return something?")
    sees(chat, re.compile("Within 7 days"))
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("localStorage.getItem('yingda-shop-token')") is None
    (cookie,) = visitor.cookies(f"{browsing.chats.address}/webchat/shop")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    page.reload()
    sees(chat, re.compile("Within 7 days"))
    assert len(lines(chat)) == 2
    assert browsing.problems == []


def test_on_a_phone_the_chat_fills_the_screen(browsing: Browsing) -> None:
    page = browsing.tab(browsing.visitor(390, 844))
    opened(page)
    dialog = page.get_by_role("dialog")
    whole = {"x": 0, "y": 0, "width": 390, "height": 844}
    until = time.monotonic() + 5
    while dialog.bounding_box() != whole and time.monotonic() < until:
        page.wait_for_timeout(50)  # it slides in
    assert dialog.bounding_box() == whole
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Close the chat").click()
    expect(page.get_by_role("button", name="Open the chat")).to_be_visible()


@pytest.mark.parametrize("place", ["site", "page"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_chat_is_accessible(browsing: Browsing, width: int, height: int, scheme: str, place: str) -> None:
    addresses = {"site": browsing.site.address, "page": f"{browsing.chats.address}/chat"}
    visitor = browsing.visitor(width, height, scheme)
    page = browsing.tab(visitor, addresses[place])
    chat = opened(page)
    found = barriers(page)
    asks(chat, ODD)
    sees(chat, re.compile("You are number"))
    found += barriers(page)
    assert "\n".join(found) == ""


def barriers(page: Page) -> list[str]:
    """What axe finds in our part of the page, as rule and element."""
    violations = Axe().run(page, context="yingda-chat").response["violations"]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in violations for node in rule["nodes"]]


def test_the_widget_is_small_and_cacheable(browsing: Browsing) -> None:
    address = f"{browsing.chats.address}/webchat/widget.js"
    packed = httpx.get(address, headers={"accept-encoding": "gzip"}, trust_env=False)
    assert int(packed.headers["content-length"]) < 15_000
    tag = packed.headers["etag"]
    assert httpx.get(address, headers={"if-none-match": tag}, trust_env=False).status_code == 304
    version = httpx.get(f"{address}?v={tag.strip(chr(34))}", trust_env=False)
    assert "immutable" in version.headers["cache-control"]
    assert "immutable" not in packed.headers["cache-control"]


def test_the_widget_appears_at_once_and_makes_no_requests_until_opened(browsing: Browsing) -> None:
    page = browsing.tab(browsing.visitor())
    expect(page.get_by_role("button", name="Open the chat")).to_be_visible(timeout=PATIENCE)
    spent = page.evaluate("performance.getEntriesByName(document.querySelector('script').src)[0].duration")
    assert spent < 1_000
    asked = page.evaluate("performance.getEntriesByType('resource').map((one) => new URL(one.name).pathname)")
    assert asked == ["/webchat/widget.js"]
