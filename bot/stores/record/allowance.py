"""What platforms still allow their accounts, and what it costs: shared by all processes, so it stands in the record."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.allowance import Asked, Granted, Seen, Standing, Window
from bot.messages import Instant
from bot.stores.record.database import Database
from bot.stores.record.tables import quotas, spending, standings

DAY = 86_400
HALT_LASTS = 900.0  # seconds after which one request finds out whether the account may go on
SAME = 5.0  # seconds by which two accounts of the same window's end may differ
_DIALECT = {"sqlite": sqlite, "postgresql": postgresql}


class RecordAllowance:
    """ports.Allowance on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def book(self, asked: Asked) -> Granted:
        return await self._database.write(lambda connection: _book(connection, asked, self._database.now(connection)))

    async def note(self, windows: Sequence[Seen]) -> None:
        if windows:
            await self._database.write(lambda one: _note(one, windows, self._database.now(one)))

    async def spend(self, account: str, amount: int) -> None:
        if amount:
            await self._database.write(lambda one: _spend(one, account, amount, self._database.now(one)))

    async def halt(self, account: str, code: str) -> None:
        def work(connection: Connection) -> None:
            now = self._database.now(connection)
            _stand(connection, account, {"halted": code, "halted_at": now, "error": code, "error_at": now})

        await self._database.write(work)

    async def went_well(self, account: str) -> None:
        await self._database.write(lambda connection: _stand(connection, account, {"halted": "", "halted_at": 0.0}))

    async def fared(self, account: str, problem: str) -> None:
        def work(connection: Connection) -> None:
            now = self._database.now(connection)
            _stand(connection, account, {"error": problem, "error_at": now} if problem else {"heard_at": now})

        await self._database.write(work)

    async def standing(self, account: str) -> Standing:
        return await self._database.read(lambda one: _standing(one, account, self._database.now(one)))


def _book(connection: Connection, asked: Asked, now: Instant) -> Granted:
    halted = connection.execute(select(standings).where(standings.c.account == asked.account)).first()
    if halted is not None and halted.halted and now < halted.halted_at + HALT_LASTS:
        return Granted(halted.halted_at + HALT_LASTS, halted.halted)
    windows = sorted(asked.windows, key=_locked_in_order)
    rows = [_window(connection, one.holder, one.window, one.most, one.seconds, now) for one in windows]
    until = max((row.until for row in rows if row.left <= 0), default=0.0)
    if until:
        return Granted(until, "quota")
    if asked.budget is not None and _spent(connection, asked.account, now) + asked.price > asked.budget:
        return Granted((now // DAY + 1) * DAY, "budget")
    for row in rows:
        booked = update(quotas).where(quotas.c.holder == row.holder, quotas.c.window == row.window)
        connection.execute(booked.values(left=quotas.c.left - 1))
    _spend(connection, asked.account, asked.price, now)
    return Granted()


def _locked_in_order(one: Window | Seen) -> tuple[str, str]:
    """Whoever locks several windows begins with the same, so that two never wait in a circle."""
    return one.holder, one.window


def _window(connection: Connection, holder: str, window: str, most: int, seconds: float, now: Instant) -> Row[int]:
    """The window's row, locked; a new window where the old one is over, its end guessed until the platform tells."""
    new = {"holder": holder, "window": window, "left": most, "until": now + seconds, "guessed": True}
    connection.execute(_DIALECT[connection.dialect.name].insert(quotas).on_conflict_do_nothing(), [new])
    this = (quotas.c.holder == holder, quotas.c.window == window)
    connection.execute(update(quotas).where(*this, quotas.c.until <= now).values(new))
    return connection.execute(select(quotas).where(*this).with_for_update()).one()


def _note(connection: Connection, windows: Sequence[Seen], now: Instant) -> None:
    """Answers come out of order, and later bookings are under way: within a window the smaller number is right."""
    for seen in sorted(windows, key=_locked_in_order):
        if seen.until <= now:
            continue  # of a window that is over
        row = _window(connection, seen.holder, seen.window, seen.left, seen.until - now, now)
        same = row.guessed or abs(row.until - seen.until) <= SAME
        if same or seen.until > row.until:
            left = min(row.left, seen.left) if same else seen.left
            this = update(quotas).where(quotas.c.holder == seen.holder, quotas.c.window == seen.window)
            connection.execute(this.values(left=left, until=seen.until, guessed=False))


def _spend(connection: Connection, account: str, amount: int, now: Instant) -> None:
    new = _DIALECT[connection.dialect.name].insert(spending)
    row = {"account": account, "day": int(now // DAY), "amount": amount}
    more = {"amount": spending.c.amount + amount}
    keys = [spending.c.account, spending.c.day]
    connection.execute(new.on_conflict_do_update(index_elements=keys, set_=more), [row])


def _spent(connection: Connection, account: str, now: Instant) -> int:
    today = select(spending.c.amount).where(spending.c.account == account, spending.c.day == int(now // DAY))
    return connection.execute(today).scalar() or 0


def _stand(connection: Connection, account: str, news: dict[str, str | float]) -> None:
    new = _DIALECT[connection.dialect.name].insert(standings)
    changed = new.on_conflict_do_update(index_elements=[standings.c.account], set_=news)
    connection.execute(changed, [{"account": account, **news}])


def _standing(connection: Connection, account: str, now: Instant) -> Standing:
    row = connection.execute(select(standings).where(standings.c.account == account)).first()
    spent = _spent(connection, account, now)
    if row is None:
        return Standing(spent=spent)
    return Standing(row.halted, row.halted_at, row.error, row.error_at, row.heard_at, spent)
