"""The question log on SQLite and PostgreSQL: customers' questions, their traces, and agents' corrections."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import pytest
from argon2 import PasswordHasher
from sqlalchemy import insert
from support.conversations import Seeder
from support.services import MovableClock

from bot.config import RetentionDays
from bot.domain.cases import Role, StaffMember
from bot.domain.decisions import Candidate, Change, Trace
from bot.domain.messages import DAY, Kind
from bot.errors import NotAllowed
from bot.ports.nlu import LoggedQuestion
from bot.stores.sql.case_queries import SqlCaseQueries
from bot.stores.sql.cases import SqlCases
from bot.stores.sql.database import Database
from bot.stores.sql.history import SqlQuestionLog
from bot.stores.sql.mapping import CONVERSATION, conversation_of
from bot.stores.sql.retention import SqlRetention
from bot.stores.sql.schema import audit, conversations, events, traces
from bot.stores.sql.staff import SqlStaff
from bot.stores.sql.turn_effects import apply_change


@pytest.fixture
def seeder(database: Database) -> Seeder:
    return Seeder(database)


@pytest.fixture
def mei(database: Database) -> StaffMember:
    return hired(database, "mei", Role.AGENT)


def hired(database: Database, login: str, role: Role) -> StaffMember:
    staff = SqlStaff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))
    return asyncio.run(staff.add(login, login.title(), role, "correct horse"))


def asked(database: Database, seeder: Seeder, talk: str, text: str, trace: Trace, kind: Kind = Kind.TEXT) -> str:
    """A message with its trace, as a turn leaves them."""
    message = seeder.hears(talk, text, kind)
    with database.engine.begin() as connection:
        row = {"message_id": message, "conversation_id": talk, "at": database.now(connection)}
        connection.execute(insert(traces).values(**row, trace=json.dumps(asdict(trace))))
    return message


def questions(database: Database, since: float = 0.0, limit: int = 100) -> list[LoggedQuestion]:
    return asyncio.run(SqlQuestionLog(database).questions(since, limit))


ANSWERED = Trace(3, "zh", (Candidate("returns", 0.97),), "Answer", "returns")
ASKED_BACK = Trace(3, "zh", (Candidate("returns", 0.5),), "Ask", choices=("returns", "repair"))
PICKED = Trace(3, "zh", (), "Answer", "repair", picked=True)


def test_questions_come_oldest_first_with_their_traces(database: Database, seeder: Seeder) -> None:
    talk = seeder.conversation(seeder.customer())
    first = asked(database, seeder, talk, "坏了怎么办", ASKED_BACK)
    second = asked(database, seeder, talk, "2", PICKED)
    seeder.hears(talk, "还没轮到")  # no turn yet
    found = questions(database)
    assert [(one.message_id, one.text, one.trace) for one in found] == [
        (first, "坏了怎么办", ASKED_BACK),
        (second, "2", PICKED),
    ]
    assert [(one.conversation_id, one.seq, one.corrected) for one in found] == [(talk, 1, None), (talk, 2, None)]


def test_a_trace_from_before_choices_were_kept_is_read(database: Database, seeder: Seeder) -> None:
    talk = seeder.conversation(seeder.customer())
    message = seeder.hears(talk, "怎么退货")
    old = {name: value for name, value in asdict(ANSWERED).items() if name not in {"choices", "picked"}}
    with database.engine.begin() as connection:
        row = {"message_id": message, "conversation_id": talk, "at": database.now(connection)}
        connection.execute(insert(traces).values(**row, trace=json.dumps(old)))
    assert [one.trace for one in questions(database)] == [ANSWERED]


def test_the_newest_questions_within_the_period_are_returned(
    database: Database, seeder: Seeder, clock: MovableClock
) -> None:
    talk = seeder.conversation(seeder.customer())
    for number in range(4):
        asked(database, seeder, talk, f"question {number}", ANSWERED)
        clock.move(DAY)
    assert [one.text for one in questions(database, limit=2)] == ["question 2", "question 3"]
    assert [one.text for one in questions(database, since=clock.now() - 1.5 * DAY)] == ["question 3"]


def test_other_kinds_have_no_text_and_overheard_posts_are_left_out(database: Database, seeder: Seeder) -> None:
    talk = seeder.conversation(seeder.customer())
    asked(database, seeder, talk, "menu-7", ANSWERED, Kind.CLICK)
    asked(database, seeder, talk, "声音转成的字", ANSWERED, Kind.VOICE)
    apart = seeder.conversation(seeder.customer(), "brand-x", "twitter", thread="overheard")
    asked(database, seeder, apart, "I hate this brand", ANSWERED)
    assert [one.text for one in questions(database)] == ["", "声音转成的字"]


def test_the_last_correction_of_an_agent_counts(
    database: Database, seeder: Seeder, clock: MovableClock, mei: StaffMember
) -> None:
    talk = seeder.conversation(seeder.customer())
    message = asked(database, seeder, talk, "坏了怎么办", ASKED_BACK)
    case, work = seeder.case(talk), SqlCases(database)
    for entry in ("returns", "repair"):
        asyncio.run(work.correct(case, mei, message, entry))
        clock.move(1)
    assert [one.corrected for one in questions(database)] == ["repair"]
    asyncio.run(work.correct(case, mei, message, ""))
    assert [one.corrected for one in questions(database)] == [""]


def test_a_correction_is_logged_with_ids_only(database: Database, seeder: Seeder, mei: StaffMember) -> None:
    talk = seeder.conversation(seeder.customer())
    message = asked(database, seeder, talk, "坏了怎么办", ASKED_BACK)
    case = seeder.case(talk)
    asyncio.run(SqlCases(database).correct(case, mei, message, "repair"))
    (event,) = seeder.rows(events, type="corrected")
    assert (event.actor, event.entry, json.loads(event.data), event.case_id) == (
        mei.id,
        "repair",
        {"message": message},
        case,
    )
    assert "坏了" not in str(event)
    view = asyncio.run(SqlCaseQueries(database).case(case))
    assert view is not None
    assert [(step.type, step.entry, step.data) for step in view.events] == [
        ("corrected", "repair", {"message": message})
    ]
    (deed,) = seeder.rows(audit, action="corrected")
    assert (deed.staff_id, deed.action, deed.object) == (mei.id, "corrected", message)


def test_an_ended_case_can_still_be_corrected(database: Database, seeder: Seeder, mei: StaffMember) -> None:
    talk = seeder.conversation(seeder.customer())
    message = asked(database, seeder, talk, "坏了怎么办", ASKED_BACK)
    case, work = seeder.case(talk), SqlCases(database)
    asyncio.run(work.resolve(case, mei))
    asyncio.run(work.correct(case, mei, message, "repair"))
    assert [one.corrected for one in questions(database)] == ["repair"]


def test_only_customer_messages_of_the_case_are_corrected_and_only_by_desk_roles(
    database: Database, seeder: Seeder, mei: StaffMember
) -> None:
    talk, other = (seeder.conversation(seeder.customer()) for _ in range(2))
    mine, theirs = (asked(database, seeder, one, "坏了", ASKED_BACK) for one in (talk, other))
    answer = seeder.row(conversations, talk) and seeder.answers(talk, "您好", "hello")
    case, work = seeder.case(talk), SqlCases(database)
    for message in (theirs, "nothing", answer):
        with pytest.raises(LookupError):
            asyncio.run(work.correct(case, mei, message, "repair"))
    with pytest.raises(LookupError):
        asyncio.run(work.correct("no-such-case", mei, mine, "repair"))
    with pytest.raises(NotAllowed):
        asyncio.run(work.correct(case, hired(database, "ed", Role.EDITOR), mine, "repair"))
    assert seeder.rows(events, type="corrected") == []


def test_questions_of_an_erased_customer_are_gone(database: Database, seeder: Seeder) -> None:
    talk = seeder.conversation(seeder.customer())
    asked(database, seeder, talk, "坏了怎么办", ASKED_BACK)
    kept = seeder.conversation(seeder.customer())
    asked(database, seeder, kept, "怎么退货", ANSWERED)
    with database.engine.begin() as connection:
        spoken = conversation_of(connection.execute(CONVERSATION.where(conversations.c.id == talk)).one())
        apply_change(connection, Change("forget", {"mode": "erase"}), spoken, database.now(connection))
    assert [one.text for one in questions(database)] == ["怎么退货"]


def test_questions_deleted_by_retention_are_gone(database: Database, seeder: Seeder, clock: MovableClock) -> None:
    talk = seeder.conversation(seeder.customer())
    asked(database, seeder, talk, "怎么退货", ANSWERED)
    clock.move(50 * DAY)
    rooms = SqlRetention(database, RetentionDays(traces=40))

    async def purge() -> None:
        while await rooms.purge(clock.now()):
            pass

    asyncio.run(purge())
    assert questions(database) == []
