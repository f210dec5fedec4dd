"""One-time codes on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from support.conversations import Seeder
from support.services import MovableClock

from bot.domain.turns import CodeKept
from bot.ports.storage import OneTimeCodeStore
from bot.stores.sql.database import Database
from bot.stores.sql.schema import codes
from bot.stores.sql.staff import SqlOneTimeCodes

HASH = "0" * 64


@pytest.fixture
def kept(database: Database) -> OneTimeCodeStore:
    return SqlOneTimeCodes(database)


def issue(
    kept: OneTimeCodeStore, key: str, identity: str = "i1", member: str | None = "m1", until: float = 2e9
) -> bool:
    return asyncio.run(kept.issue(key, identity, member, HASH, until))


def issued(kept: OneTimeCodeStore, identity: str, member: str | None, since: float) -> int:
    return asyncio.run(kept.issued(identity, member, since))


def current(kept: OneTimeCodeStore, identity: str = "i1") -> CodeKept | None:
    return asyncio.run(kept.current(identity))


def test_a_code_is_stored_for_its_identity(kept: OneTimeCodeStore) -> None:
    assert issue(kept, "k1", until=1_790_000_300.0)
    assert current(kept) == CodeKept("k1", "m1", HASH, 0, 1_790_000_300.0)
    assert current(kept, "i2") is None


def test_issuing_a_code_twice_keeps_the_first(kept: OneTimeCodeStore) -> None:
    assert issue(kept, "k1")
    assert not asyncio.run(kept.issue("k1", "i1", "m2", "f" * 64, 3e9))
    assert current(kept) == CodeKept("k1", "m1", HASH, 0, 2e9)


def test_of_two_concurrent_codes_with_one_key_one_is_stored(kept: OneTimeCodeStore) -> None:
    async def both() -> list[bool]:
        return await asyncio.gather(*(kept.issue("k1", "i1", "m1", HASH, 2e9) for _ in range(4)))

    assert sorted(asyncio.run(both())) == [False, False, False, True]


def test_a_newer_code_replaces_the_older_one(kept: OneTimeCodeStore, clock: MovableClock) -> None:
    issue(kept, "k2")
    clock.move(1)
    issue(kept, "k1", member=None)
    newest = current(kept)
    assert newest is not None
    assert (newest.id, newest.member_id) == ("k1", None)


def test_a_used_code_does_not_bring_an_older_one_back(
    kept: OneTimeCodeStore, database: Database, clock: MovableClock
) -> None:
    issue(kept, "k1")
    clock.move(1)
    issue(kept, "k2")
    Seeder(database).change(codes, "k2", used_at=clock.now())
    assert current(kept) is None


def test_codes_are_counted_by_identity_and_by_member_whichever_is_more(
    kept: OneTimeCodeStore, clock: MovableClock
) -> None:
    begun = clock.now() - 1
    for number in range(3):
        issue(kept, f"a{number}", identity="i1", member="m1" if number else None)
    for number in range(4):
        issue(kept, f"b{number}", identity=f"i{number + 2}", member="m1")
    assert issued(kept, "i1", None, begun) == 3
    assert issued(kept, "i1", "m1", begun) == 6
    assert issued(kept, "i1", "m2", begun) == 3
    assert issued(kept, "i9", None, begun) == 0


def test_codes_issued_before_the_period_do_not_count(kept: OneTimeCodeStore, clock: MovableClock) -> None:
    issue(kept, "k1")
    clock.move(100)
    issue(kept, "k2")
    assert issued(kept, "i1", "m1", clock.now() - 100) == 1
    assert issued(kept, "i1", "m1", clock.now() - 101) == 2
