"""The demo's members: their stories add up."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select

from bot.domain.members import MemberKey
from bot.domain.messages import DAY
from bot.members.demo import MEMBERS, create_demo_members
from bot.members.sql import SqlMemberDirectory, members, point_movements

NOW = 1_790_000_000.0
TIERS = {"sprout": (0, 1000), "spring": (1000, 5000), "first_flush": (5000, 100_000)}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return create_demo_members(tmp_path_factory.mktemp("demo") / "members.sqlite", NOW)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.number)
def test_every_demo_member_has_plausible_points(url: str, member) -> None:  # type: ignore[no-untyped-def]
    engine = create_engine(url)
    query = select(point_movements).where(point_movements.c.member_id == member.id).order_by(point_movements.c.at)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    engine.dispose()
    balance = 0
    for row in rows:
        balance += row.points
        assert balance >= 0
        assert row.at <= NOW
        assert row.what_zh
        assert row.what_en
    came = sum(row.points for row in rows if row.points > 0 and row.at > NOW - 365 * DAY)
    lowest, beyond = TIERS[member.tier]
    assert lowest <= came < beyond


def test_expired_points_are_booked_so_that_no_balance_contains_them(url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        for member in MEMBERS:
            rows = connection.execute(select(point_movements).where(point_movements.c.member_id == member.id)).all()
            gone = -sum(row.points for row in rows if row.points < 0)
            assert gone >= sum(row.points for row in rows if row.expires_at is not None and row.expires_at <= NOW)
    engine.dispose()


def test_some_members_have_points_that_expire_this_month_and_some_have_none(url: str) -> None:
    directory = SqlMemberDirectory(url, 2.0, lambda: NOW)
    points = [asyncio.run(directory.points(member.id)) for member in MEMBERS]
    directory.close()
    soon = [one for one in points if one.expiring_at is not None and one.expiring_at < NOW + 31 * DAY]
    assert 3 <= len(soon) <= 9
    assert {one.tier for one in points} == set(TIERS)


def test_making_the_demo_members_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "var" / "members.sqlite"
    url = create_demo_members(path, NOW)
    directory = SqlMemberDirectory(url, 2.0, lambda: NOW)
    asyncio.run(directory.redeem("m03", "tin", "turn-1"))
    before = asyncio.run(directory.points("m03"))
    assert create_demo_members(path, NOW + 100 * DAY) == url
    assert asyncio.run(directory.points("m03")) == before
    directory.close()


def test_several_processes_that_start_at_once_make_the_demo_members_once(tmp_path: Path) -> None:
    path = tmp_path / "members.sqlite"
    starts = [threading.Thread(target=create_demo_members, args=(path, NOW)) for _ in range(4)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(members)).scalar_one() == len(MEMBERS)
    engine.dispose()
    directory = SqlMemberDirectory(f"sqlite:///{path}", 2.0, lambda: NOW)
    assert asyncio.run(directory.find(MemberKey("YS100012"))) is not None
    directory.close()
