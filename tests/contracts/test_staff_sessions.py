"""Sessions on every record: idle ones, one per browser, and passwords that people choose themselves."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Literal

import pytest
from argon2 import PasswordHasher
from ground import MovableClock
from seeding import Ground

from bot.cases import Role, Session, StaffMember
from bot.errors import Refused, Stale
from bot.stores.record import staff as store
from bot.stores.record.database import Database
from bot.stores.record.staff import Staff
from bot.stores.record.tables import audit, sessions, staff

PASSWORD, NEW = "correct horse", "seven owls at dusk"
QUICK = PasswordHasher(time_cost=1, memory_cost=64)


@pytest.fixture
def room(database: Database) -> Staff:
    return Staff(database, 12, QUICK, idle_minutes=30)


@pytest.fixture
def mei(room: Staff) -> StaffMember:
    return asyncio.run(room.add("mei", "小梅", Role.AGENT, PASSWORD))


def entered(room: Staff, login: str = "mei", password: str = PASSWORD, instead_of: str = "") -> str:
    found = asyncio.run(room.log_in(login, password, instead_of))
    assert found is not None
    return found[0]


def holder(room: Staff, token: str, *, active: bool = True) -> Session | None:
    return asyncio.run(room.by_session(token, active))


def test_a_session_with_nobody_at_it_ends_and_a_used_one_goes_on(
    room: Staff, mei: StaffMember, clock: MovableClock
) -> None:
    used, left = entered(room), entered(room)
    for _ in range(4):
        clock.move(15 * 60)
        assert holder(room, used) is not None
    assert holder(room, left) is None


def test_what_a_page_asks_by_itself_keeps_no_session_alive(room: Staff, mei: StaffMember, clock: MovableClock) -> None:
    token = entered(room)
    clock.move(29 * 60)
    assert holder(room, token, active=False) is not None
    clock.move(2 * 60)
    assert holder(room, token) is None


def test_a_session_is_written_down_as_used_once_a_minute_at_most(
    room: Staff, mei: StaffMember, clock: MovableClock, database: Database
) -> None:
    token, ground = entered(room), Ground(database)
    began = clock.now()
    for _ in range(59):
        clock.move(1)
        assert holder(room, token) is not None
    assert [row.seen_at for row in ground.rows(sessions)] == [began]
    clock.move(1)
    assert holder(room, token) is not None
    assert [row.seen_at for row in ground.rows(sessions)] == [began + 60]


def test_a_browsers_new_login_ends_its_old_session_and_nobody_elses(room: Staff, mei: StaffMember) -> None:
    elsewhere, old = entered(room), entered(room)
    new = entered(room, instead_of=old)
    assert holder(room, old) is None
    assert holder(room, new) is not None
    assert holder(room, elsewhere) is not None


def test_a_wrong_password_ends_no_session(room: Staff, mei: StaffMember) -> None:
    token = entered(room)
    assert asyncio.run(room.log_in("mei", "wrong", token)) is None
    assert holder(room, token) is not None


@pytest.mark.parametrize("written", ["MEI", " mei ", "ｍｅｉ", "m\u200bei", "mei\ufe0f", "\ufeffmei\x00"])
def test_a_login_is_the_same_however_it_is_written(room: Staff, mei: StaffMember, written: str) -> None:
    session = holder(room, entered(room, written))
    assert session is not None
    assert session.staff == mei
    assert asyncio.run(room.id_of(written)) == mei.id
    with pytest.raises(Stale):
        asyncio.run(room.add(written, "Another", Role.ADMIN, "another password"))
    asyncio.run(room.disable(written))
    assert asyncio.run(room.log_in("mei", PASSWORD)) is None


def test_a_login_from_before_is_found_as_it_was_written(room: Staff, mei: StaffMember, database: Database) -> None:
    """Once, Jun and jun could be two people."""
    older = asyncio.run(room.add("jun", "阿俊", Role.AGENT, PASSWORD))
    Ground(database).change(staff, older.id, login="Jun")
    Ground(database).change(staff, mei.id, login="jun")
    assert (asyncio.run(room.id_of("Jun")), asyncio.run(room.id_of("jun"))) == (older.id, mei.id)
    asyncio.run(room.disable("jun"))
    assert asyncio.run(room.id_of("JUN")) in (older.id, mei.id)


def test_somebody_chooses_a_new_password_and_is_out_everywhere_else(
    room: Staff, mei: StaffMember, database: Database
) -> None:
    here, elsewhere = entered(room), entered(room)
    assert asyncio.run(room.change_password(here, PASSWORD, NEW))
    assert holder(room, here) is not None
    assert holder(room, elsewhere) is None
    assert asyncio.run(room.log_in("mei", PASSWORD)) is None
    assert holder(room, entered(room, password=NEW)) is not None
    assert "password_changed" in [row.action for row in Ground(database).rows(audit, staff_id=mei.id)]


def test_a_password_is_not_changed_by_who_does_not_know_it_or_is_not_logged_in(room: Staff, mei: StaffMember) -> None:
    token = entered(room)
    assert not asyncio.run(room.change_password(token, "wrong", NEW))
    asyncio.run(room.log_out(token))
    assert not asyncio.run(room.change_password(token, PASSWORD, NEW))
    assert asyncio.run(room.log_in("mei", NEW)) is None


def test_a_new_role_holds_at_once_and_leaves_the_session(room: Staff, mei: StaffMember) -> None:
    token = entered(room)
    asyncio.run(room.give_role("Mei", Role.EDITOR))
    session = holder(room, token)
    assert session is not None
    assert session.staff.role is Role.EDITOR
    with pytest.raises(LookupError):
        asyncio.run(room.give_role("nobody", Role.LEAD))


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


def test_at_most_two_passwords_are_verified_at_once_and_who_waits_too_long_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 0.12)
    hasher = Slow()
    room = Staff(database, 12, hasher)
    asyncio.run(room.add("mei", "小梅", Role.AGENT, PASSWORD))

    async def rush() -> list[object]:
        return list(await asyncio.gather(*(room.log_in("mei", PASSWORD) for _ in range(16)), return_exceptions=True))

    came_of_it = asyncio.run(rush())
    refused = [one for one in came_of_it if isinstance(one, Refused)]
    assert hasher.most == 2
    assert {(one.status, one.code) for one in refused} == {(429, "busy")}
    assert 2 <= sum(isinstance(one, tuple) for one in came_of_it) < 16
