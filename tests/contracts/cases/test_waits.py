"""ports.Waits and the queue of ports.Turns on SQLite and PostgreSQL: how long customers wait, and telling them once."""

from __future__ import annotations

import asyncio

import pytest
from support.cases import Desk, answer
from support.services import MovableClock

from bot.domain.cases import FirstAnswer
from bot.domain.messages import Author, OutboxState
from bot.domain.turns import Reply
from bot.stores.sql.database import Database
from bot.stores.sql.schema import cases, conversations, identities, messages, outbox
from bot.stores.sql.turns import SqlTurns
from bot.stores.sql.waits import SqlWaits

LATER = Reply("a little longer", Author.SYSTEM)
HOUR = 3_600.0


@pytest.fixture
def waits(database: Database) -> SqlWaits:
    return SqlWaits(database)


@pytest.fixture
def turns(database: Database) -> SqlTurns:
    return SqlTurns(database, "one")


def opened(desk: Desk, priority: int = 0, place: int = 1) -> str:
    """The case of a new customer."""
    case = desk.seeder.case(desk.seeder.conversation(desk.seeder.customer()), priority=priority)
    desk.seeder.change(cases, case, place=place)
    return case


def first_answered(desk: Desk, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    talk = desk.seeder.row(cases, case).conversation_id
    asyncio.run(desk.cases.reply(case, desk.mei, answer(key=case, conversation_id=talk)))


def promised(desk: Desk, case: str, clock: MovableClock, seconds: float = 240.0) -> None:
    desk.seeder.change(cases, case, promised_until=clock.now() + seconds)


def overdue(waits: SqlWaits) -> list[str]:
    return [one.id for one in asyncio.run(waits.overdue(0.0, 10))]


def told(desk: Desk, talk: str) -> list[str]:
    return [row.text for row in desk.seeder.rows(messages, conversation_id=talk, author="system")]


def test_a_customer_takes_their_place_behind_the_cases_that_are_as_urgent(desk: Desk, turns: SqlTurns) -> None:
    for priority in (-1, 0, 0, 1):
        opened(desk, priority)
    assert [asyncio.run(turns.queue(priority, 0.0)).place for priority in (-1, 0, 1, 2)] == [4, 4, 2, 1]


def test_a_waiting_customers_place_counts_who_came_before_them(
    desk: Desk, turns: SqlTurns, clock: MovableClock
) -> None:
    first = opened(desk)
    clock.move(1)
    second = opened(desk)
    clock.move(1)
    third, urgent = opened(desk), opened(desk, priority=1)
    places = [asyncio.run(turns.place(case)) for case in (urgent, first, second, third)]
    assert places == [1, 2, 3, 4]
    asyncio.run(desk.cases.claim(first, desk.mei))
    assert asyncio.run(turns.place(third)) == 3


def test_the_first_answers_of_the_last_hour_tell_how_long_customers_waited(
    desk: Desk, turns: SqlTurns, clock: MovableClock
) -> None:
    forgotten = opened(desk)
    clock.move(600)
    start = clock.now()
    early, late = opened(desk), opened(desk, place=2)
    clock.move(120)
    first_answered(desk, early)
    clock.move(180)
    first_answered(desk, late)
    first_answered(desk, early_again(desk, early))
    first_answered(desk, forgotten)
    known = asyncio.run(turns.queue(0, start)).answers
    assert known == (FirstAnswer(300.0, 2), FirstAnswer(120.0, 1))
    assert FirstAnswer(900.0, 1) in asyncio.run(turns.queue(0, 0.0)).answers
    clock.move(HOUR)
    assert asyncio.run(turns.queue(0, 0.0)).answers == ()


def early_again(desk: Desk, case: str) -> str:
    """The same case, put back into the queue: a second answer is no first one."""
    asyncio.run(desk.cases.release(case, desk.mei))
    return case


def test_an_overdue_customer_is_told_once(
    desk: Desk, waits: SqlWaits, talk: str, case: str, clock: MovableClock
) -> None:
    promised(desk, case, clock)
    assert overdue(waits) == []
    clock.move(240)
    (found,) = asyncio.run(waits.overdue(0.0, 10))
    assert (found.id, found.conversation.id, found.queue.place) == (case, talk, 1)
    assert asyncio.run(waits.correct(case, [LATER, LATER]))
    assert told(desk, talk) == [LATER.text] * 2
    assert [row.state for row in desk.seeder.rows(outbox, conversation_id=talk)] == ["pending"] * 2
    assert desk.seeder.history(talk) == [(1, "wait_corrected", "system")]
    assert overdue(waits) == []
    assert not asyncio.run(waits.correct(case, [LATER]))


def test_of_two_processes_that_correct_at_once_one_speaks(
    desk: Desk, waits: SqlWaits, database_url: str, talk: str, case: str, clock: MovableClock
) -> None:
    other = Database(database_url, clock.now)

    async def rush() -> list[bool]:
        both = (waits, SqlWaits(other))
        return list(await asyncio.gather(*(one.correct(case, [LATER]) for one in both * 4)))

    promised(desk, case, clock, 0.0)
    assert asyncio.run(rush()).count(True) == 1
    other.close()
    assert told(desk, talk) == [LATER.text]


def test_nothing_is_corrected_once_an_agent_has_the_case(
    desk: Desk, waits: SqlWaits, talk: str, case: str, clock: MovableClock
) -> None:
    promised(desk, case, clock, 0.0)
    asyncio.run(desk.cases.claim(case, desk.mei))
    assert overdue(waits) == []
    assert not asyncio.run(waits.correct(case, [LATER]))
    asyncio.run(desk.cases.release(case, desk.mei))
    assert overdue(waits) == [case]  # nobody has answered yet
    first_answered(desk, case)
    asyncio.run(desk.cases.release(case, desk.mei))
    assert overdue(waits) == []
    assert told(desk, talk) == []


@pytest.mark.parametrize("state", [OutboxState.PENDING, OutboxState.WAITING])
def test_a_correction_that_has_not_gone_out_is_cancelled_by_the_claim(
    desk: Desk, waits: SqlWaits, talk: str, case: str, clock: MovableClock, state: OutboxState
) -> None:
    promised(desk, case, clock, 0.0)
    assert asyncio.run(waits.correct(case, [Reply(LATER.text, Author.SYSTEM, state=state)]))
    assert desk.seeder.row(conversations, talk).waiting == (state is OutboxState.WAITING)
    asyncio.run(desk.cases.claim(case, desk.mei))
    assert [row.state for row in desk.seeder.rows(outbox, conversation_id=talk)] == ["cancelled"]
    assert desk.seeder.row(conversations, talk).waiting == 0


def test_who_opted_out_or_is_gone_or_wrote_in_public_is_not_told(
    desk: Desk, waits: SqlWaits, talk: str, case: str, clock: MovableClock
) -> None:
    promised(desk, case, clock, 0.0)
    identity = desk.seeder.row(conversations, talk).identity_id
    for kept_quiet in ({"silenced_at": 1.0}, {"gone_at": 1.0}):
        desk.seeder.change(identities, identity, **kept_quiet)
        assert overdue(waits) == []
        desk.seeder.change(identities, identity, silenced_at=0.0, gone_at=0.0)
    desk.seeder.change(identities, identity, silenced_at=1.0)
    assert not asyncio.run(waits.correct(case, [LATER]))
    desk.seeder.change(identities, identity, silenced_at=0.0)
    desk.seeder.change(conversations, talk, thread="1789")
    assert overdue(waits) == []
    assert told(desk, talk) == []


def test_a_case_that_has_ended_is_not_overdue(desk: Desk, waits: SqlWaits, case: str, clock: MovableClock) -> None:
    promised(desk, case, clock, 0.0)
    asyncio.run(desk.cases.resolve(case, desk.mei))
    assert overdue(waits) == []
    assert not asyncio.run(waits.correct(case, [LATER]))
    assert not asyncio.run(waits.correct("no such case", [LATER]))
