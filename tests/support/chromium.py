"""Chromium, and actions on the phone page and at the desk, by the words that these pages show."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import APIResponse, Browser, BrowserContext, Locator, Page, Route, expect, sync_playwright
from support.services import missing

from bot.i18n import section
from bot.simulators.page import page_words

LARGE, SMALL = (1440, 900), (390, 844)
SLOW = 30_000  # milliseconds; a machine may be busy


@contextmanager
def launched(**environment: str) -> Iterator[Browser]:
    """The system's chromium, with these variables set. Without it a test skips, and fails in CI. What a test expects of
    a page may take long, as other tests run beside it."""
    expect.set_options(timeout=SLOW)
    path = shutil.which("chromium")
    if path is None:
        missing("chromium", "no program of that name")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"], env={**os.environ, **environment}
        )
        yield browser
        browser.close()


class LateAnswer:
    """The next request of a page to this address is answered at once, but the page gets the answer at `release`."""

    def __init__(self, page: Page, address: str) -> None:
        self._page = page
        self._held: list[tuple[Route, APIResponse]] = []
        page.route(address, self._hold, times=1)

    def wait(self) -> None:
        """Until the answer is there: what happens from now on is not in it."""
        while not self._held:
            self._page.wait_for_timeout(20)

    def release(self) -> None:
        route, answer = self._held[0]
        with self._page.expect_request_finished(lambda request: request == route.request):
            route.fulfill(response=answer)

    def _hold(self, route: Route) -> None:
        self._held.append((route, route.fetch()))


class Screens:
    """Windows side by side, each with its own cookies and storage, and the errors of all of them."""

    def __init__(self, chromium: Browser) -> None:
        self._chromium = chromium
        self._contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    def screen(self, locale: str = "zh-CN") -> Page:
        context = self._chromium.new_context(
            viewport={"width": LARGE[0], "height": LARGE[1]}, locale=locale, reduced_motion="reduce"
        )
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self.problems.append(line.text) if line.type == "error" else None)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def on_every_screen(page: Page, where: str, sizes: Sequence[tuple[int, int]] = (LARGE, SMALL)) -> list[str]:
    """In these sizes, light and dark: what axe finds, and whether anything is wider than the screen."""
    found = []
    for width, height in sizes:
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"{where} {width} {scheme}: {barrier}" for barrier in barriers(page)]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{where} {width}: wider than the screen")
    page.set_viewport_size({"width": LARGE[0], "height": LARGE[1]})
    return found


def barriers(page: Page) -> list[str]:
    """Accessibility problems that axe finds and calls serious or critical: rule and element."""
    found = Axe().run(page).response["violations"]
    grave = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in grave for node in rule["nodes"]]


class PhonePage:
    """The simulated WeChat's page, one follower at a time. `language`: 'zh' or 'en', in which its reader reads it."""

    def __init__(self, page: Page, address: str, language: str = "zh") -> None:
        self.page = page
        self._words = page_words("simulator.wechat", language)
        page.goto(f"{address}/?lang={language}")
        self.lines = page.get_by_role("log", name=self._words["lines"])

    def follows(self, name: str, number: str = "") -> None:
        """A new follower is made, follows the account and is greeted."""
        self.page.get_by_label(self._words["name"], exact=True).fill(name)
        self.page.get_by_label(self._words["number"]).fill(number)
        self.page.get_by_role("button", name=self._words["add"]).click()
        expect(self.page.locator("#speaker")).to_have_text(name)
        expect(self.said_to_me()).to_have_count(1)

    def types(self, text: str) -> None:
        """Writes and sends with the Enter key; waits until the webhook has taken it."""
        before = self._mine().count()
        draft = self.page.get_by_role("textbox", name=self._words["write"])
        draft.fill(text)
        draft.press("Enter")
        self._sent(before)

    def asks(self, text: str, answer: str) -> None:
        """Writes, and reads an answer with these words in it."""
        before = self.said_to_me().count()
        self.types(text)
        expect(self.said_to_me()).to_have_count(before + 1)
        expect(self.said_to_me().last).to_contain_text(answer)

    def fills_in_the_code(self) -> None:
        """Taps the code in the text message that has dropped in from above, and sends it."""
        before = self._mine().count()
        self.page.get_by_role("alert").get_by_role("button", name=self._words["fill"]).click()
        self.page.get_by_role("button", name=self._words["send"], exact=True).click()
        self._sent(before)

    def said_to_me(self) -> Locator:
        return self.lines.locator(".line.account .bubble")

    def _mine(self) -> Locator:
        return self.lines.locator(".line.follower")

    def _sent(self, before: int) -> None:
        expect(self._mine()).to_have_count(before + 1)
        expect(self._mine().last.get_by_text(self._words["sending"])).to_have_count(0)


class DeskPage:
    """An agent at the desk, who has logged in. `language`: 'zh' or 'en', which the browser must prefer too."""

    def __init__(self, page: Page, address: str, login: tuple[str, str], language: str = "zh") -> None:
        self.page = page
        self.words = section("desk", language)
        page.goto(f"{address}/desk")
        page.get_by_label(self.words["login.login"], exact=True).fill(login[0])
        page.get_by_label(self.words["login.password"]).fill(login[1])
        page.get_by_role("button", name=self.words["login.enter"]).click()
        expect(page.get_by_text(self.words["live.on"], exact=True)).to_be_visible()

    def cases(self) -> Locator:
        return self.page.get_by_role("navigation", name=self.words["list.label"]).get_by_role("link")

    def thread(self) -> Locator:
        return self.page.get_by_role("log", name=self.words["thread.label"])

    def looks_at(self, tab: str) -> None:
        """waiting, mine or all."""
        self.page.get_by_role("button", name=self.words[f"list.{tab}"]).click()

    def opens_the_first(self) -> None:
        self.opens(self.cases().first)

    def opens(self, case: Locator) -> None:
        case.click()
        expect(self.thread().locator(".said").first).to_be_attached()

    def does(self, act: str) -> None:
        """claim, release, resolve or hand_back."""
        self.page.get_by_role("button", name=self.words[f"act.{act}"]).click()

    def replies(self, text: str) -> None:
        """Writes to the customer and sends with the Enter key."""
        self.drafts(text)
        self._sends(text)

    def notes(self, text: str) -> None:
        """Writes something that only staff read."""
        self.drafts(text, "compose.note")
        self._sends(text)

    def drafts(self, text: str, mode: str = "compose.reply") -> None:
        """Writes without sending."""
        self.page.get_by_role("radiogroup").get_by_text(self.words[mode]).click()
        self._box().fill(text)

    def _sends(self, text: str) -> None:
        self._box().press("Enter")
        expect(self.thread().get_by_text(text)).to_be_visible()
        expect(self._box()).to_have_value("")

    def _box(self) -> Locator:
        return self.page.get_by_role("textbox", name=self.words["compose.label"])
