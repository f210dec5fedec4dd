"""Agents who no longer work cases hold none, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support.cases import Desk, answer
from support.services import MovableClock

from bot.domain.cases import CaseState, Role
from bot.domain.messages import Reason
from bot.stores.sql.database import Database
from bot.stores.sql.schema import audit, cases, conversations
from bot.stores.sql.staff import SqlStaff

QUARTER = 900.0


@pytest.fixture
def directory(database: Database) -> SqlStaff:
    return SqlStaff(database, 12)


async def _disabled(directory: SqlStaff) -> None:
    await directory.disable("Mei")


async def _made_an_editor(directory: SqlStaff) -> None:
    await directory.set_role("mei", Role.EDITOR)


GONE: tuple[Callable[[SqlStaff], Coroutine[Any, Any, None]], ...] = (_disabled, _made_an_editor)


def swept(desk: Desk, clock: MovableClock) -> list[str]:
    return asyncio.run(desk.cases.release_silent(clock.now() - QUARTER))


@pytest.mark.parametrize("goes", GONE)
def test_cases_of_a_disabled_agent_return_to_the_queue_and_keep_their_waiting_time(
    desk: Desk,
    directory: SqlStaff,
    talk: str,
    case: str,
    clock: MovableClock,
    goes: Callable[[SqlStaff], Coroutine[Any, Any, None]],
) -> None:
    since = desk.read(case).line.waiting_since
    clock.move(60)
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(goes(directory))
    assert swept(desk, clock) == [case]
    line = desk.read(case).line
    assert (line.state, line.agent, line.waiting_since) == (CaseState.WAITING, None, since)
    conversation = desk.seeder.row(conversations, talk)
    assert (conversation.owner, conversation.agent) == ("queue", None)
    asyncio.run(desk.cases.claim(case, desk.jun))
    assert swept(desk, clock) == []


def test_a_case_without_a_waiting_customer_returns_too(
    desk: Desk, directory: SqlStaff, case: str, clock: MovableClock
) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.reply(case, desk.mei, answer()))
    asyncio.run(directory.disable("mei"))
    assert swept(desk, clock) == [case]
    assert (desk.read(case).line.state, desk.read(case).line.waiting_since) == (CaseState.WAITING, 0.0)


def test_a_case_held_by_an_unknown_agent_returns_to_the_queue(desk: Desk, case: str, clock: MovableClock) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    desk.seeder.change(cases, case, agent="nobody-at-all")
    assert swept(desk, clock) == [case]


def test_agents_who_still_work_cases_keep_theirs(
    desk: Desk, directory: SqlStaff, case: str, clock: MovableClock
) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(directory.set_role("mei", Role.LEAD))
    asyncio.run(directory.disable("jun"))
    assert swept(desk, clock) == []
    assert desk.read(case).line.agent == desk.mei.id


def test_ended_cases_of_a_disabled_agent_stay_as_they_are(
    desk: Desk, directory: SqlStaff, case: str, clock: MovableClock
) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.resolve(case, desk.mei))
    asyncio.run(directory.disable("mei"))
    assert swept(desk, clock) == []
    assert desk.read(case).line.agent_name == "小梅"


@pytest.mark.parametrize("goes", GONE)
def test_a_disabled_agent_is_no_longer_preferred(
    desk: Desk, directory: SqlStaff, talk: str, goes: Callable[[SqlStaff], Coroutine[Any, Any, None]]
) -> None:
    case = desk.seeder.case(talk, Reason.REOPENED)
    desk.seeder.change(cases, case, prefer=desk.mei.id)
    assert desk.read(case).line.prefer == desk.mei.id
    asyncio.run(goes(directory))
    assert desk.read(case).line.prefer is None
    assert [line.prefer for line in asyncio.run(desk.board.lines())] == [None]


def test_a_new_role_is_in_the_audit_trail(desk: Desk, directory: SqlStaff) -> None:
    asyncio.run(directory.set_role("mei", Role.EDITOR))
    assert "made_editor" in [row.action for row in desk.seeder.rows(audit, staff_id=desk.mei.id)]
