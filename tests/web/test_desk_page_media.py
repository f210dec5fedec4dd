"""What the desk shows of messages that are no text, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ground import MovableClock
from playwright.sync_api import Browser, expect
from seats import Desk, desk_open
from seeding import Ground

from bot.cases import Role
from bot.messages import Kind, Media
from bot.stores.record.tables import messages

pytestmark = pytest.mark.browser
PLACE = '{"lat":"31.2","lon":"121.4","label":"Jing\'an Temple"}'


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    with desk_open(chromium, tmp_path, {"mei": Role.AGENT}, seed) as seated:
        yield seated


def seed(ground: Ground, clock: MovableClock) -> None:
    talk = ground.conversation(ground.customer("Emily"))
    ground.hears(talk, "", Kind.FILE, Media("AwAA1", "", "invoice 2026-09.pdf", "9.7 MB"))
    ground.hears(talk, "", Kind.LINK, Media("https://a.cn/tea", "link", "Spring tea", "The first of the year"))
    ground.hears(talk, "Look at this", Kind.TEXT, Media("3_1", "photo", "", "a torn box"))
    ground.hears(talk, "", Kind.UNSUPPORTED, Media("", "hologram", "A crane"))
    ground.change(messages, ground.hears(talk, "", Kind.LOCATION), data=PLACE)
    clock.move(1)
    ground.case(talk)
    post = ground.conversation(ground.customer("Tom"), "brand-x", "twitter", thread="1789")
    ground.change(
        messages, ground.hears(post, "It leaks"), data='{"id":"1790","username":"tom","edited":"1","secret":"s"}'
    )
    ground.case(post)


def test_an_agent_sees_names_titles_descriptions_and_places_of_what_was_sent(desk: Desk) -> None:
    mei = desk.seat("mei")
    mei.get_by_role("link", name="Emily").click()
    said = mei.locator("#thread .said.customer .text")
    for at, words in enumerate(
        [
            ["File · invoice 2026-09.pdf", "9.7 MB"],
            ["Link · Spring tea", "The first of the year", "https://a.cn/tea"],
            ["Look at this", "Image", "a torn box"],
            ["Unsupported message · A crane", "hologram"],
            ["Location · Jing'an Temple", "31.2, 121.4"],
        ]
    ):
        for part in words:
            expect(said.nth(at)).to_contain_text(part)
    assert desk.problems == []


def test_a_post_leads_to_itself_and_says_that_it_was_edited(desk: Desk) -> None:
    mei = desk.seat("mei")
    mei.get_by_role("link", name="Tom").click()
    said = mei.locator("#thread .said.customer .text")
    expect(said).to_contain_text("It leaks")
    expect(said).to_contain_text("edited")
    link = said.get_by_role("link", name="Open on X")
    expect(link).to_have_attribute("href", "https://x.com/tom/status/1790")
    assert desk.problems == []
