"""Writing at the desk in a real browser: with an input method, on a slow network, while others change the case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from support.conversations import Seeder
from support.desk_browser import Desk, barriers, desk_open
from support.input_method import BROWSERS, ends_a_composition
from support.services import MovableClock

from bot.domain.cases import Role
from bot.domain.messages import Limits, Reason
from bot.stores.sql.schema import cases, customers, messages, outbox, staff
from bot.text import BYTES

pytestmark = pytest.mark.browser
LATENCY = 400  # milliseconds that each answer takes on a slow network


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    with desk_open(chromium, tmp_path, {"mei": Role.AGENT, "jun": Role.LEAD}, seed) as seated:
        yield seated


def seed(seeder: Seeder, clock: MovableClock) -> None:
    for name in ("Emily", "Tom"):
        talk = seeder.conversation(seeder.customer(name))
        asked = seeder.hears(talk, f"Can you engrave {name} on it?")
        seeder.understood(talk, asked, ("returns.how", 0.46), ("repair.start", 0.31))
        seeder.case(talk, Reason.UNSURE)
        clock.move(1)


def box_of(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Write")


def opened(desk: Desk, login: str = "mei", customer: str = "Emily") -> Page:
    page = desk.log_in(login)
    page.get_by_role("link", name=customer).click()
    expect(page.get_by_role("log").get_by_text(f"Can you engrave {customer} on it?")).to_be_visible()
    return page


def claimed(desk: Desk) -> Page:
    mei = opened(desk)
    mei.keyboard.press("c")
    expect(mei.get_by_text("You have it")).to_be_visible()
    return mei


def slow(page: Page, latency: int = LATENCY) -> None:
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    conditions = {"offline": False, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", conditions)


def replies(desk: Desk) -> list[str]:
    return [row.text for row in desk.seeder.rows(outbox, author="agent")]


def test_the_enter_that_confirms_pinyin_sends_no_reply_and_its_escape_leaves_none(desk: Desk) -> None:
    mei = claimed(desk)
    for browser in BROWSERS:
        ends_a_composition(box_of(mei), browser, "Escape", "ni")
        expect(box_of(mei)).to_be_focused()
        ends_a_composition(box_of(mei), browser, "Enter", f"您好 {browser}")
        expect(box_of(mei)).to_have_value(f"您好 {browser}")
        mei.keyboard.type("！")
        mei.keyboard.press("Enter")
        expect(mei.get_by_role("log").get_by_text(f"您好 {browser}！", exact=True)).to_be_visible()
    mei.keyboard.press("Escape")
    expect(box_of(mei)).not_to_be_focused()
    mei.keyboard.press("c")
    expect(box_of(mei)).to_be_focused()
    assert replies(desk) == [f"您好 {browser}！" for browser in BROWSERS]


def test_text_typed_right_after_claiming_is_the_reply_even_if_the_server_is_slow(desk: Desk) -> None:
    mei = opened(desk)
    slow(mei)
    mei.keyboard.press("c")
    mei.keyboard.type("Certainly, Emily: even in jade.")
    expect(box_of(mei)).to_have_value("Certainly, Emily: even in jade.")
    mei.keyboard.press("Enter")
    expect(mei.get_by_role("log").get_by_text("Certainly, Emily: even in jade.")).to_be_visible()
    expect(mei.get_by_text("You have it")).to_be_visible()
    assert replies(desk) == ["Certainly, Emily: even in jade."]
    assert desk.problems == []


def test_text_typed_while_a_reply_is_being_sent_stays_and_is_sent_after_it(desk: Desk) -> None:
    mei = claimed(desk)
    slow(mei)
    for text in ("one", "two", "three"):
        mei.keyboard.type(text)
        mei.keyboard.press("Enter")
    mei.keyboard.type("four")
    expect(mei.get_by_text("Sending", exact=True)).to_be_visible()
    expect(mei.get_by_role("log").get_by_text("three", exact=True)).to_be_visible()
    expect(box_of(mei)).to_have_value("four")
    expect(mei.get_by_text("Sending", exact=True)).to_have_count(0)
    assert replies(desk) == ["one", "two", "three"]


def test_a_claim_that_comes_too_late_leaves_the_typed_text_in_the_box(desk: Desk) -> None:
    mei = opened(desk)
    slow(mei)
    (jun,) = desk.seeder.rows(staff, login="jun")
    mei.keyboard.press("c")
    desk.seeder.change(cases, _case(desk, "Emily"), state="claimed", agent=jun.id)
    mei.keyboard.type("Certainly")
    mei.keyboard.press("Enter")
    expect(mei.get_by_text("Jun has this case. You can leave a note.")).to_be_visible()
    expect(box_of(mei)).to_have_value("Certainly")
    mei.keyboard.type(", even in jade")
    expect(box_of(mei)).to_have_value("Certainly, even in jade")
    expect(mei.locator("#send")).to_be_disabled()
    assert (replies(desk), desk.problems) == ([], [])


def test_an_agent_who_loses_a_case_can_go_on_typing_and_keeps_the_draft(desk: Desk) -> None:
    mei = claimed(desk)
    jun = desk.log_in("jun")
    jun.get_by_role("button", name="Open").click()
    jun.get_by_role("link", name="Emily").click()
    jun.get_by_role("button", name="Release").click()
    expect(mei.get_by_text("Claim the case to reply.")).to_be_visible()
    mei.keyboard.type("Yes, we can")
    mei.keyboard.press("Enter")
    expect(box_of(mei)).to_be_focused()
    expect(box_of(mei)).to_have_value("Yes, we can")
    assert "\n".join(barriers(mei)) == ""
    mei.keyboard.press("Escape")
    mei.keyboard.press("c")
    expect(mei.get_by_text("You have it")).to_be_visible()
    expect(box_of(mei)).to_have_value("Yes, we can")


def test_text_typed_while_a_case_opens_belongs_to_that_case(desk: Desk) -> None:
    mei = opened(desk)
    slow(mei)
    mei.keyboard.press("j")
    mei.keyboard.press("n")
    mei.keyboard.type("ask the engraver")
    expect(mei.get_by_role("log").get_by_text("Can you engrave Tom on it?")).to_be_visible()
    expect(box_of(mei)).to_have_value("ask the engraver")
    mei.keyboard.press("Enter")
    expect(mei.get_by_role("log").get_by_text("ask the engraver")).to_be_visible()
    (note,) = desk.seeder.rows(messages, kind="note")
    assert desk.seeder.row(cases, _case(desk, "Tom")).conversation_id == note.conversation_id


def test_a_refused_reply_returns_to_the_box_before_text_typed_since(desk: Desk) -> None:
    mei = claimed(desk)
    slow(mei)
    desk.desk_site.allowance = Limits(2047, BYTES, left=0)
    mei.keyboard.type("one")
    mei.keyboard.press("Enter")
    mei.keyboard.type("two")
    expect(box_of(mei)).to_have_value("one\ntwo")
    desk.desk_site.allowance = Limits(2047, BYTES, left=5)
    mei.reload()
    mei.keyboard.press("r")
    expect(box_of(mei)).to_have_value("one\ntwo")
    assert replies(desk) == []


def test_the_search_for_an_entry_is_kept_when_the_customer_writes(desk: Desk) -> None:
    mei = opened(desk)
    sought = mei.get_by_role("combobox", name="Another entry")
    sought.focus()
    mei.keyboard.type("deliv")
    talk = desk.seeder.row(cases, _case(desk, "Emily")).conversation_id
    said = desk.seeder.hears(talk, "Hello?")
    desk.seeder.understood(talk, said, ("delivery.abroad", 0.9))
    mei.evaluate("document.getElementById('compose').dispatchEvent(new Event('written'))")
    expect(mei.get_by_role("log").get_by_text("Hello?")).to_be_visible()
    mei.keyboard.type("ery")
    expect(sought).to_have_value("delivery")


def _case(desk: Desk, name: str) -> str:
    (customer,) = desk.seeder.rows(customers, name=name)
    (case,) = desk.seeder.rows(cases, customer_id=customer.id)
    return str(case.id)
