"""What platforms still allow their accounts, and what it costs: shared by all processes, so it stands in the record."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.allowance import SENDING, Asked, Granted, Seen, Standing, Window
from bot.messages import Instant
from bot.stores.record.database import Database
from bot.stores.record.tables import quotas, spending, standings

DAY = 86_400
FIRST_PROBE, HALT_LASTS = 60.0, 900.0  # seconds until one request finds out whether a halted account may go on
PROBING = 10.0  # seconds that such a request is given to find out
SAME = 5.0  # seconds by which two accounts of the same window's end may differ
_DIALECT = {"sqlite": sqlite, "postgresql": postgresql}


class RecordAllowance:
    """ports.Allowance on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def book(self, asked: Asked) -> Granted:
        if not asked.windows and not asked.price and not await self._is_halted(asked.account):
            return Granted()  # the usual case of an account without limits, without writing anything
        return await self._database.write(lambda connection: _book(connection, asked, self._database.now(connection)))

    async def _is_halted(self, account: str) -> bool:
        row = select(standings.c.halted).where(standings.c.account == account)
        return bool(await self._database.read(lambda connection: connection.execute(row).scalar()))

    async def note(self, windows: Sequence[Seen]) -> None:
        if windows:
            await self._database.write(lambda one: _note(one, windows, self._database.now(one)))

    async def spend(self, account: str, amount: int) -> None:
        if amount:
            await self._database.write(lambda one: _spend(one, account, amount, self._database.now(one)))

    async def halt(self, account: str, code: str, way: str = "") -> None:
        await self._database.write(lambda one: _halt(one, account, code, way, self._database.now(one)))

    async def went_well(self, account: str, way: str = "") -> None:
        await self._database.write(lambda connection: _lift(connection, account, way))

    async def fared(self, account: str, problem: str) -> None:
        def work(connection: Connection) -> None:
            now = self._database.now(connection)
            _stand(connection, account, {"error": problem, "error_at": now} if problem else {"heard_at": now})

        await self._database.write(work)

    async def standing(self, account: str) -> Standing:
        return await self._database.read(lambda one: _standing(one, account, self._database.now(one)))


def _book(connection: Connection, asked: Asked, now: Instant) -> Granted:
    halted = _halted(connection, asked, now)
    if halted.until:
        return halted
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
    return halted


def _halted(connection: Connection, asked: Asked, now: Instant) -> Granted:
    """Whether a halt is in the way; after a while, of all who ask one is let through, and later each time."""
    row = connection.execute(select(standings).where(standings.c.account == asked.account)).first()
    if row is None or not row.halted or not _covers(row.halted_way, asked.way):
        return Granted()
    if now < row.probe_at:
        return Granted(row.probe_at, row.halted)
    ours = update(standings).where(standings.c.account == asked.account, standings.c.probe_at == row.probe_at)
    probing = connection.execute(ours.values(probe_at=now + PROBING, probes=standings.c.probes + 1))
    return Granted(probes=True) if probing.rowcount else Granted(now + PROBING, row.halted)


def _covers(halted: str, way: str) -> bool:
    """Whether a halt of one way is a halt of another."""
    return halted in ("", way) or (halted == SENDING and way != "")


def _halt(connection: Connection, account: str, code: str, way: str, now: Instant) -> None:
    """A halt that is met again keeps its beginning; where two ways are halted, all sending is."""
    row = connection.execute(select(standings).where(standings.c.account == account).with_for_update()).first()
    news: dict[str, str | float] = {"halted": code, "error": code, "error_at": now, "halted_way": way}
    if row is None or not row.halted:
        news |= {"halted_at": now, "probes": 0, "probe_at": now + FIRST_PROBE}
    else:
        news["probe_at"] = now + min(FIRST_PROBE * 2.0 ** min(row.probes, 10), HALT_LASTS)
        if row.halted_way != way:
            news["halted_way"] = SENDING if row.halted_way and way else ""
    _stand(connection, account, news)


def _lift(connection: Connection, account: str, way: str) -> None:
    """Ends a halt of this way; writes nothing where there is none, which is nearly always."""
    row = connection.execute(select(standings).where(standings.c.account == account)).first()
    if row is not None and row.halted and _covers(row.halted_way, way):
        over: dict[str, str | float] = {"halted": "", "halted_at": 0.0, "halted_way": "", "probes": 0, "probe_at": 0.0}
        _stand(connection, account, over)


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
