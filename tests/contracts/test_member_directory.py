"""What every member directory promises: the SQL one, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, insert, select, text
from support.services import MovableClock, postgres_schema

from bot.domain.members import Member, MemberKey, PointsChange, Redemption
from bot.domain.messages import DAY
from bot.errors import MemberSystemFailed, SettingError
from bot.members.demo import fill
from bot.members.sql import SqlMemberDirectory, members, point_movements, redemptions, schema
from bot.ports.nlu import MemberDirectory


@pytest.fixture
def engine(database_url: str, clock: MovableClock) -> Iterator[Engine]:
    """The member database, as its owner sees it."""
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        fill(connection, clock.now())
    yield engine
    engine.dispose()


@pytest.fixture
def directory(engine: Engine, database_url: str, clock: MovableClock) -> Iterator[SqlMemberDirectory]:
    directory = SqlMemberDirectory(database_url, 5.0, clock.now)
    yield directory
    directory.close()


def find(directory: MemberDirectory, value: str) -> Member | None:
    return asyncio.run(directory.find(MemberKey(value)))


def redeem(directory: MemberDirectory, member: str, gift: str, key: str) -> Redemption:
    return asyncio.run(directory.redeem(member, gift, key))


def join(engine: Engine, id_: str, number: str, phone: str, *movements: tuple[int, float | None]) -> None:
    """A new member with these points, one day after the other, each with the time when it lapses."""
    with engine.begin() as connection:
        connection.execute(insert(members).values(id=id_, number=number, name="新", phone=phone, tier="sprout"))
        for day, (points, lapses) in enumerate(movements):
            row = {"id": f"{id_}-{day}", "member_id": id_, "at": day * DAY, "points": points, "expires_at": lapses}
            connection.execute(insert(point_movements).values(**row, what_zh="买茶", what_en="Tea"))


def test_a_member_is_found_by_number_and_by_phone(directory: SqlMemberDirectory) -> None:
    lin = Member("m01", "YS100001", "林晓", "13800000001", "spring")
    assert find(directory, "YS100001") == find(directory, "13800000001") == lin
    assert asyncio.run(directory.member("m01")) == lin


def test_a_member_is_not_found_by_anything_else(directory: SqlMemberDirectory) -> None:
    for value in ("YS999999", "m01", "林晓", "", "' OR 1=1 --", "%", "ys100001"):
        assert find(directory, value) is None
    assert asyncio.run(directory.member("m99")) is None


def test_a_phone_that_two_members_share_names_neither(directory: SqlMemberDirectory, engine: Engine) -> None:
    join(engine, "m13", "YS100013", "13800000001")
    assert find(directory, "13800000001") is None
    found = find(directory, "YS100013")
    assert found is not None
    assert found.id == "m13"


def test_a_number_goes_before_the_phone_that_reads_the_same(directory: SqlMemberDirectory, engine: Engine) -> None:
    join(engine, "m13", "13800000001", "13900000000")
    found = find(directory, "13800000001")
    assert found is not None
    assert found.id == "m13"


def test_points_are_the_sum_of_all_movements(directory: SqlMemberDirectory, clock: MovableClock) -> None:
    points = asyncio.run(directory.points("m01"))
    assert (points.balance, points.tier) == (1000, "spring")
    assert points.movements[0] == PointsChange(clock.now() - 3 * DAY, 60, {"zh": "写评价", "en": "Review"})
    assert [movement.points for movement in points.movements] == [60, 180, -300, 260, 380, 420]


def test_spent_points_are_taken_from_those_that_expire_first(
    directory: SqlMemberDirectory, clock: MovableClock
) -> None:
    points = asyncio.run(directory.points("m01"))
    assert (points.expiring, points.expiring_at) == (420 - 300, clock.now() + 21 * DAY)


def test_expired_points_are_not_announced(directory: SqlMemberDirectory, clock: MovableClock) -> None:
    clock.move(22 * DAY)
    points = asyncio.run(directory.points("m01"))
    assert (points.expiring, points.expiring_at) == (380, clock.now() + (155 - 22) * DAY)


def test_points_that_never_expire_are_not_announced(directory: SqlMemberDirectory, engine: Engine) -> None:
    join(engine, "m13", "YS100013", "13900000013", (500, None))
    points = asyncio.run(directory.points("m13"))
    assert (points.balance, points.expiring, points.expiring_at) == (500, 0, None)


def test_a_member_without_movements_has_no_points(directory: SqlMemberDirectory, engine: Engine) -> None:
    join(engine, "m13", "YS100013", "13900000013")
    points = asyncio.run(directory.points("m13"))
    assert (points.balance, points.movements) == (0, ())


def test_a_long_history_is_cut_to_the_newest(directory: SqlMemberDirectory, engine: Engine) -> None:
    join(engine, "m13", "YS100013", "13900000013", *((day, None) for day in range(1, 31)))
    points = asyncio.run(directory.points("m13"))
    assert points.balance == 465
    assert [movement.points for movement in points.movements] == list(range(30, 20, -1))


def test_points_of_an_unknown_member_are_a_failure_not_zero(directory: SqlMemberDirectory) -> None:
    with pytest.raises(MemberSystemFailed, match="unknown_member"):
        asyncio.run(directory.points("m99"))


def test_a_gift_is_redeemed_and_booked(directory: SqlMemberDirectory) -> None:
    redeemed = redeem(directory, "m01", "tin", "turn-1")
    assert (redeemed.gift, redeemed.points, redeemed.left) == ("tin", 800, 200)
    points = asyncio.run(directory.points("m01"))
    assert points.balance == 200
    assert points.movements[0].points == -800
    assert points.movements[0].what == {"zh": "兑换便携茶罐", "en": "Redeemed: travel tin"}


def test_the_same_key_redeems_once(directory: SqlMemberDirectory) -> None:
    first = redeem(directory, "m01", "sampler", "turn-1")
    redeem(directory, "m01", "sampler", "turn-2")
    assert redeem(directory, "m01", "sampler", "turn-1") == first
    assert asyncio.run(directory.points("m01")).balance == 400


def test_two_calls_at_once_with_one_key_redeem_once(directory: SqlMemberDirectory, engine: Engine) -> None:
    async def both() -> list[Redemption]:
        return await asyncio.gather(*(directory.redeem("m03", "tin", "turn-1") for _ in range(4)))

    assert len(set(asyncio.run(both()))) == 1
    with engine.connect() as connection:
        assert len(connection.execute(select(redemptions)).all()) == 1


def test_two_concurrent_redemptions_never_exceed_the_balance(directory: SqlMemberDirectory) -> None:
    async def both() -> list[Redemption | BaseException]:
        calls = (directory.redeem("m01", "tin", f"turn-{number}") for number in range(4))
        return await asyncio.gather(*calls, return_exceptions=True)

    came = asyncio.run(both())
    assert sorted(isinstance(one, Redemption) for one in came) == [False, False, False, True]
    assert {str(one) for one in came if isinstance(one, MemberSystemFailed)} == {"not_enough_points"}
    assert asyncio.run(directory.points("m01")).balance == 200


@pytest.mark.parametrize(
    ("member", "gift", "why"),
    [("m04", "tin", "not_enough_points"), ("m01", "moon", "unknown_gift"), ("m99", "tin", "unknown_member")],
)
def test_a_refused_redemption_changes_nothing(
    directory: SqlMemberDirectory, engine: Engine, member: str, gift: str, why: str
) -> None:
    with pytest.raises(MemberSystemFailed, match=why):
        redeem(directory, member, gift, "turn-1")
    with engine.connect() as connection:
        assert connection.execute(select(redemptions)).all() == []
    assert redeem(directory, "m01", "tin", "turn-1").left == 200


def test_a_key_of_another_redemption_is_refused(directory: SqlMemberDirectory) -> None:
    redeem(directory, "m01", "sampler", "turn-1")
    with pytest.raises(MemberSystemFailed, match="key_of_another_redemption"):
        redeem(directory, "m03", "sampler", "turn-1")


def test_missing_tables_are_one_failure_without_a_members_number(directory: SqlMemberDirectory, engine: Engine) -> None:
    schema.drop_all(engine)
    with pytest.raises(MemberSystemFailed) as failed:
        find(directory, "13800000001")
    told = f"{failed.value!r} {failed.value.__cause__!r} {failed.value.__cause__}"
    assert "13800000001" not in told


def test_a_row_that_is_no_member_is_a_failure(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'members.sqlite'}"
    engine = create_engine(url)
    nonsense = "INSERT INTO point_movements VALUES ('1', '1', 'yesterday', 'many', '', '', NULL)"
    with engine.begin() as connection:
        schema.create_all(connection)
        connection.execute(text("INSERT INTO members VALUES ('1', 'A1', 'x', '1', 't')"))
        connection.execute(text(nonsense))
    engine.dispose()
    directory = SqlMemberDirectory(url, 5.0)
    with pytest.raises(MemberSystemFailed, match="ValueError"):
        asyncio.run(directory.points("1"))
    directory.close()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    yield from postgres_schema()


@pytest.mark.postgres
def test_a_member_system_that_hangs_is_given_up_in_time(postgres_url: str, clock: MovableClock) -> None:
    """Somebody holds the table: the question ends at its time limit, and the server stops it too."""
    engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        fill(connection, clock.now())
    directory = SqlMemberDirectory(postgres_url, 2.0, clock.now)
    assert find(directory, "YS100001") is not None
    with engine.begin() as holder:
        holder.execute(text("LOCK TABLE members IN ACCESS EXCLUSIVE MODE"))
        began = time.monotonic()
        with pytest.raises(MemberSystemFailed):
            find(directory, "YS100001")
        assert time.monotonic() - began < 10
    assert find(directory, "YS100001") is not None
    directory.close()
    engine.dispose()


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []
        thread = threading.Thread(target=lambda: taken.append(server.accept()[0]), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        for connection in taken:
            connection.close()


def test_a_silent_server_is_given_up_in_time(deaf_port: int) -> None:
    directory = SqlMemberDirectory(f"postgresql://postgres@127.0.0.1:{deaf_port}/test", 1.0)
    began = time.monotonic()
    with pytest.raises(MemberSystemFailed):
        find(directory, "YS100001")
    assert time.monotonic() - began < 10
    directory.close()


def test_a_locked_sqlite_is_given_up_in_time(tmp_path: Path, clock: MovableClock) -> None:
    url = f"sqlite:///{tmp_path / 'members.sqlite'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        fill(connection, clock.now())
    directory = SqlMemberDirectory(url, 1.0, clock.now)
    with engine.connect() as holder:
        holder.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(MemberSystemFailed):
            find(directory, "YS100001")
        holder.exec_driver_sql("ROLLBACK")
    assert find(directory, "YS100001") is not None
    directory.close()
    engine.dispose()


@pytest.mark.parametrize("url", ["members", "oracle-of-delphi://host/members", "mysql+nodriver://host/members"])
def test_an_address_without_a_database_stops_the_start_with_the_correction(url: str) -> None:
    with pytest.raises(SettingError) as refused:
        SqlMemberDirectory(url, 1.0)
    assert refused.value.problems[0].key == "members.url"
    assert "postgresql://" in str(refused.value.problems[0].hint)
