"""The phone page as people use it in a browser: text messages, an input method, closing what has dropped in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from support.chromium import LateAnswer, PhonePage, barriers, launched
from support.input_method import BROWSERS, ends_a_composition
from support.wechat_webhook import ACCOUNT, Shop, opened

from bot.simulators.wechat import Platform, running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as opened_browser:
        yield opened_browser


@contextmanager
def standing() -> Iterator[str]:
    """The address of a simulator whose account answers everything, in a thread of its own."""
    ready, over = threading.Event(), threading.Event()
    address: list[str] = []

    async def stand(webhook: str) -> None:
        async with Platform(ACCOUNT, webhook) as platform, running(platform) as url:
            address.append(url)
            ready.set()
            await asyncio.to_thread(over.wait)

    with opened(Shop(answers=lambda *_: "收到")) as shop:
        thread = threading.Thread(target=asyncio.run, args=(stand(shop.address),))
        thread.start()
        try:
            assert ready.wait(20)
            yield address[0]
        finally:
            over.set()
            thread.join(20)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened_page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    yield opened_page
    opened_page.close()


def text_message(address: str, number: str, text: str, key: str) -> None:
    answer = httpx.post(f"{address}/sms", json={"phone": number, "text": text, "key": key}, trust_env=False)
    assert answer.json() == {"accepted": True, "repeated": False}


def test_a_text_message_shows_on_the_phone_with_its_number_and_on_no_other(page: Page) -> None:
    with standing() as address:
        phone = PhonePage(page, address, "en")
        phone.follows("Lin", "138 0013-8000")
        phone.follows("Emma")
        text_message(address, "13900139000", "Your code is 111111", "k1")
        text_message(address, "+8613800138000", "Your code is 222222", "k2")
        wire = page.get_by_role("list", name="On the wire")
        expect(wire.get_by_text("no follower has this number")).to_have_count(1)
        expect(wire.get_by_text("13900139000")).to_be_visible()
        expect(page.get_by_role("alert")).to_be_hidden()
        page.get_by_role("button", name="Lin").click()
        expect(page.get_by_role("alert")).to_contain_text("222222")
        assert barriers(page) == []
        phone.fills_in_the_code()
        expect(page.get_by_role("alert")).to_be_hidden()


def test_an_answer_that_arrives_late_hides_no_newer_line(page: Page) -> None:
    with standing() as address:
        phone = PhonePage(page, address, "en")
        phone.follows("Lin")
        lines = LateAnswer(page, "**/api/followers/*")
        page.get_by_role("button", name="Lin").click()
        lines.wait()
        phone.asks("Hello", "收到")
        with page.expect_response("**/api/followers/*"):
            page.get_by_role("button", name="Lin").click()
        lines.release()
        phone.asks("Anybody?", "收到")
        expect(phone.lines.get_by_text("Hello", exact=True)).to_be_visible()


def test_a_follower_who_is_made_while_the_state_is_on_its_way_is_kept(page: Page) -> None:
    with standing() as address:
        phone = PhonePage(page, address, "en")
        phone.follows("Lin")
        state = LateAnswer(page, "**/api/state")
        page.reload()
        state.wait()
        page.get_by_label("Name", exact=True).fill("Emma")
        with page.expect_response("**/api/followers/*"):
            page.get_by_label("Name", exact=True).press("Enter")
        state.release()
        expect(phone.said_to_me()).to_have_count(1)
        phone.asks("Hello", "收到")
        expect(page.locator("#speaker")).to_have_text("Emma")
        expect(phone.said_to_me()).to_have_count(2)


def test_the_enter_that_confirms_pinyin_sends_nothing_and_its_escape_closes_nothing(page: Page) -> None:
    with standing() as address:
        phone = PhonePage(page, address, "en")
        phone.follows("Lin", "13800138000")
        text_message(address, "13800138000", "Your code is 222222", "k2")
        draft = page.locator("#draft")
        for browser in BROWSERS:
            ends_a_composition(draft, browser, "Escape", "ni")
            expect(page.get_by_role("alert")).to_be_visible()
            ends_a_composition(draft, browser, "Enter", f"您好 {browser}")
            expect(draft).to_have_value(f"您好 {browser}")
            draft.press("Enter")
            expect(phone.lines.get_by_text(f"您好 {browser}", exact=True)).to_be_visible()
        draft.press("Escape")
        expect(page.get_by_role("alert")).to_be_hidden()
