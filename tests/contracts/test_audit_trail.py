"""ports.AuditTrail on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher
from support.conversations import Seeder
from support.services import MovableClock

from bot.config import RetentionDays
from bot.domain.cases import AuditEntry, Role, StaffMember
from bot.domain.messages import DAY
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import SqlAuditTrail
from bot.stores.sql.retention import SqlRetention
from bot.stores.sql.schema import audit
from bot.stores.sql.staff import SqlStaff


@pytest.fixture
def trail(database: Database) -> SqlAuditTrail:
    return SqlAuditTrail(database)


@pytest.fixture
def mei(database: Database) -> StaffMember:
    directory = SqlStaff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))
    return asyncio.run(directory.add("mei", "小梅", Role.AGENT, "a long password"))


def test_audit_entries_are_listed_in_order_and_by_login(
    trail: SqlAuditTrail, mei: StaffMember, clock: MovableClock
) -> None:
    now = clock.now()
    stranger = AuditEntry(now + 2, "", "login_failed", "password", 40)
    read = AuditEntry(now + 1, mei.id, "read", "c1", 1)
    asyncio.run(trail.record([stranger, read]))
    asyncio.run(trail.record([]))
    told = asyncio.run(trail.entries(now + 1))
    assert told == [AuditEntry(now + 1, mei.id, "read", "c1", 1, "mei"), stranger]
    assert [one.action for one in asyncio.run(trail.entries(0.0, "MEI"))] == ["added", "read"]
    assert [one.action for one in asyncio.run(trail.entries(0.0, limit=1))] == ["login_failed"]
    assert asyncio.run(trail.entries(0.0, "nobody")) == []


def test_old_audit_entries_are_deleted_after_the_retention_period(
    trail: SqlAuditTrail, database: Database, clock: MovableClock
) -> None:
    now = clock.now()
    asyncio.run(
        trail.record([AuditEntry(now - days * DAY, "console", "exported", f"{days}") for days in (400, 364, 31)])
    )

    def left(retention: RetentionDays) -> set[str]:
        asyncio.run(SqlRetention(database, retention).purge(now))
        return {row.object for row in Seeder(database).rows(audit)}

    assert left(RetentionDays(audit=0)) == {"400", "364", "31"}
    assert left(RetentionDays()) == {"364", "31"}
    assert left(RetentionDays(audit=30)) == set()
