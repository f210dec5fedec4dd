"""The timeline page as people use it: in a browser, in both languages, at a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import tweepy
from playwright.sync_api import Browser, Page, expect
from support.chromium import LateAnswer, barriers, launched
from support.input_method import BROWSERS, ends_a_composition
from support.simulated_x import Stage, standing

from bot.simulators.page import page_words

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as opened:
        yield opened


class Timeline:
    """The page in the words that stand on it."""

    def __init__(self, page: Page, address: str, language: str) -> None:
        self.page = page
        self.words = page_words("simulator.twitter", language)
        page.goto(f"{address}/?lang={language}")

    def joins(self, name: str, handle: str) -> None:
        self.page.get_by_label(self.words["name"], exact=True).fill(name)
        self.page.get_by_label(self.words["handle"]).fill(handle)
        self.page.get_by_role("button", name=self.words["add"], exact=True).click()
        expect(self.page.locator("#people [aria-current]")).to_contain_text(f"@{handle}")

    def says(self, text: str) -> None:
        draft = self.page.locator("#draft")
        draft.fill(text)
        draft.press("Enter")
        expect(self.page.get_by_role("log").get_by_text(text, exact=False).last).to_be_visible()

    def goes_to(self, tab: str) -> None:
        self.page.get_by_role("button", name=self.words[tab], exact=False).first.click()


@pytest.fixture
def stage() -> Iterator[Stage]:
    with standing() as opened:
        yield opened


@pytest.fixture
def lin(browser: Browser, stage: Stage) -> Iterator[Timeline]:
    """The timeline in English, as Lin sees it."""
    timeline = Timeline(browser.new_page(), stage.url, "en")
    timeline.joins("Lin", "linxiao")
    yield timeline
    timeline.page.close()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_mention_a_reply_and_a_private_conversation_are_shown(browser: Browser, language: str) -> None:
    with standing() as stage:
        page = browser.new_page()
        lin = Timeline(page, stage.url, language)
        lin.joins("林晓", "linxiao")
        lin.says("积分什么时候过期？ @YunshanTea")
        (asked,) = _mentions(stage)
        stage.user.create_tweet(text="请私信我们：https://twitter.com/messages/compose?recipient_id=1600000000000000001",
                                in_reply_to_tweet_id=str(asked.id))  # fmt: skip
        page.get_by_role("button", name=lin.words["private"]).click()
        lin.says("查积分")
        stage.user.create_direct_message(participant_id=str(asked.author_id), text="您有 1,280 积分")
        expect(page.get_by_role("log", name=lin.words["thread"]).get_by_text("您有 1,280 积分")).to_be_visible()
        assert barriers(page) == []
        page.close()


def test_a_message_told_while_the_conversation_is_on_its_way_is_shown(stage: Stage, lin: Timeline) -> None:
    lin.says("@YunshanTea hello")
    (asked,) = _mentions(stage)
    lin.goes_to("messages")
    lin.says("My points?")
    talk = LateAnswer(lin.page, "**/api/people/*/messages")
    lin.goes_to("messages")
    talk.wait()
    stage.user.create_direct_message(participant_id=str(asked.author_id), text="You have 1,280 points")
    expect(lin.page.get_by_text("You have 1,280 points")).to_be_visible()
    talk.release()
    lin.says("Thank you")
    expect(lin.page.get_by_text("You have 1,280 points")).to_be_visible()


def test_an_author_edits_and_deletes_a_post(stage: Stage, lin: Timeline) -> None:
    lin.says("@YunshanTea helo")
    lin.page.get_by_role("button", name=lin.words["edit"]).click()
    lin.says("@YunshanTea hello")
    expect(lin.page.get_by_text(lin.words["edited"], exact=True)).to_be_visible()
    assert [post.text for post in _mentions(stage)] == ["@YunshanTea hello"]
    lin.page.get_by_role("button", name=lin.words["remove"]).click()
    expect(lin.page.get_by_text(lin.words["nothing_yet"])).to_be_visible()
    assert _mentions(stage) == []


def test_the_enter_that_confirms_pinyin_posts_nothing_and_its_escape_keeps_the_reply(
    stage: Stage, lin: Timeline
) -> None:
    lin.says("@YunshanTea hello")
    lin.page.get_by_role("button", name=lin.words["reply"], exact=True).click()
    draft = lin.page.locator("#draft")
    for name in BROWSERS:
        ends_a_composition(draft, name, "Escape", "ni")
        expect(lin.page.locator("#context")).to_be_visible()
        ends_a_composition(draft, name, "Enter", "您好")
        expect(draft).to_have_value("您好")
    lin.says("@YunshanTea 您好")
    assert [post.text for post in _mentions(stage)] == ["@YunshanTea 您好", "@YunshanTea hello"]


def test_on_a_phone_one_view_fills_the_screen_and_everything_is_reachable(browser: Browser) -> None:
    with standing() as stage:
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        lin = Timeline(page, stage.url, "en")
        page.get_by_role("button", name=lin.words["people"], exact=True).click()
        lin.joins("Lin", "linxiao")
        lin.says("@YunshanTea hello")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert barriers(page) == []
        page.get_by_role("button", name=lin.words["behind"], exact=True).click()
        with page.expect_response("**/api/faults"):
            page.get_by_label(lin.words["fault_down"]).check()
        expect(page.get_by_text(lin.words["wire_none"])).to_be_visible()
        with pytest.raises(Exception, match="503"):
            stage.user.get_me()
        expect(page.get_by_role("list", name=lin.words["wire"]).get_by_text("503")).to_be_visible()
        page.close()


def _mentions(stage: Stage) -> list[tweepy.Tweet]:
    found = stage.user.get_users_mentions(stage.brand.id, user_auth=True, tweet_fields=["author_id"])
    return list(found.data or [])
