"""The widget as visitors write in it, while the site changes pages without loading them: one bubble, one stream."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from support.chromium import launched
from support.embedding_site import Site, served
from support.input_method import BROWSERS, ends_a_composition
from support.webchat_shop import SHOP, Chats, chatting

from bot.process.sockets import free_port

pytestmark = pytest.mark.browser
POLICY = "default-src 'none'; script-src {home}; connect-src 'self' {home}; img-src data:"
TAG = '<script async src="{home}/webchat/widget.js" data-account="shop"></script>'
PATIENCE = 20_000
# Each as the library does it: fetch the next page, put its body (or what is in it) in place, run the scripts it brings.
NAVIGATE = """async ([way, address]) => {
  const next = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
  const run = (root) => {
    for (const old of root.querySelectorAll("script")) {
      const anew = document.createElement("script");
      for (const { name, value } of old.attributes) anew.setAttribute(name, value);
      old.replaceWith(anew);
    }
  };
  const swap = (body) => document.documentElement.replaceChild(body, document.body);
  window.snapshot ??= document.body.cloneNode(true);
  if (way === "Turbo") { const body = document.adoptNode(next.body); run(body); swap(body); }
  if (way === "Turbo, from its cache") swap(window.snapshot.cloneNode(true));
  if (way === "htmx") { document.body.innerHTML = next.body.innerHTML; run(document.body); }
  if (way === "morphing") document.querySelectorAll("body > :not(main, script)").forEach((one) => one.remove());
}"""
WAYS = ("Turbo", "Turbo, from its cache", "htmx", "morphing")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def chats(
    ports: tuple[int, int], tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]
) -> Iterator[Chats]:
    origins = [f"http://localhost:{port}" for port in ports]
    accounts = [{**SHOP, "origins": origins}, {**SHOP, "name": "other", "label": "Other", "origins": origins}]
    with chatting(tmp_path_factory.mktemp("navigation"), shipped_edition, accounts=accounts) as running:
        yield running


@pytest.fixture(scope="module", params=["in the head", "in the body"])
def site(request: pytest.FixtureRequest, ports: tuple[int, int], chats: Chats) -> Iterator[Site]:
    in_head = request.param == "in the head"
    made = Site(chats.address, TAG if in_head else "", POLICY)
    if not in_head:
        made.page = made.page.replace("</body>", TAG.replace("{home}", chats.address) + "</body>")
    with served(made, ports[0 if in_head else 1]):
        yield made


@pytest.fixture
def page(chromium: Browser, site: Site) -> Iterator[Page]:
    context = chromium.new_context(locale="en-GB")
    context.set_default_timeout(PATIENCE)
    made = context.new_page()
    made.on("pageerror", lambda error: pytest.fail(str(error)))
    made.goto(site.address)
    made.get_by_role("button", name="Open the chat").click()
    expect(made.get_by_text("replies at once")).to_be_visible(timeout=PATIENCE)
    yield made
    context.close()


def streams_become(chats: Chats, count: int) -> None:
    """And stay so for a moment."""
    until, seen = time.monotonic() + PATIENCE / 1000, [-1]
    while seen != [count] * 10 and time.monotonic() < until:
        time.sleep(0.02)
        seen = [*seen[-9:], chats.streams()]
    assert seen == [count] * 10


def box_of(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Write a message…")


@pytest.mark.parametrize("way", WAYS)
def test_replacing_the_body_many_times_leaves_one_chat_with_one_stream(
    page: Page, site: Site, chats: Chats, way: str
) -> None:
    streams_become(chats, 1)
    box_of(page).fill("half a question")
    for number in range(4):
        page.evaluate(NAVIGATE, [way, f"{site.address}/{number}"])
        expect(box_of(page)).to_have_value("half a question")
        assert page.locator("yingda-chat").count() == 1
    expect(box_of(page)).to_be_focused()
    streams_become(chats, 1)
    box_of(page).press("Enter")
    expect(page.get_by_role("log").get_by_text("half a question")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Open the chat")).to_have_count(1)


def test_the_enter_that_confirms_pinyin_sends_nothing_and_its_escape_closes_nothing(page: Page) -> None:
    for browser in BROWSERS:
        ends_a_composition(box_of(page), browser, "Escape", "ni")
        expect(box_of(page)).to_be_visible()
        ends_a_composition(box_of(page), browser, "Enter", f"您好 {browser}")
        expect(box_of(page)).to_have_value(f"您好 {browser}")
        box_of(page).press("Enter")
        expect(page.get_by_role("log").get_by_text(f"您好 {browser}", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(box_of(page)).to_be_hidden()


def test_a_page_restored_from_the_back_forward_cache_reopens_its_stream(page: Page, chats: Chats) -> None:
    for _ in range(3):
        for event, count in (("pagehide", 0), ("pageshow", 1)):
            page.evaluate("name => dispatchEvent(new PageTransitionEvent(name, { persisted: true }))", event)
            streams_become(chats, count)
    assert page.locator("yingda-chat").count() == 1


def test_loading_the_script_for_another_account_replaces_the_chat(page: Page, chats: Chats) -> None:
    """A site in two languages has an account for each, and the reader goes from one to the other."""
    for account in ("other", "shop", "shop", "other"):
        page.evaluate(
            """([home, account]) => new Promise((loaded) => {
              const tag = document.createElement("script");
              Object.assign(tag, { src: `${home}/webchat/widget.js`, onload: loaded });
              tag.dataset.account = account;
              document.head.append(tag);
            })""",
            [chats.address, account],
        )
        assert page.locator("yingda-chat").count() == 1
    expect(page.get_by_role("button", name="Open the chat")).to_have_count(1)
    page.get_by_role("button", name="Open the chat").click()
    streams_become(chats, 1)


def test_the_chat_stays_away_when_a_site_keeps_removing_it(page: Page, chats: Chats) -> None:
    page.evaluate("""() => new MutationObserver(() => document.querySelector("yingda-chat")?.remove())
      .observe(document.body, { childList: true })""")
    page.evaluate("document.querySelector('yingda-chat').remove()")
    expect(page.locator("yingda-chat")).to_have_count(0)
    streams_become(chats, 0)
