"""What open pages hear of the desk, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from support.conversations import Seeder
from support.desk_site import PASSWORD, DeskSite
from support.services import MovableClock

from bot.domain.cases import Role
from bot.web.live import ChangePoll, SessionCheck, changes


def test_a_claim_sends_an_event_to_every_open_page(desk_site: DeskSite, case: str) -> None:
    run_claim = desk_site.claimed(case)
    asyncio.run(run_claim)
    assert desk_site.live_events.said == [("desk", json.dumps({"case": case}))]


async def _heard(
    desk_site: DeskSite, clock: MovableClock, events: int, began: asyncio.Event, until_ended: bool = False
) -> list[str]:
    """`began`: is set once the page listens."""
    await desk_site.add_staff("ear")
    entered = await desk_site.directory.log_in("ear", PASSWORD)
    assert entered is not None
    token, session = entered
    heard = []
    async for event in changes(
        desk_site.parts, ChangePoll(desk_site.parts), SessionCheck(desk_site.parts, session, token)
    ):
        heard.append(str(event.data))
        if len(heard) == 1:
            began.set()
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(0.1, lambda: clock.move(2))
        if len(heard) == events and not until_ended:
            break
    return heard


def test_a_page_gets_a_first_event_and_one_for_each_change(desk_site: DeskSite, clock: MovableClock) -> None:
    async def story() -> None:
        began = asyncio.Event()
        listening = asyncio.create_task(_heard(desk_site, clock, 2, began))
        await began.wait()
        await desk_site.live_events.subscribed()
        await desk_site.parts.live.publish("desk", '{"case": "c1"}')
        assert await asyncio.wait_for(listening, 20) == ["{}", '{"case": "c1"}']

    asyncio.run(story())


def test_without_redis_a_page_gets_events_for_changes_in_the_database(
    desk_site: DeskSite, clock: MovableClock, case: str
) -> None:
    async def story() -> None:
        mei = await desk_site.add_staff("mei")
        began = asyncio.Event()
        listening = asyncio.create_task(_heard(desk_site, clock, 2, began))
        await began.wait()
        await desk_site.parts.cases.actions.claim(case, mei)
        clock.move(2)
        assert await asyncio.wait_for(listening, 20) == ["{}", "{}"]

    asyncio.run(story())


def test_an_event_stream_ends_with_its_session(desk_site: DeskSite, clock: MovableClock) -> None:
    async def story() -> None:
        began = asyncio.Event()
        listening = asyncio.create_task(_heard(desk_site, clock, 9, began, until_ended=True))
        await began.wait()
        clock.move(12 * 3600)
        assert await asyncio.wait_for(listening, 20) == ["{}"]

    asyncio.run(story())


async def _disabled(desk_site: DeskSite) -> None:
    await desk_site.directory.disable("ear")


async def _made_an_editor(desk_site: DeskSite) -> None:
    await desk_site.directory.set_role("ear", Role.EDITOR)


async def _given_another_password(desk_site: DeskSite) -> None:
    await desk_site.directory.set_password("ear", "another password")


@pytest.mark.parametrize("what", [_disabled, _made_an_editor, _given_another_password])
def test_an_event_stream_ends_within_seconds_when_the_reader_loses_the_role(
    desk_site: DeskSite, clock: MovableClock, what: Callable[[DeskSite], Awaitable[None]]
) -> None:
    async def story() -> None:
        began = asyncio.Event()
        listening = asyncio.create_task(_heard(desk_site, clock, 9, began, until_ended=True))
        await began.wait()
        await what(desk_site)
        clock.move(2)
        assert await asyncio.wait_for(listening, 20) == ["{}"]

    asyncio.run(story())


def test_an_open_event_stream_does_not_keep_a_session_alive(desk_site: DeskSite, clock: MovableClock) -> None:
    async def story() -> None:
        began = asyncio.Event()
        listening = asyncio.create_task(_heard(desk_site, clock, 9, began, until_ended=True))
        await began.wait()
        for _ in range(8):
            clock.move(15 * 60)
            await asyncio.sleep(0.1)
        assert await asyncio.wait_for(listening, 20) == ["{}"]

    asyncio.run(story())


def test_a_correction_is_recorded_and_sends_an_event_to_every_page(
    desk_site: DeskSite, seeder: Seeder, talk: str
) -> None:
    asked = seeder.hears(talk, "左边没声音了")
    case = seeder.case(talk)

    async def story() -> None:
        await desk_site.add_staff("mei", name="小梅")
        mei = await desk_site.log_in("mei")
        titles = (await mei.get("/api/desk/entries")).json()
        assert titles["returns.how"] == "returns.how"
        answer = await mei.post(f"/api/desk/cases/{case}/correct", json={"message": asked, "entry": "returns.how"})
        assert answer.status_code == 200
        sheet = (await mei.get(f"/api/desk/cases/{case}")).json()
        (step,) = [event for event in sheet["events"] if event["type"] == "corrected"]
        assert (step["entry"], step["data"]) == ("returns.how", {"message": asked})
        assert sheet["titles"]["returns.how"] == "returns.how"

    asyncio.run(story())
    assert desk_site.live_events.said[-1] == ("desk", json.dumps({"case": case}))
