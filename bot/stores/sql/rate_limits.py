"""Counts each account's requests against its platform's rate limits and budget, and halts an account that is refused.

The counts are in the database because all processes of a deployment share an account's limits.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Row, select, update

from bot.domain.accounts import (
    SENDING,
    Permit,
    PermitRequest,
    RateLimitReport,
    RateLimitWindow,
    SendingStatus,
)
from bot.domain.messages import DAY, Instant
from bot.stores.sql.database import Database
from bot.stores.sql.schema import (
    quotas,
    spending,
    standings,
)
from bot.stores.sql.statements import insert_new, upsert

FIRST_PROBE, LONGEST_PROBE = 60.0, 900.0  # seconds between two single requests that test whether a halt is over
PROBE_TIMEOUT = 10.0  # seconds such a request may take; then another process may send one
SAME_WINDOW = 5.0  # seconds: ends of one window as reported by two responses differ by less


class SqlRateLimits:
    """ports.RateLimits on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def acquire(self, request: PermitRequest) -> Permit:
        if not request.windows and not request.price:  # the usual case; a read is much cheaper than a write
            halted = select(standings.c.halted).where(standings.c.account == request.account)
            if not await self._database.read(lambda connection: connection.execute(halted).scalar()):
                return Permit()
        return await self._database.write(
            lambda connection: _acquire(connection, request, self._database.now(connection))
        )

    async def update_windows(self, reports: Sequence[RateLimitReport]) -> None:
        if reports:
            await self._database.write(lambda one: _update_windows(one, reports, self._database.now(one)))

    async def spend(self, account: str, amount: int) -> None:
        if amount:
            await self._database.write(lambda one: _spend(one, account, amount, self._database.now(one)))

    async def halt(self, account: str, code: str, way: str = "") -> None:
        await self._database.write(lambda one: _halt(one, account, code, way, self._database.now(one)))

    async def record_success(self, account: str, way: str = "") -> None:
        await self._database.write(lambda connection: _end_halt(connection, account, way))

    async def record_result(self, account: str, problem: str) -> None:
        def work(connection: Connection) -> None:
            now = self._database.now(connection)
            _save(connection, account, {"error": problem, "error_at": now} if problem else {"heard_at": now})

        await self._database.write(work)

    async def sending_status(self, account: str) -> SendingStatus:
        return await self._database.read(lambda one: _status(one, account, self._database.now(one)))


