"""What leads see of the accounts, and what agents see of a post that was overheard, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from support.conversations import Seeder
from support.desk_browser import Desk, barriers, desk_open
from support.services import MovableClock

from bot.domain.cases import Role
from bot.domain.messages import Kind, OutboxState, Reason
from bot.stores.sql.schema import cases, messages, outbox, standings

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=\"document.title='owned'\">云杉茶真难喝"
LINK = "https://x.com/linxiao/status/1789"


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    staff = {"mei": Role.AGENT, "lead": Role.LEAD, "boss": Role.ADMIN}
    with desk_open(chromium, tmp_path, staff, seed) as seated:
        yield seated


def seed(seeder: Seeder, clock: MovableClock) -> None:
    talk = seeder.conversation(seeder.customer("Emily"))
    seeder.hears(talk, "Hello")
    row = seeder.answers(talk, "Hello!", "small.hello", OutboxState.IN_DOUBT)
    seeder.change(outbox, row, state_at=clock.now(), error="wechat:45015")
    post = seeder.conversation(seeder.customer("林晓"), "brand-x", "twitter", thread=Kind.OVERHEARD.value)
    line = seeder.hears(post, EVIL, Kind.OVERHEARD)
    data = {"id": "1789", "username": "linxiao", "name": "林晓", "followers": "42000", "link": LINK}
    seeder.change(messages, line, data=json.dumps(data))
    case = seeder.case(post, Reason.OVERHEARD, priority=-40)
    seeder.change(cases, case, detail="unhappy", waiting_since=0.0)
    halted = {"account": "brand-x", "halted": "twitter:402", "halted_at": clock.now()}
    seeder.execute(standings.insert().values(**halted, error="", error_at=0.0, heard_at=clock.now()))


def card(page: Page, name: str) -> str:
    return page.get_by_role("article", name=name).inner_text()


@pytest.mark.parametrize("login", ["lead", "boss"])
def test_leads_see_the_health_of_every_account(desk: Desk, login: str) -> None:
    page = desk.log_in(login)
    page.get_by_role("link", name="Accounts").click()
    expect(page.get_by_role("heading", name="Account health")).to_be_visible()
    x, wechat = card(page, "brand-x"), card(page, "小云生活")
    assert "Sending stopped" in x
    assert "twitter:402" in x
    assert "$5.00 left" in x
    assert "Needs attention" in wechat
    assert "Wait until they write again. (wechat:45015)" in wechat
    assert "Money" not in wechat
    assert page.get_by_role("article").first.get_by_role("heading").inner_text() == "brand-x"  # the worst first


def test_an_agent_may_not_open_the_accounts_page(desk: Desk) -> None:
    page = desk.log_in("mei")
    expect(page.get_by_role("link", name="Accounts")).to_have_count(0)
    answer = page.goto(page.url.replace("/desk", "/accounts"))
    assert answer is not None
    assert answer.status == 403


def test_the_accounts_page_is_in_both_languages(desk: Desk) -> None:
    page = desk.log_in("lead")
    page.goto(page.url.replace("/desk", "/accounts"))
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="账号状况")).to_be_visible()
    assert "已停止发送" in card(page, "brand-x")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_the_page_is_accessible_on_large_and_small_screens(desk: Desk, width: int, scheme: str, tmp_path: Path) -> None:
    page = desk.log_in("lead", width, 844, scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert barriers(page) == []
    page.goto(page.url.replace("/desk", "/accounts"))
    page.locator("details").evaluate_all("all => all.forEach((one) => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert barriers(page) == []
    assert desk.problems == []


def test_an_agent_reads_an_overheard_post_takes_it_and_can_only_leave_a_note(desk: Desk) -> None:
    page = desk.log_in("mei")
    case = page.get_by_role("link", name="林晓")
    expect(case).to_contain_text("Mention without @")
    expect(case).not_to_contain_text("Customer's turn")
    case.click()
    expect(page.get_by_text("Claim the case to reply.")).to_have_count(0)
    thread = page.get_by_role("log")
    expect(thread.get_by_text(EVIL)).to_be_visible()
    expect(thread.get_by_text("林晓 @linxiao · 42,000 followers")).to_be_visible()
    link = thread.get_by_role("link", name="Open on X")
    assert (link.get_attribute("href"), link.get_attribute("rel")) == (LINK, "noopener noreferrer")
    expect(page.get_by_text("Probably unhappy")).to_be_visible()
    expect(page.get_by_role("button", name="Dismiss")).to_be_visible()
    expect(page.get_by_role("button", name="Hand back")).to_have_count(0)
    page.get_by_role("button", name="Claim").click()
    expect(page.get_by_text("You have it")).to_be_visible()
    box = page.get_by_role("textbox", name="Write")
    expect(page.get_by_role("radio", name="Note")).to_be_checked()  # there is nobody to reply to
    box.fill("Answered by hand on X.")
    box.press("Enter")
    expect(thread.get_by_text("Answered by hand on X.")).to_be_visible()
    assert "owned" not in page.title()
    assert barriers(page) == []
    assert desk.problems == []


def test_an_overheard_post_fits_a_phone(desk: Desk) -> None:
    page = desk.log_in("mei", 390, 844, "dark")
    page.get_by_role("link", name="林晓").click()
    expect(page.get_by_role("log").get_by_text(EVIL)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert barriers(page) == []
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("Resolved.")).to_be_visible()
