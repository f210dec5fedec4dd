"""A member system as a database of its own: tables, or views of the real ones, in this form.

    members          id, number, name, phone, tier
    point_movements  id, member_id, at, points, what_zh, what_en, expires_at
    gifts            id, points, name_zh, name_en
    redemptions      id, key (unique), member_id, gift, points, points_left, at

`number` is in capitals; `phone` is eleven digits in mainland China, else written +44...; `tier` is a code such as
'spring' with the phrase tier.spring, or the tier's name. Times are seconds since the epoch, UTC.

The balance is the sum of a member's movements. `expires_at` is when earned points expire (empty: never); the points
that expire first are spent first, and an expiry is a movement itself. Redeeming writes point_movements and redemptions,
so these two must be tables or writable views.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
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

from bot.config.settings import IN_UTF8, do_without_session
from bot.domain.members import Member, MemberKey, Points, PointsChange, Redemption
from bot.domain.messages import Instant
from bot.errors import ConfigProblem, MemberSystemFailed, SettingError
from bot.i18n import translate
from bot.text import clean, new_id

schema = MetaData()

members = Table(
    "members",
    schema,
    Column("id", String(64), primary_key=True),
    Column("number", String(40), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("phone", String(20), nullable=False, index=True),
    Column("tier", String(40), nullable=False),
)

point_movements = Table(
    "point_movements",
    schema,
    Column("id", String(64), primary_key=True),
    Column("member_id", String(64), nullable=False),
    Column("at", Double, nullable=False),
    Column("points", Integer, nullable=False),
    Column("what_zh", Text, nullable=False),
    Column("what_en", Text, nullable=False),
    Column("expires_at", Double),
    Index("point_movements_member", "member_id", "at"),
)

gifts = Table(
    "gifts",
    schema,
    Column("id", String(64), primary_key=True),
    Column("points", Integer, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
)

redemptions = Table(
    "redemptions",
    schema,
    Column("id", String(64), primary_key=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("member_id", String(64), nullable=False),
    Column("gift", String(64), nullable=False),
    Column("points", Integer, nullable=False),
    Column("points_left", Integer),  # empty only while the redemption is being written
    Column("at", Double, nullable=False),
)


T = TypeVar("T")
THREADS = 4  # queries at the same time, each in a thread
NEWEST_MOVEMENTS = 10  # movements in `Points`

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


class _AlreadyRedeemed(MemberSystemFailed):
    """The key already has a redemption; nothing was written."""


class SqlMemberDirectory:
    """`ports.MemberDirectory` on a SQL database, queried in threads.

    url: a SQLAlchemy URL; raises SettingError for one without a supported database. time_limit: seconds for one query.
    """

    def __init__(self, url: str, time_limit: float, now: Callable[[], Instant] = time.time) -> None:
        self._engine = _engine(url, time_limit)
        self._time_limit = time_limit
        self._now = now
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="members")

    async def find(self, key: MemberKey) -> Member | None:
        """The member with this number, else the only member with this phone. Raises MemberSystemFailed."""
        return await self._query(lambda connection: _find(connection, key.value))

    async def member(self, member_id: str) -> Member | None:
        """Raises MemberSystemFailed."""
        return await self._query(lambda connection: _member(connection, member_id))

    async def points(self, member_id: str) -> Points:
        """Raises MemberSystemFailed, also for an unknown member."""
        return await self._query(lambda connection: _points(connection, member_id, self._now()))

    async def redeem(self, member_id: str, gift: str, key: str) -> Redemption:
        """Idempotent by `key`. Raises MemberSystemFailed: unknown_gift, unknown_member, not_enough_points, ..."""
        try:
            return await self._query(lambda connection: _redeem(connection, member_id, gift, key, self._now()))
        except _AlreadyRedeemed:
            return await self._query(lambda connection: _earlier_redemption(connection, member_id, gift, key))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    async def _query(self, work: Callable[[Connection], T]) -> T:
        query = asyncio.get_running_loop().run_in_executor(self._threads, _transaction, self._engine, work)
        try:
            return await asyncio.wait_for(query, self._time_limit)
        except TimeoutError as late:
            raise MemberSystemFailed("timeout") from late


def _transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run `work` in a transaction. Raises MemberSystemFailed for database errors and rows that are no members."""
    try:
        with engine.begin() as connection:
            return work(connection)
    except (SQLAlchemyError, TypeError, ValueError) as failed:
        # Only the type: messages of database errors contain customers' numbers and phones.
        raise MemberSystemFailed(type(failed).__name__) from failed


def _find(connection: Connection, value: str) -> Member | None:
    # A phone shared by two members finds neither: a code sent to it does not prove which of them the customer is.
    rows = connection.execute(_FIND, {"value": value}).all()
    by_number = [row for row in rows if row.number == value]
    found = by_number or rows
    return _read(found[0]) if len(found) == 1 else None


