"""Whether somebody sits at an open desk, as its page tells the site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.chromium import launched
from support.desk_browser import Desk, desk_open

from bot.domain.cases import Role

pytestmark = pytest.mark.browser
MINUTE = 61_000


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with launched() as browser, desk_open(browser, tmp_path, {"mei": Role.AGENT}, lambda *_: None) as seated:
        yield seated


def test_keys_and_pointer_report_presence_once_a_minute_and_an_idle_page_does_not(desk: Desk) -> None:
    page = desk.log_in("mei")
    page.clock.install()
    page.reload()
    told: list[str] = []
    page.on("request", lambda one: told.append(one.url) if one.url.endswith("/api/desk/here") else None)
    page.get_by_text("Live", exact=True).wait_for()
    page.clock.fast_forward(MINUTE)
    page.wait_for_timeout(300)
    assert told == []
    with page.expect_response("**/api/desk/here") as answered:
        page.keyboard.press("Shift")
    assert answered.value.status == 200
    page.keyboard.press("Shift")
    page.mouse.click(700, 400)
    assert len(told) == 1
    page.clock.fast_forward(MINUTE)
    with page.expect_response("**/api/desk/here"):
        page.mouse.click(700, 400)
    assert len(told) == 2
    assert desk.problems == []
