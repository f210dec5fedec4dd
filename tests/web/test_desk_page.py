"""The desk in a real browser: what two agents see while they work, with the keyboard, large and small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ground import MovableClock
from playwright.sync_api import Browser, Page, expect
from seats import Desk, barriers, desk_open
from seeding import Ground

from bot.cases import Role
from bot.messages import Kind, Media, OutboxState, Reason
from bot.stores.record.tables import events, outbox
from bot.web.parts import DeskHours

pytestmark = pytest.mark.browser
EVIL = "<script>document.title='owned'</script><b>bold</b>"


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    with desk_open(chromium, tmp_path, {"mei": Role.AGENT, "jun": Role.AGENT}, seed) as seated:
        yield seated


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


def test_in_a_narrow_list_every_label_of_a_case_can_be_read(desk: Desk) -> None:
    shouting = desk.ground.conversation(desk.ground.customer("Ann"), "brand-x", "twitter", thread="1790")
    desk.ground.hears(shouting, "Hello?")
    desk.ground.case(shouting, Reason.ASKED, priority=1)
    line = desk.seat("mei", width=700).get_by_role("link", name="Ann")
    box, tags = line.bounding_box(), line.locator(".tag")
    assert box is not None
    assert tags.count() == 3
    for tag in tags.all():
        label = tag.bounding_box()
        assert label is not None
        assert label["x"] + label["width"] <= box["x"] + box["width"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("wechat:45015", "Too late."),
        ("window_used_up", "It works again once the customer writes."),
        ("wechat:99999", "wechat:99999"),
    ],
)
def test_why_a_message_was_not_sent_is_said_in_plain_words(desk: Desk, code: str, words: str) -> None:
    (sent,) = desk.ground.rows(outbox)
    desk.ground.change(outbox, sent.id, state="failed", error=code)
    lone = desk.ground.conversation(desk.ground.customer("Ann"))
    desk.ground.change(outbox, desk.ground.answers(lone, "We open at nine.", "hours"), state="failed", error=code)
    mei = desk.seat("mei")
    read(mei, "Emily")
    expect(mei.get_by_role("log")).to_contain_text(words)
    mei.get_by_role("button", name="may not have arrived").click()
    expect(mei.get_by_role("listitem").filter(has_text="We open at nine.")).to_contain_text(words)


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


def test_what_may_not_have_arrived_is_decided_in_a_list_of_its_own(desk: Desk) -> None:
    lost = desk.ground.conversation(desk.ground.customer("Ada"))
    desk.ground.hears(lost, "Do you ship to Norway?")
    failed = desk.ground.answers(lost, "We do, in a week.", "delivery.abroad", OutboxState.FAILED)
    doubtful = desk.ground.answers(lost, "Anything else?", "small.else", OutboxState.IN_DOUBT)
    mei = desk.seat("mei")
    mei.get_by_role("button", name="2 may not have arrived").click()
    assert "\n".join(barriers(mei)) == ""
    mei.get_by_role("listitem").filter(has_text="We do, in a week.").get_by_role("button", name="Leave it").click()
    expect(mei.get_by_text("We do, in a week.")).to_have_count(0)
    mei.once("dialog", lambda dialog: dialog.accept())
    mei.get_by_role("listitem").filter(has_text="Anything else?").get_by_role("button", name="Send again").click()
    expect(mei.get_by_text("Nothing is left to decide.")).to_be_visible()
    mei.get_by_role("button", name="Waiting").click()
    expect(mei.get_by_text("2 may not have arrived")).to_have_count(0)
    expect(mei.locator("#strays")).to_be_hidden()
    assert [desk.ground.row(outbox, row).state for row in (failed, doubtful)] == ["left", "pending"]


def test_an_ended_case_is_looked_up_and_read(desk: Desk) -> None:
    mei = desk.seat("mei")
    read(mei, "Tom")
    mei.get_by_role("button", name="Resolve").click()
    expect(mei.get_by_role("link", name="Tom")).to_have_count(0)
    mei.get_by_role("button", name="Ended").click()
    expect(mei.get_by_role("link", name="Tom")).to_be_visible()
    mei.get_by_role("searchbox").fill("nobody of that name")
    expect(mei.get_by_text("None was found.")).to_be_visible()
    mei.get_by_role("searchbox").fill("tom")
    read(mei, "Tom")
    expect(mei.get_by_role("log").get_by_text("Where is my order?")).to_be_visible()
    assert "\n".join(barriers(mei)) == ""


def test_the_reasons_fold_away_once_the_case_is_taken(desk: Desk) -> None:
    mei = desk.seat("mei")
    read(mei, "Emily")
    expect(mei.get_by_role("heading", name="What the bot understood")).to_be_visible()
    mei.keyboard.press("c")
    expect(mei.get_by_text("You have it")).to_be_visible()
    expect(mei.get_by_role("heading", name="What the bot understood")).to_be_hidden()
    mei.get_by_text("Why this is here").click()
    expect(mei.get_by_role("heading", name="What the bot understood")).to_be_visible()
    mei.keyboard.press("n")
    mei.keyboard.type("ask the potter")
    mei.keyboard.press("Enter")
    expect(mei.get_by_role("log").get_by_text("ask the potter")).to_be_visible()
    expect(mei.get_by_role("heading", name="What the bot understood")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 1440])
def test_nothing_is_cut_or_wraps_on_a_laptop(desk: Desk, width: int) -> None:
    mei = desk.seat("mei", width, 800)
    read(mei, "Emily")
    mei.keyboard.press("c")
    expect(mei.get_by_text("You have it")).to_be_visible()
    tags = mei.locator("#head .state")
    assert tags.evaluate("state => state.scrollWidth <= state.clientWidth")
    send, count = mei.locator("#send").bounding_box(), mei.locator("#count").bounding_box()
    assert send is not None
    assert count is not None
    assert send["y"] <= count["y"] <= send["y"] + send["height"]


def test_a_closed_desk_says_when_it_opens_and_what_customers_hear(desk: Desk) -> None:
    desk.front.hours = DeskHours(False, "tomorrow at 9:00", "The team is off just now.")
    mei = desk.seat("mei")
    expect(mei.get_by_text("Closed, back tomorrow at 9:00")).to_have_count(2)
    expect(mei.get_by_text("The team is off just now.")).to_be_visible()
    assert "\n".join(barriers(mei)) == ""
    desk.front.hours = DeskHours(True, "today at 21:00")
    mei.reload()
    expect(mei.get_by_text("Open until today at 21:00")).to_be_visible()
    expect(mei.get_by_text("The team is off just now.")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_desk_can_be_used_by_everybody(desk: Desk, width: int, height: int, scheme: str) -> None:
    mei = desk.seat("mei", width, height, scheme)
    found = barriers(mei)
    read(mei, "Emily")
    found += barriers(mei)
    assert "\n".join(found) == ""


def test_an_agent_notes_which_entry_would_have_answered(desk: Desk) -> None:
    mei, jun = desk.seat("mei"), desk.seat("jun")
    read(jun, "Emily")
    read(mei, "Emily")
    which = mei.get_by_role("region", name="Which entry would have answered?")
    which.get_by_role("button", name="repair.start").press("Enter")
    expect(which.get_by_text("Mei: repair.start")).to_be_visible()
    expect(jun.get_by_role("region", name="Which entry would have answered?")).to_contain_text("Mei: repair.start")
    expect(mei.get_by_role("log").get_by_text("Mei noted which entry answers this")).to_be_visible()
    assert "\n".join(barriers(mei)) == ""
    which.get_by_role("button", name="Change").press("Enter")
    expect(which.get_by_role("button", name="returns.how")).to_be_focused()
    which.get_by_role("button", name="None does").click()
    expect(which.get_by_text("Mei: None does")).to_be_visible()
    assert [row.entry for row in desk.ground.rows(events, type="corrected")] == ["repair.start", ""]


def test_an_entry_the_bot_did_not_think_of_is_found_by_its_title(desk: Desk) -> None:
    mei = desk.seat("mei", 390, 844)
    read(mei, "Emily")
    mei.get_by_text("The bot was not sure and did not guess.").click()
    box = mei.get_by_role("combobox", name="Another entry")
    box.fill("no such entry")
    box.press("Enter")
    expect(mei.get_by_text("There is no such entry; choose one from the list.")).to_be_visible()
    box.fill("Delivery.Abroad")
    box.press("Enter")
    expect(mei.get_by_text("Mei: delivery.abroad")).to_be_visible()
    assert "\n".join(barriers(mei)) == ""
    assert mei.evaluate("document.documentElement.scrollWidth") <= 390
