"""The desk in a real browser: what two agents see while they work, with the keyboard, large and small."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from browsing import launched
from front import PASSWORD, Front
from ground import MovableClock
from playwright.sync_api import Browser, BrowserContext, Page, expect
from seeding import Ground

from bot.messages import Kind, Media, OutboxState, Reason
from bot.stores.record.database import Database
from bot.stores.record.tables import metadata, outbox

pytestmark = pytest.mark.browser
EVIL = "<script>document.title='owned'</script><b>bold</b>"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


class Desk:
    """A running site, a seeded case, and pages of agents who have logged in."""

    def __init__(self, chromium: Browser, address: str, ground: Ground, front: Front) -> None:
        self.ground = ground
        self.front = front
        self._chromium = chromium
        self._address = address
        self._contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    def seat(self, login: str, width: int = 1440, height: int = 900, scheme: str = "light") -> Page:
        context = self._chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            locale="en-GB",
        )
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self.problems.append(line.text) if "Content Security" in line.text else None)
        page.goto(f"{self._address}/desk")
        page.get_by_label("Login").fill(login)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        return page

    def leave(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    clock = MovableClock(time.time())
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    with database.engine.begin() as connection:
        metadata.create_all(connection)
    front = Front(database, clock)
    ground = Ground(database)
    hire(front)
    seed(ground, clock)
    server = uvicorn.Server(uvicorn.Config(front.site, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    seated = Desk(chromium, f"http://127.0.0.1:{port}", ground, front)
    yield seated
    seated.leave()
    server.should_exit = True
    thread.join(timeout=20)
    database.close()


def hire(front: Front) -> None:
    """In a thread of its own: the browser's driver already runs a loop in this one."""

    async def both() -> None:
        await front.hire("mei", name="Mei")
        await front.hire("jun", name="Jun")

    thread = threading.Thread(target=asyncio.run, args=(both(),))
    thread.start()
    thread.join()


def seed(ground: Ground, clock: MovableClock) -> None:
    talk = ground.conversation(ground.customer("Emily"), verified_as="M1")
    ground.hears(talk, "Hello")
    ground.answers(talk, "Hello! How can I help?", "small.hello", OutboxState.IN_DOUBT)
    ground.hears(talk, "", Kind.IMAGE, Media("media-77", "jpg"))
    clock.move(1)
    asked = ground.hears(talk, EVIL)
    ground.understood(talk, asked, ("returns.how", 0.46), ("repair.start", 0.31))
    ground.case(talk, Reason.UNSURE)
    other = ground.conversation(ground.customer("Tom"), "brand-x", "twitter", thread="1789")
    ground.hears(other, "Where is my order?")
    ground.case(other)


def read(page: Page, customer: str) -> None:
    page.get_by_role("link", name=customer).click()
    expect(page.get_by_role("heading", name=customer, exact=True)).to_be_visible()


def test_an_agent_takes_a_case_and_answers_it_with_the_keyboard_while_a_colleague_watches(desk: Desk) -> None:
    mei, jun = desk.seat("mei"), desk.seat("jun")
    jun.get_by_role("link", name="Emily").click()
    mei.keyboard.press("j")
    expect(mei.get_by_role("heading", name="Emily")).to_be_visible()
    mei.keyboard.press("c")
    expect(mei.get_by_text("You have it")).to_be_visible()
    expect(jun.get_by_text("Mei has it", exact=True)).to_be_visible()
    expect(jun.get_by_role("button", name="Claim")).to_have_count(0)
    expect(jun.get_by_role("textbox", name="Write")).to_be_disabled()
    box = mei.get_by_role("textbox", name="Write")
    expect(box).to_be_focused()
    box.fill("We will replace it.")
    expect(mei.get_by_text("19 / 2047 bytes")).to_be_visible()
    expect(mei.get_by_text("5 of 5 messages left")).to_be_visible()
    mei.keyboard.press("Shift+Enter")
    mei.keyboard.type("Promise.")
    mei.keyboard.press("Enter")
    expect(jun.get_by_text("We will replace it.\nPromise.")).to_be_visible()
    expect(box).to_have_value("")
    mei.keyboard.press("Escape")
    mei.keyboard.press("e")
    expect(jun.get_by_role("status").filter(has_text="Resolved")).to_be_visible()
    assert desk.problems == []
    assert [row.text for row in desk.ground.rows(outbox, author="agent")] == ["We will replace it.\nPromise."]


