"""ports.Traffic on every record: what customers asked, what was made of it, and what agents said of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import pytest
from argon2 import PasswordHasher
from ground import MovableClock
from seeding import Ground
from sqlalchemy import insert

from bot.cases import Role, StaffMember
from bot.config import Retention
from bot.decisions import Candidate, Change, Trace
from bot.errors import NotAllowed
from bot.messages import Kind
from bot.stores.record.board import Board
from bot.stores.record.cases import Cases
from bot.stores.record.changes import apply
from bot.stores.record.database import Database
from bot.stores.record.housekeeping import RecordHousekeeping
from bot.stores.record.rows import CONVERSATION, conversation_of
from bot.stores.record.staff import Staff
from bot.stores.record.tables import audit, conversations, events, traces
from bot.stores.record.traffic import RecordTraffic
from bot.traffic import Question

DAY = 86_400.0


@pytest.fixture
def ground(database: Database) -> Ground:
    return Ground(database)


@pytest.fixture
def mei(database: Database) -> StaffMember:
    return hired(database, "mei", Role.AGENT)


def hired(database: Database, login: str, role: Role) -> StaffMember:
    staff = Staff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))
    return asyncio.run(staff.add(login, login.title(), role, "correct horse"))


def asked(database: Database, ground: Ground, talk: str, text: str, trace: Trace, kind: Kind = Kind.TEXT) -> str:
    """A message with its trace, as a turn leaves them."""
    message = ground.hears(talk, text, kind)
    with database.engine.begin() as connection:
        row = {"message_id": message, "conversation_id": talk, "at": database.now(connection)}
        connection.execute(insert(traces).values(**row, trace=json.dumps(asdict(trace))))
    return message


def questions(database: Database, since: float = 0.0, limit: int = 100) -> list[Question]:
    return asyncio.run(RecordTraffic(database).questions(since, limit))


ANSWERED = Trace(3, "zh", (Candidate("returns", 0.97),), "Answer", "returns")
ASKED_BACK = Trace(3, "zh", (Candidate("returns", 0.5),), "Ask", choices=("returns", "repair"))
PICKED = Trace(3, "zh", (), "Answer", "repair", picked=True)


def test_questions_come_oldest_first_with_all_that_was_made_of_them(database: Database, ground: Ground) -> None:
    talk = ground.conversation(ground.customer())
    first = asked(database, ground, talk, "坏了怎么办", ASKED_BACK)
    second = asked(database, ground, talk, "2", PICKED)
    ground.hears(talk, "还没轮到")  # no turn yet
    found = questions(database)
    assert [(one.message_id, one.text, one.trace) for one in found] == [
        (first, "坏了怎么办", ASKED_BACK),
        (second, "2", PICKED),
    ]
    assert [(one.conversation_id, one.seq, one.corrected) for one in found] == [(talk, 1, None), (talk, 2, None)]


def test_a_trace_from_before_choices_were_kept_is_read(database: Database, ground: Ground) -> None:
    talk = ground.conversation(ground.customer())
    message = ground.hears(talk, "怎么退货")
    old = {name: value for name, value in asdict(ANSWERED).items() if name not in {"choices", "picked"}}
    with database.engine.begin() as connection:
        row = {"message_id": message, "conversation_id": talk, "at": database.now(connection)}
        connection.execute(insert(traces).values(**row, trace=json.dumps(old)))
    assert [one.trace for one in questions(database)] == [ANSWERED]


def test_the_newest_are_kept_and_what_is_older_than_asked_for_is_not(
    database: Database, ground: Ground, clock: MovableClock
) -> None:
    talk = ground.conversation(ground.customer())
    for number in range(4):
        asked(database, ground, talk, f"question {number}", ANSWERED)
        clock.move(DAY)
    assert [one.text for one in questions(database, limit=2)] == ["question 2", "question 3"]
    assert [one.text for one in questions(database, since=clock.now() - 1.5 * DAY)] == ["question 3"]


def test_what_is_no_text_is_there_without_one_and_what_was_overheard_is_not(database: Database, ground: Ground) -> None:
    talk = ground.conversation(ground.customer())
    asked(database, ground, talk, "menu-7", ANSWERED, Kind.CLICK)
    asked(database, ground, talk, "声音转成的字", ANSWERED, Kind.VOICE)
    apart = ground.conversation(ground.customer(), "brand-x", "twitter", thread="overheard")
    asked(database, ground, apart, "I hate this brand", ANSWERED)
    assert [one.text for one in questions(database)] == ["", "声音转成的字"]


def test_the_last_word_of_an_agent_counts(
    database: Database, ground: Ground, clock: MovableClock, mei: StaffMember
) -> None:
    talk = ground.conversation(ground.customer())
    message = asked(database, ground, talk, "坏了怎么办", ASKED_BACK)
    case, work = ground.case(talk), Cases(database)
    for entry in ("returns", "repair"):
        asyncio.run(work.correct(case, mei, message, entry))
        clock.move(1)
    assert [one.corrected for one in questions(database)] == ["repair"]
    asyncio.run(work.correct(case, mei, message, ""))
    assert [one.corrected for one in questions(database)] == [""]


def test_a_correction_carries_ids_only_and_stands_in_the_history_and_the_audit_log(
    database: Database, ground: Ground, mei: StaffMember
) -> None:
    talk = ground.conversation(ground.customer())
    message = asked(database, ground, talk, "坏了怎么办", ASKED_BACK)
    case = ground.case(talk)
    asyncio.run(Cases(database).correct(case, mei, message, "repair"))
    (event,) = ground.rows(events, type="corrected")
    assert (event.actor, event.entry, json.loads(event.data), event.case_id) == (
        mei.id,
        "repair",
        {"message": message},
        case,
    )
    assert "坏了" not in str(event)
    view = asyncio.run(Board(database).case(case))
    assert view is not None
    assert [(step.type, step.entry, step.data) for step in view.events] == [
        ("corrected", "repair", {"message": message})
    ]
    (deed,) = ground.rows(audit, action="corrected")
    assert (deed.staff_id, deed.action, deed.object) == (mei.id, "corrected", message)


def test_an_ended_case_can_still_be_corrected(database: Database, ground: Ground, mei: StaffMember) -> None:
    talk = ground.conversation(ground.customer())
    message = asked(database, ground, talk, "坏了怎么办", ASKED_BACK)
    case, work = ground.case(talk), Cases(database)
    asyncio.run(work.resolve(case, mei))
    asyncio.run(work.correct(case, mei, message, "repair"))
    assert [one.corrected for one in questions(database)] == ["repair"]


def test_only_what_the_customer_said_in_the_case_is_corrected_and_only_by_those_who_work(
    database: Database, ground: Ground, mei: StaffMember
) -> None:
    talk, other = (ground.conversation(ground.customer()) for _ in range(2))
    mine, theirs = (asked(database, ground, one, "坏了", ASKED_BACK) for one in (talk, other))
    answer = ground.row(conversations, talk) and ground.answers(talk, "您好", "hello")
    case, work = ground.case(talk), Cases(database)
    for message in (theirs, "nothing", answer):
        with pytest.raises(LookupError):
            asyncio.run(work.correct(case, mei, message, "repair"))
    with pytest.raises(LookupError):
        asyncio.run(work.correct("no-such-case", mei, mine, "repair"))
    with pytest.raises(NotAllowed):
        asyncio.run(work.correct(case, hired(database, "ed", Role.EDITOR), mine, "repair"))
    assert ground.rows(events, type="corrected") == []


def test_whoever_leaves_takes_their_questions_along(database: Database, ground: Ground) -> None:
    talk = ground.conversation(ground.customer())
    asked(database, ground, talk, "坏了怎么办", ASKED_BACK)
    kept = ground.conversation(ground.customer())
    asked(database, ground, kept, "怎么退货", ANSWERED)
    with database.engine.begin() as connection:
        spoken = conversation_of(connection.execute(CONVERSATION.where(conversations.c.id == talk)).one())
        apply(connection, Change("forget", {"mode": "erase"}), spoken, database.now(connection))
    assert [one.text for one in questions(database)] == ["怎么退货"]


def test_what_retention_throws_away_is_no_evidence_any_more(
    database: Database, ground: Ground, clock: MovableClock
) -> None:
    talk = ground.conversation(ground.customer())
    asked(database, ground, talk, "怎么退货", ANSWERED)
    clock.move(50 * DAY)
    rooms = RecordHousekeeping(database, Retention(traces=40))

    async def purge() -> None:
        while await rooms.purge(clock.now()):
            pass

    asyncio.run(purge())
    assert questions(database) == []
