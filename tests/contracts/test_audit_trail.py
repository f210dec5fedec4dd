"""AuditTrail on every record."""

from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher
from ground import MovableClock
from seeding import Ground

from bot.cases import Deed, Role, StaffMember
from bot.config import Retention
from bot.stores.record.auditing import RecordAudit
from bot.stores.record.database import Database
from bot.stores.record.housekeeping import RecordHousekeeping
from bot.stores.record.staff import Staff
from bot.stores.record.tables import audit

DAY = 86_400.0


@pytest.fixture
def trail(database: Database) -> RecordAudit:
    return RecordAudit(database)


@pytest.fixture
def mei(database: Database) -> StaffMember:
    room = Staff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))
    return asyncio.run(room.add("mei", "小梅", Role.AGENT, "a long password"))


def test_deeds_are_told_in_order_with_the_login_and_for_one_person_alone(
    trail: RecordAudit, mei: StaffMember, clock: MovableClock
) -> None:
    now = clock.now()
    stranger = Deed(now + 2, "", "login_failed", "password", 40)
    read = Deed(now + 1, mei.id, "read", "c1", 1)
    asyncio.run(trail.note([stranger, read]))
    asyncio.run(trail.note([]))
    told = asyncio.run(trail.deeds(now + 1))
    assert told == [Deed(now + 1, mei.id, "read", "c1", 1, "mei"), stranger]
    assert [one.action for one in asyncio.run(trail.deeds(0.0, "MEI"))] == ["added", "read"]
    assert [one.action for one in asyncio.run(trail.deeds(0.0, limit=1))] == ["login_failed"]
    assert asyncio.run(trail.deeds(0.0, "nobody")) == []


def test_old_deeds_are_thrown_away_after_the_days_that_are_set(
    trail: RecordAudit, database: Database, clock: MovableClock
) -> None:
    now = clock.now()
    asyncio.run(trail.note([Deed(now - days * DAY, "console", "exported", f"{days}") for days in (400, 364, 31)]))

    def left(retention: Retention) -> set[str]:
        asyncio.run(RecordHousekeeping(database, retention).purge(now))
        return {row.object for row in Ground(database).rows(audit)}

    assert left(Retention(audit=0)) == {"400", "364", "31"}
    assert left(Retention()) == {"364", "31"}
    assert left(Retention(audit=30)) == set()