def _member(connection: Connection, member_id: str) -> Member | None:
    row = connection.execute(_MEMBER, {"member": member_id}).first()
    return _read(row) if row else None


def _read(row: Row[Any]) -> Member:
    # Cleaned, because a brand's database may contain characters that ours cannot store, such as NUL.
    return Member(*(clean(str(one)) for one in (row.id, row.number, row.name, row.phone, row.tier)))


def _points(connection: Connection, member_id: str, now: Instant) -> Points:
    member = _member(connection, member_id)
    if member is None:
        raise MemberSystemFailed("unknown_member")
    movements = connection.execute(_MOVEMENTS, {"member": member_id}).all()
    expiring, expiring_at = next_expiry([(int(row.points), row.expires_at) for row in movements], now)
    newest = tuple(
        PointsChange(float(row.at), int(row.points), {"zh": row.what_zh, "en": row.what_en})
        for row in movements[: -NEWEST_MOVEMENTS - 1 : -1]
    )
    return Points(sum(int(row.points) for row in movements), member.tier, expiring, expiring_at, newest)


def next_expiry(
    movements: Sequence[tuple[int, Instant | None]], now: Instant
) -> tuple[int, Instant] | tuple[int, None]:
    """How many points expire next, and when; (0, None) for none. movements: (points, expiry or None) each.

    Spent and expired points are subtracted from the points that expire first.
    """
    gone = -sum(points for points, _ in movements if points < 0)
    left: dict[Instant, int] = {}
    for at, points in sorted((at, points) for points, at in movements if points > 0 and at is not None):
        taken = min(points, gone)
        gone -= taken
        left[at] = left.get(at, 0) + points - taken
    return next(((points, at) for at, points in left.items() if points and at > now), (0, None))


def _redeem(connection: Connection, member_id: str, gift: str, key: str, now: Instant) -> Redemption:
    # The row with the unique key is inserted first: it blocks a concurrent call with the same key until this one ends.
    _claim(connection, member_id, gift, key, now)
    claimed = connection.execute(_REDEEMED, {"key": key}).first()
    if claimed is None:
        raise MemberSystemFailed("unknown_gift")
    if connection.execute(_LOCKED, {"member": member_id}).first() is None:
        raise MemberSystemFailed("unknown_member")
    return _record_redemption(connection, claimed, now)


def _claim(connection: Connection, member_id: str, gift: str, key: str, now: Instant) -> None:
    """Insert the redemption with the gift's price; inserts nothing for an unknown gift. Raises _AlreadyRedeemed."""
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
        raise _AlreadyRedeemed from taken


def _earlier_redemption(connection: Connection, member_id: str, gift: str, key: str) -> Redemption:
    row = connection.execute(_REDEEMED, {"key": key}).one()
    if (row.member_id, row.gift) != (member_id, gift):
        raise MemberSystemFailed("key_of_another_redemption")
    return Redemption(row.id, row.gift, row.points, row.points_left)


def _record_redemption(connection: Connection, claimed: Row[Any], now: Instant) -> Redemption:
    left = int(connection.execute(_BALANCE, {"member": claimed.member_id}).scalar_one()) - claimed.points
    if left < 0:
        raise MemberSystemFailed("not_enough_points")
    gift = connection.execute(select(gifts).where(gifts.c.id == claimed.gift)).one()
    spent = {
        "id": claimed.id,
        "member_id": claimed.member_id,
        "at": now,
        "points": -claimed.points,
        "what_zh": translate("members.redeemed", "zh", gift=gift.name_zh),
        "what_en": translate("members.redeemed", "en", gift=gift.name_en),
    }
    connection.execute(insert(point_movements), spent)
    connection.execute(update(redemptions).where(redemptions.c.id == claimed.id).values(points_left=left))
    return Redemption(claimed.id, claimed.gift, claimed.points, left)


def _engine(url: str, time_limit: float) -> Engine:
    postgres = url.startswith("postgresql")
    limits = {"connect_timeout": ceil(time_limit), **IN_UTF8} if postgres else {"timeout": time_limit}
    try:
        engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            connect_args=limits if postgres or url.startswith("sqlite") else {},
            hide_parameters=True,  # they are members' numbers and phones, and exceptions may be logged
            pool_pre_ping=True,
            pool_timeout=time_limit,
        )
    except (ArgumentError, ModuleNotFoundError) as strange:
        problem = ConfigProblem.of("config.yaml", 0, "members.url", "config.members_database")
        raise SettingError(problem) from strange
    if postgres:
        event.listen(engine, "connect", do_without_session)
        # The server ends a statement whose caller has timed out; SET LOCAL, because poolers share sessions.
        timeout = f"SET LOCAL statement_timeout = {ceil(time_limit * 1000)}"
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(timeout))
    return engine
