"""Rate limits, spending and halted accounts, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sqlalchemy import select
from support.services import MovableClock

from bot.domain.accounts import SENDING, Permit, PermitRequest, RateLimitReport, RateLimitWindow
from bot.stores.sql.database import Database
from bot.stores.sql.rate_limits import FIRST_PROBE, PROBE_TIMEOUT, SqlRateLimits
from bot.stores.sql.schema import quotas

QUARTER = RateLimitWindow("brand", "posts quarter", 3, 900.0)
OF_THE_APP = RateLimitWindow("app", "posts day", 100, 86_400.0)


class Till:
    """The rate limits, called without an event loop around it."""

    def __init__(self, database: Database) -> None:
        self.kept = SqlRateLimits(database)

    def book(self, *windows: RateLimitWindow, price: int = 0, budget: int | None = None) -> Permit:
        return asyncio.run(self.kept.acquire(PermitRequest("brand", windows, price, budget)))

    def note(self, window: RateLimitWindow, left: int, until: float) -> None:
        asyncio.run(self.kept.update_windows([RateLimitReport(window.holder, window.window, left, until)]))

    def granted(self, *windows: RateLimitWindow) -> int:
        """How many requests in a row are granted, fifty at most."""
        return next((count for count in range(50) if self.book(*windows).until), 50)


def test_documented_limits_are_granted_and_the_rest_after_the_window(database: Database, clock: MovableClock) -> None:
    till = Till(database)
    assert till.granted(QUARTER) == 3
    assert till.book(QUARTER) == Permit(clock.now() + 900, "quota")
    clock.move(900)
    assert till.granted(QUARTER) == 3


def test_the_platforms_report_overrides_the_documented_limit(database: Database, clock: MovableClock) -> None:
    till = Till(database)
    assert not till.book(QUARTER).until
    till.note(QUARTER, 1, clock.now() + 300)
    assert till.granted(QUARTER) == 1
    assert till.book(QUARTER).until == clock.now() + 300
    till.note(QUARTER, 40, clock.now() + 1_200)  # a new window with more in it
    assert till.granted(QUARTER) == 40


def test_late_reports_do_not_raise_the_quota(database: Database, clock: MovableClock) -> None:
    till = Till(database)
    assert till.granted(QUARTER) == 3
    till.note(QUARTER, 2, clock.now() + 900)  # written when two more were on their way
    assert till.granted(QUARTER) == 0
    till.note(QUARTER, 99, clock.now() - 1)  # of a window that is over
    assert till.granted(QUARTER) == 0


def test_a_request_falls_into_all_of_its_windows_or_none(database: Database, clock: MovableClock) -> None:
    till = Till(database)
    till.note(OF_THE_APP, 0, clock.now() + 5_000)
    assert till.book(QUARTER, OF_THE_APP).until == clock.now() + 5_000
    assert till.granted(QUARTER) == 3  # the refused one took nothing


def test_two_processes_share_one_window(database: Database) -> None:
    async def both() -> list[Permit]:
        one, two = SqlRateLimits(database), SqlRateLimits(database)
        asked = PermitRequest("brand", (QUARTER,))
        return await asyncio.gather(*(kept.acquire(asked) for kept in (one, two) * 4))

    assert sum(not granted.until for granted in asyncio.run(both())) == 3


def test_the_budget_ends_with_the_day(database: Database, clock: MovableClock) -> None:
    till = Till(database)
    assert not till.book(price=600, budget=1_000).until
    refused = till.book(price=600, budget=1_000)
    assert (refused.why, refused.until) == ("budget", (clock.now() // 86_400 + 1) * 86_400)
    asyncio.run(till.kept.spend("brand", -600))
    assert not till.book(price=600, budget=1_000).until
    clock.move(86_400)
    assert not till.book(price=600, budget=1_000).until
    assert asyncio.run(till.kept.sending_status("brand")).spent == 600


def test_a_halted_account_sends_single_probes_until_one_succeeds(database: Database, clock: MovableClock) -> None:
    till = Till(database)
    asyncio.run(till.kept.halt("brand", "twitter:402"))
    assert till.book() == Permit(clock.now() + FIRST_PROBE, "twitter:402")
    assert not asyncio.run(till.kept.acquire(PermitRequest("other"))).until
    clock.move(FIRST_PROBE)
    assert till.book() == Permit(probes=True)
    assert till.book() == Permit(clock.now() + PROBE_TIMEOUT, "twitter:402")  # of all who ask, one finds out
    asyncio.run(till.kept.record_success("brand"))
    standing = asyncio.run(till.kept.sending_status("brand"))
    assert (standing.halted, standing.error) == ("", "twitter:402")
    assert till.book() == Permit()


def test_probes_of_a_halted_account_get_rarer_and_the_halt_keeps_its_start(
    database: Database, clock: MovableClock
) -> None:
    till, began, waits = Till(database), clock.now(), []
    for _ in range(7):
        asyncio.run(till.kept.halt("brand", "wechat:50002"))
        asyncio.run(till.kept.halt("brand", "wechat:50002"))  # others were under way at the same time
        waits.append(till.book().until - clock.now())
        clock.move(waits[-1])
        assert till.book().probes
    assert waits == [60, 120, 240, 480, 900, 900, 900]
    assert asyncio.run(till.kept.sending_status("brand")).halted_at == began


def test_a_halt_of_one_way_of_sending_leaves_the_other_and_polling_alone(
    database: Database, clock: MovableClock
) -> None:
    till = Till(database)

    def may(way: str) -> bool:
        return not asyncio.run(till.kept.acquire(PermitRequest("brand", way=way))).until

    asyncio.run(till.kept.halt("brand", "twitter:permissions", "messages"))
    assert [may(way) for way in ("messages", "posts", "")] == [False, True, True]
    asyncio.run(till.kept.record_success("brand", "posts"))
    asyncio.run(till.kept.record_success("brand"))
    assert not may("messages")
    asyncio.run(till.kept.halt("brand", "twitter:permissions", "posts"))
    assert [may(way) for way in ("messages", "posts", "")] == [False, False, True]
    asyncio.run(till.kept.record_success("brand", "posts"))
    assert may("messages")
    asyncio.run(till.kept.halt("brand", "twitter:locked", SENDING))
    assert [may(way) for way in ("messages", "posts", "")] == [False, False, True]
    asyncio.run(till.kept.halt("brand", "twitter:401"))
    assert not may("")


def test_the_sending_status_of_an_account_is_stored(database: Database, clock: MovableClock) -> None:
    till = Till(database)
    asyncio.run(till.kept.record_result("brand", ""))
    clock.move(60)
    asyncio.run(till.kept.record_result("brand", "twitter:timeout"))
    standing = asyncio.run(till.kept.sending_status("brand"))
    assert (standing.error, clock.now() - standing.last_poll_at, standing.error_at) == (
        "twitter:timeout",
        60,
        clock.now(),
    )


def test_concurrent_permits_and_reports_never_deadlock(database: Database, clock: MovableClock) -> None:
    till = SqlRateLimits(database)
    asked = PermitRequest("brand", tuple(replace(one, most=9_000) for one in (QUARTER, OF_THE_APP)))
    told = [RateLimitReport(one.holder, one.window, 8_000, clock.now() + one.seconds) for one in asked.windows]

    async def all_at_once() -> list[int]:
        await asyncio.gather(*(work for _ in range(200) for work in (till.acquire(asked), till.update_windows(told))))
        return await database.read(lambda connection: list(connection.execute(select(quotas.c.left)).scalars()))

    assert all(7_800 <= left <= 8_000 for left in asyncio.run(all_at_once()))
