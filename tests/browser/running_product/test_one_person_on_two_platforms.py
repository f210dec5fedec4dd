"""A member writes on the phone page and on X's timeline page: one customer, seen whole by the agent who helps her."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from support.chromium import barriers
from support.followers_and_agents import Agent, Follower, Json
from support.running_product import Product, eventually

from bot.app.site import DEMO_LOGIN
from bot.simulators.page import page_words

pytestmark = [pytest.mark.faults, pytest.mark.browser]

NUMBER = "13800000002"
ODD = "能把我奶奶的名字刻在壶底吗？她下个月七十大寿"


class Poster:
    """Somebody at the timeline page."""

    def __init__(self, page: Page, address: str, name: str, handle: str) -> None:
        self.page = page
        page.goto(f"{address}/x/?lang=zh")
        page.get_by_label(_word("name"), exact=True).fill(name)
        page.get_by_label(_word("handle")).fill(handle)
        page.get_by_role("button", name=_word("add"), exact=True).click()
        expect(page.locator("#people [aria-current]")).to_contain_text(f"@{handle}")

    def says(self, text: str) -> None:
        self.page.locator("#draft").fill(text)
        self.page.locator("#draft").press("Enter")
        expect(self.page.get_by_role("log").get_by_text(text).last).to_be_visible()

    def reads(self, text: str) -> None:
        expect(self.page.get_by_role("log").get_by_text(text).last).to_be_visible(timeout=30_000)

    def writes_privately(self) -> None:
        self.page.get_by_role("button", name=_word("private")).first.click()


def _word(name: str) -> str:
    return page_words("simulator.twitter", "zh")[name]


@pytest.fixture
def an(product: Product) -> Iterator[Follower]:
    follower = Follower(product, "陈安然", NUMBER)
    yield follower
    follower.leave()


@pytest.fixture
def agent(product: Product) -> Iterator[Agent]:
    agent = Agent(product, *DEMO_LOGIN)
    yield agent
    agent.leave()


def test_a_member_linked_on_both_platforms_is_one_customer(
    product: Product, chromium: Browser, an: Follower, agent: Agent
) -> None:
    page = chromium.new_page()
    poster = Poster(page, product.phone, "陈安然", "chenanran")
    a_question_in_public_is_answered_there_and_points_only_privately(poster)
    the_code_goes_to_the_phone_on_record(poster, an)
    case = what_she_asks_on_the_phone_and_on_x_is_one_case(poster, an, agent)
    the_agents_answer_reaches_the_timeline_page(poster, agent, case)
    assert barriers(page) == []
    page.close()


def a_question_in_public_is_answered_there_and_points_only_privately(poster: Poster) -> None:
    """Within seconds, by the webhook: the next look is up to a minute away."""
    poster.says("@YunshanTea 怎么退货？")
    poster.reads("7 天内")
    poster.says("@YunshanTea 我有多少积分？")
    poster.reads("私信")


def the_code_goes_to_the_phone_on_record(poster: Poster, an: Follower) -> None:
    poster.writes_privately()
    poster.says("我有多少积分？")
    poster.reads("会员号或登记的手机号")
    poster.says(NUMBER)
    poster.reads("验证码已经发到")
    poster.says(an.code())
    poster.reads("绑定好了")
    an.hears("我有多少积分？")
    an.hears(NUMBER)
    eventually(lambda: len(an.text_messages()) == 2, "the second code")
    assert "绑定好了" in an.hears(an.code())


def what_she_asks_on_the_phone_and_on_x_is_one_case(poster: Poster, an: Follower, agent: Agent) -> Json:
    an.hears(ODD)
    poster.says("我刚在微信问的刻字，能行吗？")

    def joined() -> Json | None:
        (line,) = agent.board()
        case = agent.case(line["id"])
        return case if any("刻字" in said["text"] for said in case["said"]) else None

    case: Json = eventually(joined, "her private words on X, in the case of her words on WeChat")
    assert {ODD, NUMBER} <= {said["text"] for said in case["said"]}
    return case


def the_agents_answer_reaches_the_timeline_page(poster: Poster, agent: Agent, case: Json) -> None:
    case_id = case["line"]["id"]
    assert agent.does("claim", case_id).status_code == 200
    assert agent.writes(case_id, "陈女士您好，可以刻字，五天寄出。").status_code == 200
    poster.reads("陈女士您好，可以刻字")
    assert agent.does("resolve", case_id).status_code == 200
