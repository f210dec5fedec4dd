"""A desk with more cases than a page is given at once: it counts them all, and lists more when asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from support.conversations import Seeder
from support.desk_browser import Desk, desk_open
from support.services import MovableClock

from bot.domain.cases import Role

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    with desk_open(chromium, tmp_path, {"mei": Role.AGENT}, seed) as seated:
        yield seated


def seed(seeder: Seeder, clock: MovableClock) -> None:
    talk = seeder.conversation(seeder.customer("Emily"))
    seeder.hears(talk, "Hello")
    for _ in range(203):
        seeder.case(talk)


def test_a_long_list_is_counted_whole_and_listed_in_parts(desk: Desk) -> None:
    mei = desk.log_in("mei")
    expect(mei.locator("[data-count=waiting]")).to_have_text("203")
    expect(mei.locator("#lines > li")).to_have_count(200)
    more = mei.get_by_role("button", name="3 more are not listed")
    more.click()
    expect(mei.locator("#lines > li")).to_have_count(203)
    expect(mei.locator("#lines-more")).to_be_hidden()
    assert mei.title().startswith("(203)")
    assert desk.problems == []
