"""Finding an open case in a real browser, by what is shown of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from support.conversations import Seeder
from support.desk_browser import Desk, barriers, desk_open
from support.services import MovableClock

from bot.domain.cases import Role
from bot.domain.messages import Reason

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    with desk_open(chromium, tmp_path, {"mei": Role.AGENT}, seed) as seated:
        yield seated


def seed(seeder: Seeder, clock: MovableClock) -> None:
    emily = seeder.conversation(seeder.customer("Emily"), verified_as="M1")
    seeder.understood(emily, seeder.hears(emily, "Can it go back?"), ("returns.how", 0.46))
    seeder.case(emily, Reason.ANGER)
    clock.move(1)
    tom = seeder.conversation(seeder.customer("Tom"), "brand-x", "twitter", thread="1789")
    seeder.hears(tom, "Where is it?")
    seeder.case(tom)
    nameless = seeder.conversation(seeder.customer(""))
    seeder.hears(nameless, "Hello?")
    seeder.case(nameless)


def test_an_open_case_is_found_by_its_labels_and_the_search_stays_while_others_arrive(desk: Desk) -> None:
    mei = desk.log_in("mei")
    cases = mei.get_by_role("navigation", name="Cases").get_by_role("link")
    expect(cases).to_have_count(3)
    box = mei.get_by_role("searchbox")
    for text, name in (
        ("小云 upset", "Emily"),
        ("推特", "Tom"),
        ("gold", "Emily"),
        ("怎么退货", "Emily"),
        ("not sure x", "Tom"),
    ):
        box.fill(text)
        expect(cases).to_have_count(1)
        expect(cases).to_contain_text(name)
    box.fill("nobody of that name")
    expect(mei.get_by_text("None found.")).to_be_visible()
    assert "\n".join(barriers(mei)) == ""
    another = desk.seeder.conversation(desk.seeder.customer("Tomas"), "brand-x", "twitter", thread="1790")
    desk.seeder.hears(another, "Hello")
    desk.seeder.case(another)
    box.fill("tom")
    expect(cases).to_have_count(2)
    mei.evaluate("document.getElementById('compose').dispatchEvent(new Event('written'))")  # the page reads again
    box.fill("")
    expect(cases).to_have_count(4)
    assert desk.problems == []


def test_a_customer_without_a_name_is_found_by_their_short_id(desk: Desk) -> None:
    mei = desk.log_in("mei")
    shown = mei.locator(".line .name", has_text="Customer").inner_text()
    mei.get_by_role("searchbox").fill(shown)
    expect(mei.locator(".line")).to_have_count(1)
    expect(mei.locator(".line")).to_contain_text("Hello?")


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_the_search_is_accessible(desk: Desk, width: int, height: int, scheme: str) -> None:
    mei = desk.log_in("mei", width, height, scheme)
    mei.get_by_role("searchbox").fill("upset")
    expect(mei.locator(".line")).to_have_count(1)
    assert "\n".join(barriers(mei)) == ""
    assert mei.evaluate("document.documentElement.scrollWidth") <= width