def test_what_a_customer_wrote_is_shown_and_never_run(desk: Desk) -> None:
    mei = desk.seat("mei")
    mei.get_by_role("link", name="Emily").click()
    expect(mei.get_by_role("log").get_by_text(EVIL, exact=True)).to_be_visible()
    assert "owned" not in mei.title()
    assert mei.locator("#thread b", has_text="bold").count() == 0


def test_the_case_tells_why_it_is_here_what_came_and_who_writes(desk: Desk) -> None:
    mei = desk.seat("mei")
    mei.get_by_role("link", name="Emily").click()
    expect(mei.get_by_text("The bot was not sure and did not guess.")).to_be_visible()
    expect(mei.get_by_role("meter", name="returns.how").first).to_have_attribute("aria-valuenow", "0.46")
    expect(mei.get_by_text("Reference media-77")).to_be_visible()
    expect(mei.get_by_text("12,480")).to_be_visible()


def test_a_doubtful_message_is_sent_again_only_after_a_second_thought(desk: Desk) -> None:
    mei = desk.seat("mei")
    mei.get_by_role("link", name="Emily").click()
    expect(mei.get_by_text("May not have arrived")).to_be_visible()
    mei.once("dialog", lambda dialog: dialog.dismiss())
    mei.get_by_role("button", name="Send again").click()
    expect(mei.get_by_text("May not have arrived")).to_be_visible()
    mei.once("dialog", lambda dialog: dialog.accept())
    mei.get_by_role("button", name="Send again").click()
    expect(mei.get_by_text("Waiting to be sent")).to_be_visible()


def test_a_draft_survives_a_look_at_another_case(desk: Desk) -> None:
    mei = desk.seat("mei")
    read(mei, "Emily")
    mei.keyboard.press("n")
    mei.keyboard.type("ask the warehouse")
    read(mei, "Tom")
    mei.keyboard.press("n")
    expect(mei.get_by_role("textbox", name="Write")).to_have_value("")
    mei.keyboard.press("Escape")
    read(mei, "Emily")
    mei.keyboard.press("n")
    expect(mei.get_by_role("textbox", name="Write")).to_have_value("ask the warehouse")


def test_on_a_phone_the_list_leads_to_the_case_and_back(desk: Desk) -> None:
    mei = desk.seat("mei", 390, 844)
    mei.get_by_role("link", name="Tom").click()
    expect(mei.get_by_role("link", name="Tom")).to_be_hidden()
    expect(mei.get_by_role("heading", name="Tom", exact=True)).to_be_visible()
    mei.get_by_role("button", name="About the customer").click()
    expect(mei.get_by_text("Not verified, so no member data is shown.")).to_be_visible()
    mei.get_by_role("region", name="About the customer").get_by_role("button", name="Close").click()
    mei.get_by_role("button", name="Back to the list").click()
    expect(mei.get_by_role("link", name="Tom")).to_be_visible()
    assert mei.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_desk_can_be_used_by_everybody(desk: Desk, width: int, height: int, scheme: str) -> None:
    mei = desk.seat("mei", width, height, scheme)
    found = barriers(mei)
    read(mei, "Emily")
    found += barriers(mei)
    assert "\n".join(found) == ""


def barriers(page: Page) -> list[str]:
    """What axe finds, as rule and element."""
    violations = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in violations for node in rule["nodes"]]
