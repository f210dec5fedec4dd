"""The desk in a real browser: what two agents see while they work, with the keyboard, large and small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from support.conversations import Seeder
from support.desk_browser import Desk, barriers, desk_open
from support.services import MovableClock

from bot.domain.cases import Role
from bot.domain.messages import Kind, Media, OutboxState, Reason
from bot.stores.sql.schema import events, outbox
from bot.web.dependencies import DeskHours

pytestmark = pytest.mark.browser
EVIL = "<script>document.title='owned'</script><b>bold</b>"


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    with desk_open(chromium, tmp_path, {"mei": Role.AGENT, "jun": Role.AGENT}, seed) as seated:
        yield seated


def seed(seeder: Seeder, clock: MovableClock) -> None:
    talk = seeder.conversation(seeder.customer("Emily"), verified_as="M1")
    seeder.hears(talk, "Hello")
    seeder.answers(talk, "Hello! How can I help?", "small.hello", OutboxState.IN_DOUBT)
    seeder.hears(talk, "", Kind.IMAGE, Media("media-77", "jpg"))
    clock.move(1)
    asked = seeder.hears(talk, EVIL)
    seeder.understood(talk, asked, ("returns.how", 0.46), ("repair.start", 0.31))
    seeder.case(talk, Reason.UNSURE)
    other = seeder.conversation(seeder.customer("Tom"), "brand-x", "twitter", thread="1789")
    seeder.hears(other, "Where is my order?")
    seeder.case(other)


def read(page: Page, customer: str) -> None:
    page.get_by_role("link", name=customer).click()
    expect(page.get_by_role("heading", name=customer, exact=True)).to_be_visible()


def test_an_agent_takes_a_case_and_answers_it_with_the_keyboard_while_a_colleague_watches(desk: Desk) -> None:
    mei, jun = desk.log_in("mei"), desk.log_in("jun")
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
    assert [row.text for row in desk.seeder.rows(outbox, author="agent")] == ["We will replace it.\nPromise."]


def test_what_a_customer_wrote_is_shown_and_never_executed(desk: Desk) -> None:
    mei = desk.log_in("mei")
    mei.get_by_role("link", name="Emily").click()
    expect(mei.get_by_role("log").get_by_text(EVIL, exact=True)).to_be_visible()
    assert "owned" not in mei.title()
    assert mei.locator("#thread b", has_text="bold").count() == 0


def test_a_case_shows_its_reason_its_messages_and_its_customer(desk: Desk) -> None:
    mei = desk.log_in("mei")
    mei.get_by_role("link", name="Emily").click()
    expect(mei.get_by_text("The bot was not sure and did not guess.")).to_be_visible()
    expect(mei.get_by_role("meter", name="returns.how").first).to_have_attribute("aria-valuenow", "0.46")
    expect(mei.get_by_text("Reference media-77")).to_be_visible()
    expect(mei.get_by_text("12,480")).to_be_visible()


def test_a_doubtful_message_is_sent_again_only_after_a_confirmation(desk: Desk) -> None:
    mei = desk.log_in("mei")
    mei.get_by_role("link", name="Emily").click()
    expect(mei.get_by_text("May not have arrived")).to_be_visible()
    mei.once("dialog", lambda dialog: dialog.dismiss())
    mei.get_by_role("button", name="Send again").click()
    expect(mei.get_by_text("May not have arrived")).to_be_visible()
    mei.once("dialog", lambda dialog: dialog.accept())
    mei.get_by_role("button", name="Send again").click()
    expect(mei.get_by_text("Waiting to be sent")).to_be_visible()


def test_in_a_narrow_list_every_label_of_a_case_can_be_read(desk: Desk) -> None:
    shouting = desk.seeder.conversation(desk.seeder.customer("Ann"), "brand-x", "twitter", thread="1790")
    desk.seeder.hears(shouting, "Hello?")
    desk.seeder.case(shouting, Reason.ASKED, priority=1)
    line = desk.log_in("mei", width=700).get_by_role("link", name="Ann")
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
        ("wechat:45015", "Wait until they write again."),
        ("window_used_up", "It works again once the customer writes."),
        ("wechat:99999", "wechat:99999"),
    ],
)
def test_the_reason_why_a_message_was_not_sent_is_shown_in_words(desk: Desk, code: str, words: str) -> None:
    (sent,) = desk.seeder.rows(outbox)
    desk.seeder.change(outbox, sent.id, state="failed", error=code)
    lone = desk.seeder.conversation(desk.seeder.customer("Ann"))
    desk.seeder.change(outbox, desk.seeder.answers(lone, "We open at nine.", "hours"), state="failed", error=code)
    mei = desk.log_in("mei")
    read(mei, "Emily")
    expect(mei.get_by_role("log")).to_contain_text(words)
    mei.get_by_role("button", name="may not have arrived").click()
    expect(mei.get_by_role("listitem").filter(has_text="We open at nine.")).to_contain_text(words)


def test_a_draft_is_kept_when_another_case_is_opened(desk: Desk) -> None:
    mei = desk.log_in("mei")
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


def test_on_a_phone_the_list_opens_a_case_and_the_case_returns_to_the_list(desk: Desk) -> None:
    mei = desk.log_in("mei", 390, 844)
    mei.get_by_role("link", name="Tom").click()
    expect(mei.get_by_role("link", name="Tom")).to_be_hidden()
    expect(mei.get_by_role("heading", name="Tom", exact=True)).to_be_visible()
    mei.get_by_role("button", name="About the customer").click()
    expect(mei.get_by_text("Not verified, so no member data is shown.")).to_be_visible()
    mei.get_by_role("region", name="About the customer").get_by_role("button", name="Close").click()
    mei.get_by_role("button", name="Back to the list").click()
    expect(mei.get_by_role("link", name="Tom")).to_be_visible()
    assert mei.evaluate("document.documentElement.scrollWidth") <= 390


def test_undelivered_messages_have_a_list_of_their_own(desk: Desk) -> None:
    lost = desk.seeder.conversation(desk.seeder.customer("Ada"))
    desk.seeder.hears(lost, "Do you ship to Norway?")
    failed = desk.seeder.answers(lost, "We do, in a week.", "delivery.abroad", OutboxState.FAILED)
    doubtful = desk.seeder.answers(lost, "Anything else?", "small.else", OutboxState.IN_DOUBT)
    mei = desk.log_in("mei")
    mei.get_by_role("button", name="2 may not have arrived").click()
    assert "\n".join(barriers(mei)) == ""
    mei.get_by_role("listitem").filter(has_text="We do, in a week.").get_by_role("button", name="Leave it").click()
    expect(mei.get_by_text("We do, in a week.")).to_have_count(0)
    mei.once("dialog", lambda dialog: dialog.accept())
    mei.get_by_role("listitem").filter(has_text="Anything else?").get_by_role("button", name="Send again").click()
    expect(mei.get_by_text("Nothing to decide.")).to_be_visible()
    mei.get_by_role("button", name="Waiting").click()
    expect(mei.get_by_text("2 may not have arrived")).to_have_count(0)
    expect(mei.locator("#undelivered")).to_be_hidden()
    assert [desk.seeder.row(outbox, row).state for row in (failed, doubtful)] == ["left", "pending"]


def test_an_ended_case_is_looked_up_and_read(desk: Desk) -> None:
    mei = desk.log_in("mei")
    read(mei, "Tom")
    mei.get_by_role("button", name="Resolve").click()
    expect(mei.get_by_role("link", name="Tom")).to_have_count(0)
    mei.get_by_role("button", name="Ended").click()
    expect(mei.get_by_role("link", name="Tom")).to_be_visible()
    mei.get_by_role("searchbox").fill("nobody of that name")
    expect(mei.get_by_text("None found.")).to_be_visible()
    mei.get_by_role("searchbox").fill("tom")
    read(mei, "Tom")
    expect(mei.get_by_role("log").get_by_text("Where is my order?")).to_be_visible()
    assert "\n".join(barriers(mei)) == ""


def test_the_reasons_fold_away_once_the_case_is_taken(desk: Desk) -> None:
    mei = desk.log_in("mei")
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
    mei = desk.log_in("mei", width, 800)
    read(mei, "Emily")
    mei.keyboard.press("c")
    expect(mei.get_by_text("You have it")).to_be_visible()
    tags = mei.locator("#head .state")
    assert tags.evaluate("state => state.scrollWidth <= state.clientWidth")
    send, count = mei.locator("#send").bounding_box(), mei.locator("#count").bounding_box()
    assert send is not None
    assert count is not None
    assert send["y"] <= count["y"] <= send["y"] + send["height"]


def test_a_closed_desk_shows_when_it_opens_and_what_customers_read(desk: Desk) -> None:
    desk.desk_site.hours = DeskHours(False, "tomorrow at 9:00", "The team is off just now.")
    mei = desk.log_in("mei")
    expect(mei.get_by_text("Closed, back tomorrow at 9:00")).to_have_count(2)
    expect(mei.get_by_text("The team is off just now.")).to_be_visible()
    assert "\n".join(barriers(mei)) == ""
    desk.desk_site.hours = DeskHours(True, "today at 21:00")
    mei.reload()
    expect(mei.get_by_text("Open until today at 21:00")).to_be_visible()
    expect(mei.get_by_text("The team is off just now.")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_desk_can_be_used_by_everybody(desk: Desk, width: int, height: int, scheme: str) -> None:
    mei = desk.log_in("mei", width, height, scheme)
    found = barriers(mei)
    read(mei, "Emily")
    found += barriers(mei)
    assert "\n".join(found) == ""


def test_an_agent_notes_which_entry_would_have_answered(desk: Desk) -> None:
    mei, jun = desk.log_in("mei"), desk.log_in("jun")
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
    assert [row.entry for row in desk.seeder.rows(events, type="corrected")] == ["repair.start", ""]


def test_an_entry_that_is_no_candidate_is_found_by_its_title(desk: Desk) -> None:
    mei = desk.log_in("mei", 390, 844)
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
