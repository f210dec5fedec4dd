"""What the desk shows of messages that are no text, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from support.conversations import Seeder
from support.desk_browser import Desk, desk_open
from support.services import MovableClock

from bot.domain.cases import Role
from bot.domain.messages import Kind, Media
from bot.stores.sql.schema import messages

pytestmark = pytest.mark.browser
PLACE = '{"lat":"31.2","lon":"121.4","label":"Jing\'an Temple"}'


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    with desk_open(chromium, tmp_path, {"mei": Role.AGENT}, seed) as seated:
        yield seated


def seed(seeder: Seeder, clock: MovableClock) -> None:
    talk = seeder.conversation(seeder.customer("Emily"))
    seeder.hears(talk, "", Kind.FILE, Media("AwAA1", "", "invoice 2026-09.pdf", "9.7 MB"))
    seeder.hears(talk, "", Kind.LINK, Media("https://a.cn/tea", "link", "Spring tea", "The first of the year"))
    seeder.hears(talk, "Look at this", Kind.TEXT, Media("3_1", "photo", "", "a torn box"))
    seeder.hears(talk, "", Kind.UNSUPPORTED, Media("", "hologram", "A crane"))
    seeder.change(messages, seeder.hears(talk, "", Kind.LOCATION), data=PLACE)
    clock.move(1)
    seeder.case(talk)
    post = seeder.conversation(seeder.customer("Tom"), "brand-x", "twitter", thread="1789")
    seeder.change(
        messages, seeder.hears(post, "It leaks"), data='{"id":"1790","username":"tom","edited":"1","secret":"s"}'
    )
    seeder.case(post)


def test_an_agent_sees_names_titles_descriptions_and_places_of_what_was_sent(desk: Desk) -> None:
    mei = desk.log_in("mei")
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


def test_a_post_has_a_link_and_a_mark_that_it_was_edited(desk: Desk) -> None:
    mei = desk.log_in("mei")
    mei.get_by_role("link", name="Tom").click()
    said = mei.locator("#thread .said.customer .text")
    expect(said).to_contain_text("It leaks")
    expect(said).to_contain_text("edited")
    link = said.get_by_role("link", name="Open on X")
    expect(link).to_have_attribute("href", "https://x.com/tom/status/1790")
    assert desk.problems == []
