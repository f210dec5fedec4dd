"""StaffRoom on every record."""

from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher
from ground import MovableClock
from seeding import Ground

from bot.cases import Role, StaffMember
from bot.errors import Stale
from bot.stores.record.database import Database
from bot.stores.record.staff import Staff
from bot.stores.record.tables import audit, sessions, staff


@pytest.fixture
def room(database: Database) -> Staff:
    return Staff(database, 12, PasswordHasher(time_cost=1, memory_cost=64), idle_minutes=120)


@pytest.fixture
def mei(room: Staff) -> StaffMember:
    return asyncio.run(room.add("mei", "小梅", Role.AGENT, "correct horse"))


def token_of(room: Staff, login: str = "mei", password: str = "correct horse") -> str:
    found = asyncio.run(room.log_in(login, password))
    assert found is not None
    return found[0]


def test_the_right_password_opens_a_session(room: Staff, mei: StaffMember) -> None:
    session = asyncio.run(room.by_session(token_of(room)))
    assert session is not None
    assert session.staff == mei


@pytest.mark.parametrize(("login", "password"), [("mei", "wrong"), ("nobody", "correct horse"), ("mei", "")])
def test_a_wrong_password_and_an_unknown_login_are_refused_alike(
    room: Staff, mei: StaffMember, login: str, password: str
) -> None:
    assert asyncio.run(room.log_in(login, password)) is None


def test_a_session_ends_in_time(room: Staff, mei: StaffMember, clock: MovableClock) -> None:
    token = token_of(room)
    for _ in range(11):
        clock.move(3600)
        assert asyncio.run(room.by_session(token)) is not None
    clock.move(3601)
    assert asyncio.run(room.by_session(token)) is None


def test_whoever_logs_out_is_out(room: Staff, mei: StaffMember) -> None:
    token, other = token_of(room), token_of(room)
    asyncio.run(room.log_out(token))
    assert asyncio.run(room.by_session(token)) is None
    assert asyncio.run(room.by_session(other)) is not None


def test_whoever_is_disabled_is_out_at_once(room: Staff, mei: StaffMember, database: Database) -> None:
    token = token_of(room)
    asyncio.run(room.disable("mei"))
    assert asyncio.run(room.by_session(token)) is None
    assert asyncio.run(room.log_in("mei", "correct horse")) is None
    assert asyncio.run(room.everybody()) == []
    assert "disabled" in [row.action for row in Ground(database).rows(audit, staff_id=mei.id)]


def test_a_new_password_ends_the_sessions_of_the_old_one_and_lets_the_disabled_in(
    room: Staff, mei: StaffMember, database: Database
) -> None:
    token = token_of(room)
    asyncio.run(room.give_password("mei", "battery staple"))
    assert asyncio.run(room.by_session(token)) is None
    assert asyncio.run(room.log_in("mei", "correct horse")) is None
    asyncio.run(room.disable("mei"))
    asyncio.run(room.give_password("mei", "battery staple"))
    assert asyncio.run(room.by_session(token_of(room, password="battery staple"))) is not None
    assert "password_given" in [row.action for row in Ground(database).rows(audit, staff_id=mei.id)]


def test_nobody_is_not_disabled(room: Staff) -> None:
    with pytest.raises(LookupError):
        asyncio.run(room.disable("nobody"))


def test_a_login_belongs_to_one_person(room: Staff, mei: StaffMember) -> None:
    with pytest.raises(Stale):
        asyncio.run(room.add("mei", "Another", Role.ADMIN, "another password"))
    assert asyncio.run(room.everybody()) == [mei]


def test_neither_passwords_nor_tokens_stand_in_the_record(room: Staff, mei: StaffMember, database: Database) -> None:
    token = token_of(room)
    ground = Ground(database)
    assert ground.row(staff, mei.id).password.startswith("$argon2id$")
    assert token not in [row.token for row in ground.rows(sessions)]


def test_logins_leave_a_trail(room: Staff, mei: StaffMember, database: Database) -> None:
    asyncio.run(room.log_out(token_of(room)))
    trail = [(row.staff_id, row.action) for row in Ground(database).rows(audit)]
    assert sorted(trail) == [(mei.id, "added"), (mei.id, "logged_in"), (mei.id, "logged_out")]
