"""The same story with eyes and hands: a phone and two desks, side by side in chromium; and nobody is kept out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from support.chromium import DeskPage, PhonePage, Screens, on_every_screen
from support.running_product import Product

from bot.app.site import DEMO_LOGIN

pytestmark = [pytest.mark.browser, pytest.mark.faults]

NUMBER = "13800000001"
ODD = "能把我爷爷的名字刻在壶底吗？他下个月八十大寿"
NOTE = "问过景德镇的师傅：刻底款五天，免费。"
REPLY = "林小姐您好，可以的：请师傅刻底款，五天寄出，不另收费。"


class Room(Screens):
    """Screens beside each other, on one product."""

    def __init__(self, product: Product, chromium: Browser) -> None:
        super().__init__(chromium)
        self.product = product

    def phone(self) -> PhonePage:
        return PhonePage(self.screen(), self.product.phone)

    def desk(self, login: str) -> DeskPage:
        return DeskPage(self.screen(), self.product.site, (login, DEMO_LOGIN[1]))


@pytest.fixture
def room(product: Product, chromium: Browser) -> Iterator[Room]:
    room = Room(product, chromium)
    yield room
    room.close()


def test_a_follower_and_two_agents_complete_the_story_at_once(room: Room) -> None:
    lin, yun, shan = room.phone(), room.desk(DEMO_LOGIN[0]), room.desk("demo2")
    the_bot_answers_and_tells_points(lin)
    an_odd_question_appears_at_both_desks(lin, yun, shan)
    yun_reads_it_all_and_takes_it(yun, shan)
    yun_answers_and_lin_sees_it(lin, yun, shan)
    yun_resolves_it(yun, shan)
    assert room.problems == []


def the_bot_answers_and_tells_points(lin: PhonePage) -> None:
    lin.follows("林晓", NUMBER)
    lin.asks("怎么退货？", "签收后 7 天内")
    lin.asks("我有多少积分？", "会员号或登记的手机号")
    lin.asks(NUMBER, "验证码已经发到")
    lin.fills_in_the_code()
    expect(lin.said_to_me().last).to_contain_text("1,000 积分")
    lin.page.reload()
    expect(lin.said_to_me().last).to_contain_text("1,000 积分")
    expect(lin.page.get_by_role("alert")).to_be_hidden()


def an_odd_question_appears_at_both_desks(lin: PhonePage, yun: DeskPage, shan: DeskPage) -> None:
    """Without anybody's asking: the list fills by itself."""
    expect(yun.page.get_by_text("没有等待的顾客。")).to_be_visible()
    lin.asks(ODD, "您排在第 1 位")
    for desk in (yun, shan):
        expect(desk.cases()).to_have_count(1)


def yun_reads_it_all_and_takes_it(yun: DeskPage, shan: DeskPage) -> None:
    shan.opens_the_first()
    yun.opens_the_first()
    for said in ("怎么退货？", "签收后 7 天内", "1,000 积分", ODD):
        expect(yun.thread().get_by_text(said).first).to_be_attached()
    expect(yun.page.get_by_text("机器人没有把握，没有乱答。")).to_be_visible()
    expect(yun.page.get_by_role("heading", name="林晓")).to_be_visible()
    expect(yun.page.get_by_text("YS100001")).to_be_visible()
    yun.does("claim")
    expect(yun.page.get_by_text("由你处理")).to_be_visible()
    expect(shan.page.get_by_text("小云 Demo 正在处理", exact=True)).to_be_visible()
    expect(shan.page.get_by_role("button", name="接手")).to_have_count(0)


def yun_answers_and_lin_sees_it(lin: PhonePage, yun: DeskPage, shan: DeskPage) -> None:
    yun.notes(NOTE)
    expect(shan.thread().get_by_text(NOTE)).to_be_visible()
    yun.replies(REPLY)
    expect(lin.said_to_me().last).to_have_text(REPLY)
    lin.types("太好了，名字是林敬亭")
    expect(yun.thread().get_by_text("太好了，名字是林敬亭")).to_be_visible()
    expect(lin.said_to_me().last).to_have_text(REPLY)
    expect(lin.lines.get_by_text(NOTE)).to_have_count(0)


def yun_resolves_it(yun: DeskPage, shan: DeskPage) -> None:
    yun.does("resolve")
    expect(yun.page.get_by_text("已解决。")).to_be_visible()
    for desk in (yun, shan):
        expect(desk.cases()).to_have_count(0)


def test_a_follower_who_unfollows_is_erased_on_the_agents_page(room: Room) -> None:
    lin, yun = room.phone(), room.desk(DEMO_LOGIN[0])
    lin.follows("郑雨桐")
    lin.asks(ODD, "您排在第")
    yun.opens(yun.cases().last)
    yun.does("claim")
    yun.replies(REPLY)
    lin.page.get_by_role("button", name="取消关注").click()
    expect(yun.page.get_by_text("这个会话已经结束。")).to_be_visible()
    expect(yun.page.get_by_text("由你处理")).to_have_count(0)
    expect(yun.thread().get_by_text(REPLY)).to_have_count(0)
    expect(yun.thread().get_by_text("内容已抹除").first).to_be_visible()
    assert room.problems == []


def test_the_pages_are_accessible_on_every_screen_in_both_themes_and_languages(room: Room) -> None:
    min_ = room.phone()
    min_.follows("周敏")
    min_.asks("怎么退货？", "签收后 7 天内")
    min_.asks(ODD, "您排在第")
    found: list[str] = []
    for locale in ("zh-CN", "en-GB"):
        found += on_every_screen(min_.page, f"{locale} phone")
        min_.page.locator("#language").click()
        found += at_the_desk(room, locale)
    assert "\n".join(found) == ""


def at_the_desk(room: Room, locale: str) -> list[str]:
    """The login, the list and a case. Words differ by language, so the way is found without them."""
    page = room.screen(locale)
    page.goto(f"{room.product.site}/desk")
    found = on_every_screen(page, f"{locale} login")
    page.locator("[autocomplete=username]").fill(DEMO_LOGIN[0])
    page.locator("[autocomplete=current-password]").fill(DEMO_LOGIN[1])
    page.locator("[autocomplete=current-password]").press("Enter")
    expect(page.locator("#live.on")).to_be_visible()
    expect(page.locator("#lines a").first).to_be_visible()
    found += on_every_screen(page, f"{locale} list")
    page.locator("#lines a").first.click()
    expect(page.locator("#thread .said").first).to_be_attached()
    return found + on_every_screen(page, f"{locale} case")
