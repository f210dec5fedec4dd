"""The brand's member system as a database of its own; `bot.members.schema` says what it has to look like."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import ceil
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from bot.errors import MemberSystemFailed, Mistake, SettingError
from bot.members.schema import gifts, members, point_movements, redemptions
from bot.membership import Member, MemberKey, Movement, Points, Redemption
from bot.messages import Instant
from bot.pooler import IN_UTF8, do_without_session
from bot.wording import clean, new_id

T = TypeVar("T")
THREADS = 4
NEWEST = 10

_FIND = select(members).where(or_(members.c.number == bindparam("value"), members.c.phone == bindparam("value")))
_MEMBER = select(members).where(members.c.id == bindparam("member"))
_LOCKED = _MEMBER.with_for_update()
_MOVEMENTS = (
    select(point_movements)
    .where(point_movements.c.member_id == bindparam("member"))
    .order_by(point_movements.c.at, point_movements.c.id)
)
_BALANCE = select(func.coalesce(func.sum(point_movements.c.points), 0)).where(
    point_movements.c.member_id == bindparam("member")
)
_REDEEMED = select(redemptions).where(redemptions.c.key == bindparam("key"))


class _Redeemed(MemberSystemFailed):
    """This key has its redemption already; nothing was written."""


class SqlMemberDirectory:
    """Members and their points in a database, asked in threads; no question takes longer than `time_limit` seconds.

    Raises SettingError for a `url` that names no database we can talk to.
    """

    def __init__(self, url: str, time_limit: float, now: Callable[[], Instant] = time.time) -> None:
        self._engine = _engine(url, time_limit)
        self._time_limit = time_limit
        self._now = now
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="members")

    async def find(self, key: MemberKey) -> Member | None:
        """The member with this number, else the only one with this phone. Raises MemberSystemFailed."""
        return await self._ask(lambda connection: _find(connection, key.value))

    async def member(self, member_id: str) -> Member | None:
        """Raises MemberSystemFailed."""
        return await self._ask(lambda connection: _member(connection, member_id))

    async def points(self, member_id: str) -> Points:
        """Raises MemberSystemFailed, also for a member who is not there any more."""
        return await self._ask(lambda connection: _points(connection, member_id, self._now()))

    async def redeem(self, member_id: str, gift: str, key: str) -> Redemption:
        """Idempotent by `key`. Raises MemberSystemFailed: unknown_gift, unknown_member, not_enough_points, ..."""
        try:
            return await self._ask(lambda connection: _redeem(connection, member_id, gift, key, self._now()))
        except _Redeemed:
            return await self._ask(lambda connection: _redeemed(connection, member_id, gift, key))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    async def _ask(self, work: Callable[[Connection], T]) -> T:
        asked = asyncio.get_running_loop().run_in_executor(self._threads, _transaction, self._engine, work)
        try:
            return await asyncio.wait_for(asked, self._time_limit)
        except TimeoutError as late:
            raise MemberSystemFailed("timeout") from late


def _transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Whatever goes wrong in the database, or does not read like a member, is one failure without customer data."""
    try:
        with engine.begin() as connection:
            return work(connection)
    except (SQLAlchemyError, TypeError, ValueError) as failed:
        raise MemberSystemFailed(type(failed).__name__) from failed


def _find(connection: Connection, value: str) -> Member | None:
    """Two members may share a phone: a code sent there would not tell which of them it is, so it is neither."""
    rows = connection.execute(_FIND, {"value": value}).all()
    by_number = [row for row in rows if row.number == value]
    found = by_number or rows
    return _read(found[0]) if len(found) == 1 else None


def _member(connection: Connection, member_id: str) -> Member | None:
    row = connection.execute(_MEMBER, {"member": member_id}).first()
    return _read(row) if row else None


def _read(row: Row[Any]) -> Member:
    """Cleaned: a brand's database may hold what ours cannot."""
    return Member(*(clean(str(one)) for one in (row.id, row.number, row.name, row.phone, row.tier)))


def _points(connection: Connection, member_id: str, now: Instant) -> Points:
    member = _member(connection, member_id)
    if member is None:
        raise MemberSystemFailed("unknown_member")
    movements = connection.execute(_MOVEMENTS, {"member": member_id}).all()
    expiring, expiring_at = next_lapse([(int(row.points), row.expires_at) for row in movements], now)
    newest = tuple(_movement(row) for row in movements[: -NEWEST - 1 : -1])
    return Points(sum(int(row.points) for row in movements), member.tier, expiring, expiring_at, newest)


