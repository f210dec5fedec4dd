"""Finding an open case in a real browser, by what is shown of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ground import MovableClock
from playwright.sync_api import Browser, expect
from seats import Desk, barriers, desk_open
from seeding import Ground

from bot.cases import Role
from bot.messages import Reason

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    with desk_open(chromium, tmp_path, {"mei": Role.AGENT}, seed) as seated:
        yield seated


def seed(ground: Ground, clock: MovableClock) -> None:
    emily = ground.conversation(ground.customer("Emily"), verified_as="M1")
    ground.understood(emily, ground.hears(emily, "Can it go back?"), ("returns.how", 0.46))
    ground.case(emily, Reason.ANGER)
    clock.move(1)
    tom = ground.conversation(ground.customer("Tom"), "brand-x", "twitter", thread="1789")
    ground.hears(tom, "Where is it?")
    ground.case(tom)
    nameless = ground.conversation(ground.customer(""))
    ground.hears(nameless, "Hello?")
    ground.case(nameless)


def test_an_open_case_is_found_by_its_labels_and_stays_found_while_others_come(desk: Desk) -> None:
    mei = desk.seat("mei")
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
    expect(mei.get_by_text("None was found.")).to_be_visible()
    assert "\n".join(barriers(mei)) == ""
    another = desk.ground.conversation(desk.ground.customer("Tomas"), "brand-x", "twitter", thread="1790")
    desk.ground.hears(another, "Hello")
    desk.ground.case(another)
    box.fill("tom")
    expect(cases).to_have_count(2)
    mei.evaluate("document.getElementById('compose').dispatchEvent(new Event('written'))")  # the page reads again
    box.fill("")
    expect(cases).to_have_count(4)
    assert desk.problems == []


def test_a_nameless_customer_is_found_by_the_mark_that_tells_them_apart(desk: Desk) -> None:
    mei = desk.seat("mei")
    shown = mei.locator(".line .name", has_text="Customer").inner_text()
    mei.get_by_role("searchbox").fill(shown)
    expect(mei.locator(".line")).to_have_count(1)
    expect(mei.locator(".line")).to_contain_text("Hello?")


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_the_search_can_be_used_by_everybody(desk: Desk, width: int, height: int, scheme: str) -> None:
    mei = desk.seat("mei", width, height, scheme)
    mei.get_by_role("searchbox").fill("upset")
    expect(mei.locator(".line")).to_have_count(1)
    assert "\n".join(barriers(mei)) == ""
    assert mei.evaluate("document.documentElement.scrollWidth") <= width
