"""A reply longer than a public post takes is refused at once, and never before it is known whose case it is."""

from __future__ import annotations

import asyncio

import pytest
from support.conversations import Seeder
from support.cpu_time import cpu_within
from support.desk_site import DeskSite, draft

from bot.channels.twitter.weighted_length import WEIGHTED, weigh
from bot.domain.messages import Limits

POST = Limits(280, WEIGHTED)


@pytest.fixture
def public_case(desk_site: DeskSite, seeder: Seeder) -> str:
    desk_site.allowance = POST
    return seeder.case(seeder.conversation(seeder.customer(), "brand-x", "twitter", thread="1"))


@pytest.mark.parametrize(
    "text", ["a." * 4_980, "汉" * 9_960, "a.cn " * 1_992, "x" * 281], ids=["dots", "zh", "links", "one"]
)
def test_a_reply_too_long_for_a_post_is_refused_at_once(desk_site: DeskSite, public_case: str, text: str) -> None:
    weigh("a.cn 👍")

    async def story() -> None:
        mei = await desk_site.claimed(public_case)
        with cpu_within(1):
            answer = await mei.post(f"/api/desk/cases/{public_case}/reply", json=draft(text))
        assert (answer.status_code, answer.json()["code"]) == (409, "too_long")

    asyncio.run(story())


def test_an_agent_without_the_case_learns_that_before_the_length(desk_site: DeskSite, public_case: str) -> None:

    async def story() -> None:
        await desk_site.claimed(public_case)
        jun = await desk_site.log_in("jun")
        answer = await jun.post(f"/api/desk/cases/{public_case}/reply", json=draft("汉" * 9_960))
        assert (answer.status_code, answer.json()["code"]) == (403, "not_yours")

    asyncio.run(story())


def test_a_reply_that_fits_into_a_post_is_one_piece(desk_site: DeskSite, public_case: str) -> None:

    async def story() -> None:
        mei = await desk_site.claimed(public_case)
        answer = await mei.post(
            f"/api/desk/cases/{public_case}/reply", json=draft("a" * 200 + " https://example.com/" + "b" * 300)
        )
        assert answer.status_code == 200

    asyncio.run(story())


def test_a_repeated_reply_counts_as_sent_after_the_case_ended(desk_site: DeskSite, case: str) -> None:
    async def story() -> None:
        mei = await desk_site.claimed(case)
        first = await mei.post(f"/api/desk/cases/{case}/reply", json=draft("好的"))
        await mei.post(f"/api/desk/cases/{case}/resolve")
        again = await mei.post(f"/api/desk/cases/{case}/reply", json=draft("好的"))
        assert (again.status_code, again.json()) == (200, first.json())

    asyncio.run(story())
