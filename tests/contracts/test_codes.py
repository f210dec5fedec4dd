"""What the record promises about one-time codes: on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from ground import MovableClock
from seeding import Ground

from bot.ports import Codes
from bot.stores.record.codes import RecordCodes
from bot.stores.record.database import Database
from bot.stores.record.tables import codes
from bot.turns import CodeKept

HASH = "0" * 64


@pytest.fixture
def kept(database: Database) -> Codes:
    return RecordCodes(database)


def issue(kept: Codes, key: str, identity: str = "i1", member: str | None = "m1", until: float = 2e9) -> bool:
    return asyncio.run(kept.issue(key, identity, member, HASH, until))


def issued(kept: Codes, identity: str, member: str | None, since: float) -> int:
    return asyncio.run(kept.issued(identity, member, since))


def current(kept: Codes, identity: str = "i1") -> CodeKept | None:
    return asyncio.run(kept.current(identity))


def test_a_code_is_kept_for_its_identity(kept: Codes) -> None:
    assert issue(kept, "k1", until=1_790_000_300.0)
    assert current(kept) == CodeKept("k1", "m1", HASH, 0, 1_790_000_300.0)
    assert current(kept, "i2") is None


def test_a_repeat_keeps_the_first_and_says_so(kept: Codes) -> None:
    assert issue(kept, "k1")
    assert not asyncio.run(kept.issue("k1", "i1", "m2", "f" * 64, 3e9))
    assert current(kept) == CodeKept("k1", "m1", HASH, 0, 2e9)


def test_of_two_at_once_with_one_key_one_is_first(kept: Codes) -> None:
    async def both() -> list[bool]:
        return await asyncio.gather(*(kept.issue("k1", "i1", "m1", HASH, 2e9) for _ in range(4)))

    assert sorted(asyncio.run(both())) == [False, False, False, True]


def test_a_newer_code_takes_the_place_of_the_one_before(kept: Codes, clock: MovableClock) -> None:
    issue(kept, "k2")
    clock.move(1)
    issue(kept, "k1", member=None)
    newest = current(kept)
    assert newest is not None
    assert (newest.id, newest.member_id) == ("k1", None)


def test_a_used_code_is_gone_and_brings_no_older_one_back(kept: Codes, database: Database, clock: MovableClock) -> None:
    issue(kept, "k1")
    clock.move(1)
    issue(kept, "k2")
    Ground(database).change(codes, "k2", used_at=clock.now())
    assert current(kept) is None


def test_codes_are_counted_by_identity_and_by_member_whichever_is_more(kept: Codes, clock: MovableClock) -> None:
    begun = clock.now() - 1
    for number in range(3):
        issue(kept, f"a{number}", identity="i1", member="m1" if number else None)
    for number in range(4):
        issue(kept, f"b{number}", identity=f"i{number + 2}", member="m1")
    assert issued(kept, "i1", None, begun) == 3
    assert issued(kept, "i1", "m1", begun) == 6
    assert issued(kept, "i1", "m2", begun) == 3
    assert issued(kept, "i9", None, begun) == 0


def test_what_was_issued_before_does_not_count(kept: Codes, clock: MovableClock) -> None:
    issue(kept, "k1")
    clock.move(100)
    issue(kept, "k2")
    assert issued(kept, "i1", "m1", clock.now() - 100) == 1
    assert issued(kept, "i1", "m1", clock.now() - 101) == 2
