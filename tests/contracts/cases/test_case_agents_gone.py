"""Who works no cases any more holds none: on every record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from case_stage import Desk, answer
from ground import MovableClock

from bot.cases import CaseState, Role
from bot.messages import Reason
from bot.stores.record.database import Database
from bot.stores.record.staff import Staff
from bot.stores.record.tables import audit, cases, conversations

QUARTER = 900.0


@pytest.fixture
def room(database: Database) -> Staff:
    return Staff(database, 12)


async def _disabled(room: Staff) -> None:
    await room.disable("Mei")


async def _made_an_editor(room: Staff) -> None:
    await room.give_role("mei", Role.EDITOR)


GONE: tuple[Callable[[Staff], Coroutine[Any, Any, None]], ...] = (_disabled, _made_an_editor)


def swept(desk: Desk, clock: MovableClock) -> list[str]:
    return asyncio.run(desk.cases.release_silent(clock.now() - QUARTER))


@pytest.mark.parametrize("goes", GONE)
def test_the_cases_of_who_is_gone_are_back_in_the_queue_at_once_and_the_wait_counts_on(
    desk: Desk,
    room: Staff,
    talk: str,
    case: str,
    clock: MovableClock,
    goes: Callable[[Staff], Coroutine[Any, Any, None]],
) -> None:
    since = desk.read(case).line.waiting_since
    clock.move(60)
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(goes(room))
    assert swept(desk, clock) == [case]
    line = desk.read(case).line
    assert (line.state, line.agent, line.waiting_since) == (CaseState.WAITING, None, since)
    conversation = desk.ground.row(conversations, talk)
    assert (conversation.owner, conversation.agent) == ("queue", None)
    asyncio.run(desk.cases.claim(case, desk.jun))
    assert swept(desk, clock) == []


def test_a_case_in_which_nobody_waits_comes_back_too(desk: Desk, room: Staff, case: str, clock: MovableClock) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.reply(case, desk.mei, answer()))
    asyncio.run(room.disable("mei"))
    assert swept(desk, clock) == [case]
    assert (desk.read(case).line.state, desk.read(case).line.waiting_since) == (CaseState.WAITING, 0.0)


def test_a_case_held_by_somebody_who_is_not_on_record_comes_back(desk: Desk, case: str, clock: MovableClock) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    desk.ground.change(cases, case, agent="nobody-at-all")
    assert swept(desk, clock) == [case]


def test_those_who_still_work_keep_their_cases(desk: Desk, room: Staff, case: str, clock: MovableClock) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(room.give_role("mei", Role.LEAD))
    asyncio.run(room.disable("jun"))
    assert swept(desk, clock) == []
    assert desk.read(case).line.agent == desk.mei.id


def test_ended_cases_of_who_is_gone_stay_as_they_are(desk: Desk, room: Staff, case: str, clock: MovableClock) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.resolve(case, desk.mei))
    asyncio.run(room.disable("mei"))
    assert swept(desk, clock) == []
    assert desk.read(case).line.agent_name == "小梅"


@pytest.mark.parametrize("goes", GONE)
def test_nobody_who_is_gone_is_waited_for(
    desk: Desk, room: Staff, talk: str, goes: Callable[[Staff], Coroutine[Any, Any, None]]
) -> None:
    case = desk.ground.case(talk, Reason.REOPENED)
    desk.ground.change(cases, case, prefer=desk.mei.id)
    assert desk.read(case).line.prefer == desk.mei.id
    asyncio.run(goes(room))
    assert desk.read(case).line.prefer is None
    assert [line.prefer for line in asyncio.run(desk.board.lines())] == [None]


def test_a_role_that_was_given_stands_in_the_audit(desk: Desk, room: Staff) -> None:
    asyncio.run(room.give_role("mei", Role.EDITOR))
    assert "made_editor" in [row.action for row in desk.ground.rows(audit, staff_id=desk.mei.id)]
