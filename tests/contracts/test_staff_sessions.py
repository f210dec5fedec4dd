"""Sessions on SQLite and PostgreSQL: idle ones, one per browser, and changed passwords."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Literal

import pytest
from argon2 import PasswordHasher
from support.conversations import Seeder
from support.services import MovableClock

from bot.domain.cases import Role, Session, StaffMember
from bot.errors import Refused, Stale
from bot.stores.sql import staff as store
from bot.stores.sql.database import Database
from bot.stores.sql.schema import audit, sessions, staff
from bot.stores.sql.staff import SqlStaff

PASSWORD, NEW = "correct horse", "seven owls at dusk"
QUICK = PasswordHasher(time_cost=1, memory_cost=64)


@pytest.fixture
def directory(database: Database) -> SqlStaff:
    return SqlStaff(database, 12, QUICK, idle_minutes=30)


@pytest.fixture
def mei(directory: SqlStaff) -> StaffMember:
    return asyncio.run(directory.add("mei", "小梅", Role.AGENT, PASSWORD))


def entered(directory: SqlStaff, login: str = "mei", password: str = PASSWORD, instead_of: str = "") -> str:
    found = asyncio.run(directory.log_in(login, password, instead_of))
    assert found is not None
    return found[0]


def holder(directory: SqlStaff, token: str, *, active: bool = True) -> Session | None:
    return asyncio.run(directory.find_session(token, active))


def test_an_idle_session_ends_and_a_used_one_goes_on(
    directory: SqlStaff, mei: StaffMember, clock: MovableClock
) -> None:
    used, left = entered(directory), entered(directory)
    for _ in range(4):
        clock.move(15 * 60)
        assert holder(directory, used) is not None
    assert holder(directory, left) is None


def test_automatic_requests_of_a_page_do_not_keep_a_session_alive(
    directory: SqlStaff, mei: StaffMember, clock: MovableClock
) -> None:
    token = entered(directory)
    clock.move(29 * 60)
    assert holder(directory, token, active=False) is not None
    clock.move(2 * 60)
    assert holder(directory, token) is None


def test_a_sessions_last_use_is_written_once_a_minute_at_most(
    directory: SqlStaff, mei: StaffMember, clock: MovableClock, database: Database
) -> None:
    token, seeder = entered(directory), Seeder(database)
    began = clock.now()
    for _ in range(59):
        clock.move(1)
        assert holder(directory, token) is not None
    assert [row.seen_at for row in seeder.rows(sessions)] == [began]
    clock.move(1)
    assert holder(directory, token) is not None
    assert [row.seen_at for row in seeder.rows(sessions)] == [began + 60]


def test_a_new_login_ends_the_browsers_old_session_only(directory: SqlStaff, mei: StaffMember) -> None:
    elsewhere, old = entered(directory), entered(directory)
    new = entered(directory, instead_of=old)
    assert holder(directory, old) is None
    assert holder(directory, new) is not None
    assert holder(directory, elsewhere) is not None


def test_a_wrong_password_ends_no_session(directory: SqlStaff, mei: StaffMember) -> None:
    token = entered(directory)
    assert asyncio.run(directory.log_in("mei", "wrong", token)) is None
    assert holder(directory, token) is not None


@pytest.mark.parametrize("written", ["MEI", " mei ", "ｍｅｉ", "m\u200bei", "mei\ufe0f", "\ufeffmei\x00"])
def test_a_login_is_the_same_however_it_is_written(directory: SqlStaff, mei: StaffMember, written: str) -> None:
    session = holder(directory, entered(directory, written))
    assert session is not None
    assert session.staff == mei
    assert asyncio.run(directory.id_of(written)) == mei.id
    with pytest.raises(Stale):
        asyncio.run(directory.add(written, "Another", Role.ADMIN, "another password"))
    asyncio.run(directory.disable(written))
    assert asyncio.run(directory.log_in("mei", PASSWORD)) is None


def test_a_login_of_an_old_version_is_found_by_its_exact_spelling(
    directory: SqlStaff, mei: StaffMember, database: Database
) -> None:
    """Once, Jun and jun could be two people."""
    older = asyncio.run(directory.add("jun", "阿俊", Role.AGENT, PASSWORD))
    Seeder(database).change(staff, older.id, login="Jun")
    Seeder(database).change(staff, mei.id, login="jun")
    assert (asyncio.run(directory.id_of("Jun")), asyncio.run(directory.id_of("jun"))) == (older.id, mei.id)
    asyncio.run(directory.disable("jun"))
    assert asyncio.run(directory.id_of("JUN")) in (older.id, mei.id)


def test_changing_the_password_ends_the_other_sessions(
    directory: SqlStaff, mei: StaffMember, database: Database
) -> None:
    here, elsewhere = entered(directory), entered(directory)
    assert asyncio.run(directory.change_password(here, PASSWORD, NEW))
    assert holder(directory, here) is not None
    assert holder(directory, elsewhere) is None
    assert asyncio.run(directory.log_in("mei", PASSWORD)) is None
    assert holder(directory, entered(directory, password=NEW)) is not None
    assert "password_changed" in [row.action for row in Seeder(database).rows(audit, staff_id=mei.id)]


def test_changing_the_password_needs_a_session_and_the_current_password(directory: SqlStaff, mei: StaffMember) -> None:
    token = entered(directory)
    assert not asyncio.run(directory.change_password(token, "wrong", NEW))
    asyncio.run(directory.log_out(token))
    assert not asyncio.run(directory.change_password(token, PASSWORD, NEW))
    assert asyncio.run(directory.log_in("mei", NEW)) is None


def test_a_new_role_applies_at_once_and_keeps_the_session(directory: SqlStaff, mei: StaffMember) -> None:
    token = entered(directory)
    asyncio.run(directory.set_role("Mei", Role.EDITOR))
    session = holder(directory, token)
    assert session is not None
    assert session.staff.role is Role.EDITOR
    with pytest.raises(LookupError):
        asyncio.run(directory.set_role("nobody", Role.LEAD))


class Slow(PasswordHasher):
    """Counts how many verify at once, and takes its time."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64)
        self.now, self.most, self._lock = 0, 0, threading.Lock()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's name
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.05)
        with self._lock:
            self.now -= 1
        return super().verify(hash, password)


def test_at_most_two_passwords_are_verified_at_once_and_a_long_wait_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "HASH_TIMEOUT", 0.12)
    hasher = Slow()
    directory = SqlStaff(database, 12, hasher)
    asyncio.run(directory.add("mei", "小梅", Role.AGENT, PASSWORD))

    async def rush() -> list[object]:
        return list(
            await asyncio.gather(*(directory.log_in("mei", PASSWORD) for _ in range(16)), return_exceptions=True)
        )

    came_of_it = asyncio.run(rush())
    refused = [one for one in came_of_it if isinstance(one, Refused)]
    assert hasher.most == 2
    assert {(one.status, one.code) for one in refused} == {(429, "busy")}
    assert 2 <= sum(isinstance(one, tuple) for one in came_of_it) < 16
