"""What the record promises to platform clients about limits, money and standing: on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ground import MovableClock
from sqlalchemy import select

from bot.allowance import SENDING, Asked, Granted, Seen, Window
from bot.stores.record.allowance import FIRST_PROBE, PROBING, RecordAllowance
from bot.stores.record.database import Database
from bot.stores.record.tables import quotas

QUARTER = Window("brand", "posts quarter", 3, 900.0)
OF_THE_APP = Window("app", "posts day", 100, 86_400.0)


class Till:
    """The allowance, called without an event loop around it."""

    def __init__(self, database: Database) -> None:
        self.kept = RecordAllowance(database)

    def book(self, *windows: Window, price: int = 0, budget: int | None = None) -> Granted:
        return asyncio.run(self.kept.book(Asked("brand", windows, price, budget)))

    def note(self, window: Window, left: int, until: float) -> None:
        asyncio.run(self.kept.note([Seen(window.holder, window.window, left, until)]))

    def granted(self, *windows: Window) -> int:
        """How many requests in a row are granted, fifty at most."""
        return next((count for count in range(50) if self.book(*windows).until), 50)


def test_as_many_requests_are_granted_as_documented_and_the_rest_after_the_window(
    database: Database, clock: MovableClock
) -> None:
    till = Till(database)
    assert till.granted(QUARTER) == 3
    assert till.book(QUARTER) == Granted(clock.now() + 900, "quota")
    clock.move(900)
    assert till.granted(QUARTER) == 3


def test_what_the_platform_says_counts_more_than_what_is_documented(database: Database, clock: MovableClock) -> None:
    till = Till(database)
    assert not till.book(QUARTER).until
    till.note(QUARTER, 1, clock.now() + 300)
    assert till.granted(QUARTER) == 1
    assert till.book(QUARTER).until == clock.now() + 300
    till.note(QUARTER, 40, clock.now() + 1_200)  # a new window with more in it
    assert till.granted(QUARTER) == 40


def test_answers_that_come_late_give_nothing_back(database: Database, clock: MovableClock) -> None:
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
    async def both() -> list[Granted]:
        one, two = RecordAllowance(database), RecordAllowance(database)
        asked = Asked("brand", (QUARTER,))
        return await asyncio.gather(*(kept.book(asked) for kept in (one, two) * 4))

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
    assert asyncio.run(till.kept.standing("brand")).spent == 600


def test_a_halted_account_is_let_through_once_in_a_while_until_it_goes_well(
    database: Database, clock: MovableClock
) -> None:
    till = Till(database)
    asyncio.run(till.kept.halt("brand", "twitter:402"))
    assert till.book() == Granted(clock.now() + FIRST_PROBE, "twitter:402")
    assert not asyncio.run(till.kept.book(Asked("other"))).until
    clock.move(FIRST_PROBE)
    assert till.book() == Granted(probes=True)
    assert till.book() == Granted(clock.now() + PROBING, "twitter:402")  # of all who ask, one finds out
    asyncio.run(till.kept.went_well("brand"))
    standing = asyncio.run(till.kept.standing("brand"))
    assert (standing.halted, standing.error) == ("", "twitter:402")
    assert till.book() == Granted()


def test_a_halted_account_is_tried_again_later_each_time_and_its_halt_keeps_its_beginning(
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
    assert asyncio.run(till.kept.standing("brand")).halted_at == began


def test_a_halt_of_one_way_of_sending_leaves_the_other_and_looking_alone(
    database: Database, clock: MovableClock
) -> None:
    till = Till(database)

    def may(way: str) -> bool:
        return not asyncio.run(till.kept.book(Asked("brand", way=way))).until

    asyncio.run(till.kept.halt("brand", "twitter:permissions", "messages"))
    assert [may(way) for way in ("messages", "posts", "")] == [False, True, True]
    asyncio.run(till.kept.went_well("brand", "posts"))
    asyncio.run(till.kept.went_well("brand"))
    assert not may("messages")
    asyncio.run(till.kept.halt("brand", "twitter:permissions", "posts"))
    assert [may(way) for way in ("messages", "posts", "")] == [False, False, True]
    asyncio.run(till.kept.went_well("brand", "posts"))
    assert may("messages")
    asyncio.run(till.kept.halt("brand", "twitter:locked", SENDING))
    assert [may(way) for way in ("messages", "posts", "")] == [False, False, True]
    asyncio.run(till.kept.halt("brand", "twitter:401"))
    assert not may("")


def test_how_an_account_fares_is_remembered(database: Database, clock: MovableClock) -> None:
    till = Till(database)
    asyncio.run(till.kept.fared("brand", ""))
    clock.move(60)
    asyncio.run(till.kept.fared("brand", "twitter:timeout"))
    standing = asyncio.run(till.kept.standing("brand"))
    assert (standing.error, clock.now() - standing.heard_at, standing.error_at) == ("twitter:timeout", 60, clock.now())


def test_those_who_ask_and_those_who_tell_never_wait_for_each_other_in_a_circle(
    database: Database, clock: MovableClock
) -> None:
    till = RecordAllowance(database)
    asked = Asked("brand", tuple(replace(one, most=9_000) for one in (QUARTER, OF_THE_APP)))
    told = [Seen(one.holder, one.window, 8_000, clock.now() + one.seconds) for one in asked.windows]

    async def all_at_once() -> list[int]:
        await asyncio.gather(*(work for _ in range(200) for work in (till.book(asked), till.note(told))))
        return await database.read(lambda connection: list(connection.execute(select(quotas.c.left)).scalars()))

    assert all(7_800 <= left <= 8_000 for left in asyncio.run(all_at_once()))
