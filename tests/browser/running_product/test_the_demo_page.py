"""The demo page as a newcomer meets it: two followers' phones and the desk at once, one click from the login."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect
from support.chromium import DeskPage, Screens, on_every_screen
from support.running_product import Product

from bot.app.site import DEMO_LOGIN

pytestmark = [pytest.mark.browser, pytest.mark.faults]

ODD = "Can you engrave a name on the base of a gaiwan?"
REPLY = "Yes, gladly: our potter engraves it by hand."


@pytest.fixture
def screens(chromium: Browser) -> Iterator[Screens]:
    screens = Screens(chromium)
    yield screens
    screens.close()


class Stage:
    """The demo page, read in English: Grace's phone stands first."""

    def __init__(self, page: Page, product: Product) -> None:
        self.page = page
        page.goto(f"{product.site}/demo")
        self.grace, self.lin = page.frame_locator("#phone-1"), page.frame_locator("#phone-2")
        self.desk = page.frame_locator("#desk")

    def enters(self) -> None:
        self.desk.get_by_role("button", name="Enter with the demo login").click()
        expect(self.desk.get_by_text("Live", exact=True)).to_be_visible()


def writes(phone: FrameLocator, text: str) -> None:
    phone.locator("#draft").fill(text)
    phone.locator("#draft").press("Enter")
    expect(phone.locator(".line.follower").last).to_contain_text(text)


def heard(phone: FrameLocator, words: str) -> None:
    expect(phone.locator(".line.account .bubble").last).to_contain_text(words)


def test_two_followers_and_an_agent_complete_the_story_on_the_demo_page(screens: Screens, product: Product) -> None:
    assert product.told().index(f"{product.site}/demo") < product.told().index(f"{product.site}/desk")
    stage = Stage(screens.screen("en-GB"), product)
    for phone, name in ((stage.grace, "Grace Miller"), (stage.lin, "林晓")):
        expect(phone.locator("#speaker")).to_have_text(name)
        expect(phone.locator(".line.account")).to_have_count(1)
    stage.enters()
    grace_asks_and_learns_her_points(stage)
    both_need_a_person(stage)
    the_agent_answers_grace(stage)
    assert screens.problems == []


def grace_asks_and_learns_her_points(stage: Stage) -> None:
    """The first question stands there to be tapped, then the menu has more."""
    stage.grace.get_by_role("button", name="How many points do I have?").click()
    heard(stage.grace, "phone")
    expect(stage.grace.locator("#chips")).to_be_hidden()
    writes(stage.grace, "+447700900123")
    stage.grace.get_by_role("alert").get_by_role("button").first.click()
    stage.grace.get_by_role("button", name="Send", exact=True).click()
    heard(stage.grace, "1,840 points")
    stage.grace.get_by_role("button", name="Help").click()
    stage.grace.get_by_role("button", name="How do I return something?").click()
    heard(stage.grace, "within 7 days")
    expect(stage.grace.locator("#quota-short")).to_contain_text("of")


def both_need_a_person(stage: Stage) -> None:
    """The list fills by itself, and a member who proved who she is has her name there."""
    writes(stage.grace, ODD)
    writes(stage.lin, "我要找人工客服")
    expect(stage.desk.locator("#lines a")).to_have_count(2)
    expect(stage.desk.locator("#lines a", has_text="Grace Miller")).to_be_visible()


def the_agent_answers_grace(stage: Stage) -> None:
    stage.desk.locator("#lines a", has_text="Grace Miller").click()
    expect(stage.desk.locator("#handoff")).not_to_have_attribute("open", "")
    stage.desk.get_by_role("button", name="Claim").click()
    stage.desk.locator("#draft").fill(REPLY)
    expect(stage.grace.get_by_text("Typing…")).to_be_visible()
    stage.desk.locator("#draft").press("Enter")
    heard(stage.grace, REPLY)
    expect(stage.grace.get_by_text("Typing…")).to_be_hidden()
    expect(stage.lin.locator(".line.account", has_text=REPLY)).to_have_count(0)


def test_of_two_agents_who_click_at_once_one_has_the_case_and_the_other_reads_the_winners_name(
    screens: Screens, product: Product
) -> None:
    stage = Stage(screens.screen("en-GB"), product)
    writes(stage.lin, "我要找人工客服")
    agents = [DeskPage(screens.screen(), product.site, (login, DEMO_LOGIN[1])) for login in (DEMO_LOGIN[0], "demo2")]
    for agent in agents:
        agent.opens(agent.cases().filter(has_text="我要找人工客服"))
        agent.page.evaluate("() => { setTimeout(() => document.querySelector('.acts .primary').click(), 1500) }")
    has_it = [agent.page.locator("#head .state.mine") for agent in agents]
    expect(has_it[0].or_(agents[0].page.get_by_text("正在处理", exact=False)).first).to_be_visible()
    expect(has_it[1].or_(agents[1].page.get_by_text("正在处理", exact=False)).first).to_be_visible()
    assert sorted(one.count() for one in has_it) == [0, 1]


def test_the_demo_page_is_accessible(screens: Screens, product: Product) -> None:
    """The page, and a phone alone as its frame shows it: both sizes of each, light and dark, Chinese and English."""
    found: list[str] = []
    for locale in ("zh-CN", "en-GB"):
        page = screens.screen(locale)
        Stage(page, product)
        found += on_every_screen(page, f"{locale} demo")
        alone = page.locator("#phone-1").get_attribute("src")
        page.goto(str(alone))
        expect(page.locator(".line").first).to_be_visible()
        page.locator("[data-sub]").click()
        found += on_every_screen(page, f"{locale} phone alone", ((308, 780), (390, 740)))
    assert "\n".join(found) == ""


def test_on_a_small_screen_one_side_is_shown_at_a_time(screens: Screens, product: Product) -> None:
    page = screens.screen("en-GB")
    page.set_viewport_size({"width": 390, "height": 844})
    stage = Stage(page, product)
    expect(stage.grace.locator("#draft")).to_be_visible()
    expect(page.locator("#desk")).to_be_hidden()
    page.get_by_role("button", name="Desk").click()
    expect(page.locator("#phone-1")).to_be_hidden()
    expect(stage.desk.get_by_role("button", name="Enter with the demo login")).to_be_visible()
