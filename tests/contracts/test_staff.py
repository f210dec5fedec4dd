"""ports.StaffDirectory on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher
from support.conversations import Seeder
from support.services import MovableClock

from bot.domain.cases import Role, StaffMember
from bot.errors import Stale
from bot.stores.sql.database import Database
from bot.stores.sql.schema import audit, sessions, staff
from bot.stores.sql.staff import SqlStaff


@pytest.fixture
def directory(database: Database) -> SqlStaff:
    return SqlStaff(database, 12, PasswordHasher(time_cost=1, memory_cost=64), idle_minutes=120)


@pytest.fixture
def mei(directory: SqlStaff) -> StaffMember:
    return asyncio.run(directory.add("mei", "小梅", Role.AGENT, "correct horse"))


def token_of(directory: SqlStaff, login: str = "mei", password: str = "correct horse") -> str:
    found = asyncio.run(directory.log_in(login, password))
    assert found is not None
    return found[0]


def test_the_right_password_opens_a_session(directory: SqlStaff, mei: StaffMember) -> None:
    session = asyncio.run(directory.find_session(token_of(directory)))
    assert session is not None
    assert session.staff == mei


@pytest.mark.parametrize(("login", "password"), [("mei", "wrong"), ("nobody", "correct horse"), ("mei", "")])
def test_a_wrong_password_and_an_unknown_login_are_refused_alike(
    directory: SqlStaff, mei: StaffMember, login: str, password: str
) -> None:
    assert asyncio.run(directory.log_in(login, password)) is None


def test_a_session_ends_after_its_lifetime(directory: SqlStaff, mei: StaffMember, clock: MovableClock) -> None:
    token = token_of(directory)
    for _ in range(11):
        clock.move(3600)
        assert asyncio.run(directory.find_session(token)) is not None
    clock.move(3601)
    assert asyncio.run(directory.find_session(token)) is None


def test_logging_out_ends_the_session(directory: SqlStaff, mei: StaffMember) -> None:
    token, other = token_of(directory), token_of(directory)
    asyncio.run(directory.log_out(token))
    assert asyncio.run(directory.find_session(token)) is None
    assert asyncio.run(directory.find_session(other)) is not None


def test_disabling_a_login_ends_its_sessions_at_once(directory: SqlStaff, mei: StaffMember, database: Database) -> None:
    token = token_of(directory)
    asyncio.run(directory.disable("mei"))
    assert asyncio.run(directory.find_session(token)) is None
    assert asyncio.run(directory.log_in("mei", "correct horse")) is None
    assert asyncio.run(directory.active_staff()) == []
    assert "disabled" in [row.action for row in Seeder(database).rows(audit, staff_id=mei.id)]


def test_a_new_password_ends_the_sessions_of_the_old_one_and_lets_the_disabled_in(
    directory: SqlStaff, mei: StaffMember, database: Database
) -> None:
    token = token_of(directory)
    asyncio.run(directory.set_password("mei", "battery staple"))
    assert asyncio.run(directory.find_session(token)) is None
    assert asyncio.run(directory.log_in("mei", "correct horse")) is None
    asyncio.run(directory.disable("mei"))
    asyncio.run(directory.set_password("mei", "battery staple"))
    assert asyncio.run(directory.find_session(token_of(directory, password="battery staple"))) is not None
    assert "password_given" in [row.action for row in Seeder(database).rows(audit, staff_id=mei.id)]


def test_disabling_an_unknown_login_raises_lookup_error(directory: SqlStaff) -> None:
    with pytest.raises(LookupError):
        asyncio.run(directory.disable("nobody"))


def test_a_login_belongs_to_one_person(directory: SqlStaff, mei: StaffMember) -> None:
    with pytest.raises(Stale):
        asyncio.run(directory.add("mei", "Another", Role.ADMIN, "another password"))
    assert asyncio.run(directory.active_staff()) == [mei]


def test_neither_passwords_nor_tokens_are_in_the_database(
    directory: SqlStaff, mei: StaffMember, database: Database
) -> None:
    token = token_of(directory)
    seeder = Seeder(database)
    assert seeder.row(staff, mei.id).password.startswith("$argon2id$")
    assert token not in [row.token for row in seeder.rows(sessions)]


def test_logins_are_in_the_audit_trail(directory: SqlStaff, mei: StaffMember, database: Database) -> None:
    asyncio.run(directory.log_out(token_of(directory)))
    trail = [(row.staff_id, row.action) for row in Seeder(database).rows(audit)]
    assert sorted(trail) == [(mei.id, "added"), (mei.id, "logged_in"), (mei.id, "logged_out")]