def _acquire(connection: Connection, request: PermitRequest, now: Instant) -> Permit:
    halted = _halted(connection, request, now)
    if halted.until:
        return halted
    windows = sorted(request.windows, key=_locked_in_order)
    rows = [_window(connection, one.holder, one.window, one.most, one.seconds, now) for one in windows]
    until = max((row.until for row in rows if row.left <= 0), default=0.0)
    if until:
        return Permit(until, "quota")
    if request.budget is not None and _spent(connection, request.account, now) + request.price > request.budget:
        return Permit((now // DAY + 1) * DAY, "budget")
    for row in rows:
        booked = update(quotas).where(quotas.c.holder == row.holder, quotas.c.window == row.window)
        connection.execute(booked.values(left=quotas.c.left - 1))
    _spend(connection, request.account, request.price, now)
    return halted


def _halted(connection: Connection, request: PermitRequest, now: Instant) -> Permit:
    """Whether the account is halted. Once `probe_at` has come, one of all the callers gets a permit to probe."""
    row = connection.execute(select(standings).where(standings.c.account == request.account)).first()
    if row is None or not row.halted or not _covers(row.halted_way, request.way):
        return Permit()
    if now < row.probe_at:
        return Permit(row.probe_at, row.halted)
    # Compare-and-set: of the processes that read the same probe_at only one changes it.
    ours = update(standings).where(standings.c.account == request.account, standings.c.probe_at == row.probe_at)
    probing = connection.execute(ours.values(probe_at=now + PROBE_TIMEOUT, probes=standings.c.probes + 1))
    return Permit(probes=True) if probing.rowcount else Permit(now + PROBE_TIMEOUT, row.halted)


def _covers(halted: str, way: str) -> bool:
    """Whether a halt of `halted` ('' for everything, SENDING for all sending) also halts `way`."""
    return halted in ("", way) or (halted == SENDING and way != "")


def _halt(connection: Connection, account: str, code: str, way: str, now: Instant) -> None:
    """Halt the account for `way`. A repeated halt keeps its start, and doubles the time until the next probe."""
    row = connection.execute(select(standings).where(standings.c.account == account).with_for_update()).first()
    news: dict[str, str | float] = {"halted": code, "error": code, "error_at": now, "halted_way": way}
    if row is None or not row.halted:
        news |= {"halted_at": now, "probes": 0, "probe_at": now + FIRST_PROBE}
    else:
        news["probe_at"] = now + min(FIRST_PROBE * 2.0 ** min(row.probes, 10), LONGEST_PROBE)
        if row.halted_way != way:  # there is one row per account: a second halted way becomes a halt of all sending
            news["halted_way"] = SENDING if row.halted_way and way else ""
    _save(connection, account, news)


def _end_halt(connection: Connection, account: str, way: str) -> None:
    """End a halt of this way. Called after every successful request, so it writes only if there is a halt."""
    row = connection.execute(select(standings).where(standings.c.account == account)).first()
    if row is not None and row.halted and _covers(row.halted_way, way):
        over: dict[str, str | float] = {"halted": "", "halted_at": 0.0, "halted_way": "", "probes": 0, "probe_at": 0.0}
        _save(connection, account, over)


def _locked_in_order(one: RateLimitWindow | RateLimitReport) -> tuple[str, str]:
    """Every transaction locks its windows in this order, so that two never deadlock."""
    return one.holder, one.window


def _window(connection: Connection, holder: str, window: str, most: int, seconds: float, now: Instant) -> Row[int]:
    """The window's row, locked. If the window is over, a new one; its end is guessed until the platform reports it."""
    new = {"holder": holder, "window": window, "left": most, "until": now + seconds, "guessed": True}
    insert_new(connection, quotas, [new])
    this = (quotas.c.holder == holder, quotas.c.window == window)
    connection.execute(update(quotas).where(*this, quotas.c.until <= now).values(new))
    return connection.execute(select(quotas).where(*this).with_for_update()).one()


def _update_windows(connection: Connection, reports: Sequence[RateLimitReport], now: Instant) -> None:
    """Store what the platform reported. Responses arrive out of order: within a window the smaller `left` is newer."""
    for seen in sorted(reports, key=_locked_in_order):
        if seen.until <= now:
            continue  # the reported window is over
        row = _window(connection, seen.holder, seen.window, seen.left, seen.until - now, now)
        same = row.guessed or abs(row.until - seen.until) <= SAME_WINDOW
        if same or seen.until > row.until:
            left = min(row.left, seen.left) if same else seen.left
            this = update(quotas).where(quotas.c.holder == seen.holder, quotas.c.window == seen.window)
            connection.execute(this.values(left=left, until=seen.until, guessed=False))


def _spend(connection: Connection, account: str, amount: int, now: Instant) -> None:
    new = upsert(connection, spending)
    row = {"account": account, "day": int(now // DAY), "amount": amount}
    more = {"amount": spending.c.amount + amount}
    keys = [spending.c.account, spending.c.day]
    connection.execute(new.on_conflict_do_update(index_elements=keys, set_=more), [row])


def _spent(connection: Connection, account: str, now: Instant) -> int:
    today = select(spending.c.amount).where(spending.c.account == account, spending.c.day == int(now // DAY))
    return connection.execute(today).scalar() or 0


def _save(connection: Connection, account: str, news: dict[str, str | float]) -> None:
    new = upsert(connection, standings)
    changed = new.on_conflict_do_update(index_elements=[standings.c.account], set_=news)
    connection.execute(changed, [{"account": account, **news}])


def _status(connection: Connection, account: str, now: Instant) -> SendingStatus:
    row = connection.execute(select(standings).where(standings.c.account == account)).first()
    spent = _spent(connection, account, now)
    if row is None:
        return SendingStatus(spent=spent)
    return SendingStatus(row.halted, row.halted_at, row.error, row.error_at, row.heard_at, spent)