def _movement(row: Row[Any]) -> Movement:
    return Movement(float(row.at), int(row.points), {"zh": row.what_zh, "en": row.what_en})


def next_lapse(movements: Sequence[tuple[int, Instant | None]], now: Instant) -> tuple[int, Instant] | tuple[int, None]:
    """How many points lapse next, and when; (0, None) if none will. Movements are points and when they lapse.

    What was spent, or has lapsed, is taken from those that lapse first.
    """
    gone = -sum(points for points, _ in movements if points < 0)
    left: dict[Instant, int] = {}
    for at, points in sorted((at, points) for points, at in movements if points > 0 and at is not None):
        taken = min(points, gone)
        gone -= taken
        left[at] = left.get(at, 0) + points - taken
    return next(((points, at) for at, points in left.items() if points and at > now), (0, None))


def _redeem(connection: Connection, member_id: str, gift: str, key: str, now: Instant) -> Redemption:
    """The unique key comes first: of two concurrent calls it stops one until the other has ended."""
    _claim(connection, member_id, gift, key, now)
    claimed = connection.execute(_REDEEMED, {"key": key}).first()
    if claimed is None:
        raise MemberSystemFailed("unknown_gift")
    if connection.execute(_LOCKED, {"member": member_id}).first() is None:
        raise MemberSystemFailed("unknown_member")
    return _book(connection, claimed, now)


def _claim(connection: Connection, member_id: str, gift: str, key: str, now: Instant) -> None:
    """Write the redemption down, with what the gift costs; nothing if there is no such gift."""
    values = {
        "id": literal(new_id()),
        "key": literal(key),
        "member_id": literal(member_id),
        "gift": gifts.c.id,
        "points": gifts.c.points,
        "at": literal(now),
    }
    claim = insert(redemptions).from_select(list(values), select(*values.values()).where(gifts.c.id == gift))
    try:
        connection.execute(claim)
    except IntegrityError as taken:
        raise _Redeemed from taken


def _redeemed(connection: Connection, member_id: str, gift: str, key: str) -> Redemption:
    row = connection.execute(_REDEEMED, {"key": key}).one()
    if (row.member_id, row.gift) != (member_id, gift):
        raise MemberSystemFailed("key_of_another_redemption")
    return Redemption(row.id, row.gift, row.points, row.points_left)


def _book(connection: Connection, claimed: Row[Any], now: Instant) -> Redemption:
    left = int(connection.execute(_BALANCE, {"member": claimed.member_id}).scalar_one()) - claimed.points
    if left < 0:
        raise MemberSystemFailed("not_enough_points")
    gift = connection.execute(select(gifts).where(gifts.c.id == claimed.gift)).one()
    spent = {
        "id": claimed.id,
        "member_id": claimed.member_id,
        "at": now,
        "points": -claimed.points,
        "what_zh": f"兑换{gift.name_zh}",
        "what_en": f"Redeemed: {gift.name_en}",
    }
    connection.execute(insert(point_movements), spent)
    connection.execute(update(redemptions).where(redemptions.c.id == claimed.id).values(points_left=left))
    return Redemption(claimed.id, claimed.gift, claimed.points, left)


def _engine(url: str, time_limit: float) -> Engine:
    """Parameters are hidden: they are numbers and phones, and an exception's text may be logged."""
    postgres = url.startswith("postgresql")
    limits = {"connect_timeout": ceil(time_limit), **IN_UTF8} if postgres else {"timeout": time_limit}
    try:
        engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            connect_args=limits if postgres or url.startswith("sqlite") else {},
            hide_parameters=True,
            pool_pre_ping=True,
            pool_timeout=time_limit,
        )
    except (ArgumentError, ModuleNotFoundError) as strange:
        raise SettingError(_no_database()) from strange
    if postgres:
        event.listen(engine, "connect", do_without_session)
        event.listen(engine, "begin", partial(_limit, ceil(time_limit * 1000)))
    return engine


def _limit(milliseconds: int, connection: Connection) -> None:
    """The server itself stops what nobody waits for any more."""
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")


def _no_database() -> Mistake:
    wrong = "names no database that we have a driver for"
    return Mistake("config.yaml", 0, "members.url", wrong, "write one like postgresql://reader@host/members")
