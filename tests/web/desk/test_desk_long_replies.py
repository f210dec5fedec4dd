"""A reply longer than a public post takes is refused at once, and never before it is known whose case it is."""

from __future__ import annotations

import asyncio
import time

import pytest
from front import Front, draft
from seeding import Ground

from bot.messages import Limits
from bot.weighing import weigh

POST = Limits(280, "weighted")


@pytest.fixture
def public_case(front: Front, ground: Ground) -> str:
    front.allowance = POST
    return ground.case(ground.conversation(ground.customer(), "brand-x", "twitter", thread="1"))


@pytest.mark.parametrize(
    "text", ["a." * 4_980, "汉" * 9_960, "a.cn " * 1_992, "x" * 281], ids=["dots", "zh", "links", "one"]
)
def test_a_reply_that_is_too_long_for_a_post_is_refused_at_once(front: Front, public_case: str, text: str) -> None:
    weigh("a.cn 👍")

    async def story() -> float:
        mei = await front.claimed(public_case)
        began = time.thread_time()
        answer = await mei.post(f"/api/desk/cases/{public_case}/reply", json=draft(text))
        assert (answer.status_code, answer.json()["code"]) == (409, "too_long")
        return time.thread_time() - began

    assert asyncio.run(story()) < 1


def test_whoever_does_not_have_the_case_hears_that_first(front: Front, public_case: str) -> None:

    async def story() -> None:
        await front.claimed(public_case)
        jun = await front.enter("jun")
        answer = await jun.post(f"/api/desk/cases/{public_case}/reply", json=draft("汉" * 9_960))
        assert (answer.status_code, answer.json()["code"]) == (403, "not_yours")

    asyncio.run(story())


def test_a_reply_that_fits_into_a_post_is_one_piece(front: Front, public_case: str) -> None:

    async def story() -> None:
        mei = await front.claimed(public_case)
        answer = await mei.post(
            f"/api/desk/cases/{public_case}/reply", json=draft("a" * 200 + " https://example.com/" + "b" * 300)
        )
        assert answer.status_code == 200

    asyncio.run(story())


def test_a_reply_that_the_browser_sends_again_after_the_case_ended_was_said(front: Front, case: str) -> None:
    async def story() -> None:
        mei = await front.claimed(case)
        first = await mei.post(f"/api/desk/cases/{case}/reply", json=draft("好的"))
        await mei.post(f"/api/desk/cases/{case}/resolve")
        again = await mei.post(f"/api/desk/cases/{case}/reply", json=draft("好的"))
        assert (again.status_code, again.json()) == (200, first.json())

    asyncio.run(story())
