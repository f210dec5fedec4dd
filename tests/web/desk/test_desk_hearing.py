"""What open pages hear of the desk, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from front import PASSWORD, Front
from ground import MovableClock
from seeding import Ground

from bot.cases import Role
from bot.web.live import Presence, Pulse, changes


def test_a_claim_is_told_to_every_open_page(front: Front, case: str) -> None:
    run_claim = front.claimed(case)
    asyncio.run(run_claim)
    assert front.whispers.said == [("desk", json.dumps({"case": case}))]


async def _heard(
    front: Front, clock: MovableClock, events: int, began: asyncio.Event, until_ended: bool = False
) -> list[str]:
    """`began`: is set once the page listens."""
    await front.hire("ear")
    entered = await front.room.log_in("ear", PASSWORD)
    assert entered is not None
    token, session = entered
    heard = []
    async for event in changes(front.parts, Pulse(front.parts), Presence(front.parts, session, token)):
        heard.append(str(event.data))
        if len(heard) == 1:
            began.set()
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(0.1, lambda: clock.move(2))
        if len(heard) == events and not until_ended:
            break
    return heard


def test_a_page_hears_of_changes_and_first_of_all_that_it_should_read(front: Front, clock: MovableClock) -> None:
    async def story() -> None:
        began = asyncio.Event()
        listening = asyncio.create_task(_heard(front, clock, 2, began))
        await began.wait()
        await asyncio.sleep(0.1)  # a few turns of the loop: then it has subscribed
        await front.parts.live.publish("desk", '{"case": "c1"}')
        assert await asyncio.wait_for(listening, 5) == ["{}", '{"case": "c1"}']

    asyncio.run(story())


def test_without_the_nerve_a_page_hears_of_changes_from_the_records_pulse(
    front: Front, clock: MovableClock, case: str
) -> None:
    async def story() -> None:
        mei = await front.hire("mei")
        began = asyncio.Event()
        listening = asyncio.create_task(_heard(front, clock, 2, began))
        await began.wait()
        await front.parts.cases.work.claim(case, mei)
        clock.move(2)
        assert await asyncio.wait_for(listening, 5) == ["{}", "{}"]

    asyncio.run(story())


def test_a_page_stops_hearing_when_its_session_ends(front: Front, clock: MovableClock) -> None:
    async def story() -> None:
        began = asyncio.Event()
        listening = asyncio.create_task(_heard(front, clock, 9, began, until_ended=True))
        await began.wait()
        clock.move(12 * 3600)
        assert await asyncio.wait_for(listening, 5) == ["{}"]

    asyncio.run(story())


async def _disabled(front: Front) -> None:
    await front.room.disable("ear")


async def _made_an_editor(front: Front) -> None:
    await front.room.give_role("ear", Role.EDITOR)


async def _given_another_password(front: Front) -> None:
    await front.room.give_password("ear", "another password")


@pytest.mark.parametrize("what", [_disabled, _made_an_editor, _given_another_password])
def test_a_page_stops_hearing_within_seconds_when_its_reader_may_read_no_longer(
    front: Front, clock: MovableClock, what: Callable[[Front], Awaitable[None]]
) -> None:
    async def story() -> None:
        began = asyncio.Event()
        listening = asyncio.create_task(_heard(front, clock, 9, began, until_ended=True))
        await began.wait()
        await what(front)
        clock.move(2)
        assert await asyncio.wait_for(listening, 5) == ["{}"]

    asyncio.run(story())


def test_listening_alone_does_not_keep_a_session_from_growing_idle(front: Front, clock: MovableClock) -> None:
    async def story() -> None:
        began = asyncio.Event()
        listening = asyncio.create_task(_heard(front, clock, 9, began, until_ended=True))
        await began.wait()
        for _ in range(8):
            clock.move(15 * 60)
            await asyncio.sleep(0.1)
        assert await asyncio.wait_for(listening, 5) == ["{}"]

    asyncio.run(story())


def test_an_agent_says_which_entry_would_have_answered_and_every_page_hears_of_it(
    front: Front, ground: Ground, talk: str
) -> None:
    asked = ground.hears(talk, "左边没声音了")
    case = ground.case(talk)

    async def story() -> None:
        await front.hire("mei", name="小梅")
        mei = await front.enter("mei")
        titles = (await mei.get("/api/desk/entries")).json()
        assert titles["returns.how"] == "returns.how"
        answer = await mei.post(f"/api/desk/cases/{case}/correct", json={"message": asked, "entry": "returns.how"})
        assert answer.status_code == 200
        sheet = (await mei.get(f"/api/desk/cases/{case}")).json()
        (step,) = [event for event in sheet["events"] if event["type"] == "corrected"]
        assert (step["entry"], step["data"]) == ("returns.how", {"message": asked})
        assert sheet["titles"]["returns.how"] == "returns.how"

    asyncio.run(story())
    assert front.whispers.said[-1] == ("desk", json.dumps({"case": case}))
