"""Refusals are counted, logged once a minute and audited; so are reads of cases."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.conversations import Seeder
from support.desk_site import DeskSite
from support.services import MovableClock

from bot.domain.cases import Role
from bot.errors import Unavailable
from bot.stores.sql.database import Database
from bot.stores.sql.schema import audit, metadata
from bot.telemetry import count, process_counters
from bot.web.refusals import LOGIN_FAILED, Refusals


@pytest.fixture
def database(tmp_path: Path, clock: MovableClock) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def desk_site(database: Database, clock: MovableClock) -> DeskSite:
    return DeskSite(database, clock)


def told(desk_site: DeskSite) -> Refusals:
    refusals: Refusals = desk_site.site.state.refusals
    return refusals


def counted() -> Counter[str]:
    return Counter({labels["kind"]: int(times) for labels, times in process_counters("turned_away")})


def warned(caplog: pytest.LogCaptureFixture) -> set[str]:
    return {one.getMessage() for one in caplog.records if one.name == "bot.web.refusals"}


def test_refusals_are_counted_by_kind_with_one_warning_each(
    desk_site: DeskSite, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted()

    async def story() -> None:
        await desk_site.add_staff("mei")
        await desk_site.add_staff("ed", Role.EDITOR)
        stranger, mei, editor = desk_site.new_browser(), await desk_site.log_in("mei"), await desk_site.log_in("ed")
        for _ in range(7):
            await stranger.post("/login", data={"login": "nobody", "password": "guess"})
        for _ in range(3):
            await mei.post("/api/desk/cases/c1/claim", headers={"x-csrf-token": "guess"})
        await mei.post("/api/desk/cases/c1/claim", headers={"origin": "https://evil.test"})
        await editor.get("/desk")
        with caplog.at_level(logging.WARNING):
            await told(desk_site).report()
            await told(desk_site).report()

    asyncio.run(story())
    assert counted() - before == Counter({"password": 5, "too_many": 2, "csrf": 3, "origin": 1, "role": 1})
    assert warned(caplog) == {
        f"refused {times} times within a minute: {kind}"
        for kind, times in {"password": 5, "too_many": 2, "csrf": 3, "origin": 1, "role": 1}.items()
    }
    assert len(caplog.records) == 5
    assert "nobody" not in caplog.text


def test_refusals_by_channels_are_logged_and_wrong_paths_are_not(
    desk_site: DeskSite, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        count("refused", account="shop", code="signature")
    count("refused", account="", code="path")
    with caplog.at_level(logging.WARNING):
        asyncio.run(told(desk_site).report())
    assert warned(caplog) == {"refused 4 times within a minute: signature on shop"}


def test_failed_logins_and_refusals_of_staff_are_audited_once_per_minute(
    desk_site: DeskSite, database: Database
) -> None:
    async def story() -> tuple[str, str]:
        mei, editor = await desk_site.add_staff("mei"), await desk_site.add_staff("ed", Role.EDITOR)
        inside = await desk_site.log_in("ed")
        for login in (" MEI", "mei", "nobody", "somebody else"):
            await desk_site.new_browser().post("/login", data={"login": login, "password": "guess"})
        for _ in range(3):
            await inside.get("/desk")
        await told(desk_site).report()
        await told(desk_site).report()
        return mei.id, editor.id

    mei, editor = asyncio.run(story())
    rows = Seeder(database).rows(audit)
    noted = {
        (row.staff_id, row.action, row.object, row.times) for row in rows if row.action in ("login_failed", "refused")
    }
    assert noted == {
        (mei, "login_failed", "password", 2),
        ("", "login_failed", "password", 2),
        (editor, "refused", "role", 3),
    }


class Away:
    """A trail that is out of reach for a while."""

    def __init__(self) -> None:
        self.away, self.kept = True, 0

    async def record(self, entries: object) -> None:
        if self.away:
            raise Unavailable
        self.kept += sum(one.times for one in entries)  # type: ignore[attr-defined]


def test_audit_rows_are_kept_while_the_database_is_unavailable(clock: MovableClock) -> None:
    trail = Away()
    refusals = Refusals(trail, clock)  # type: ignore[arg-type]

    async def story() -> None:
        refusals.record("password", "login_failed")
        await refusals.report()
        refusals.record("password", "login_failed")
        trail.away = False
        await refusals.report()

    asyncio.run(story())
    assert trail.kept == 2


def test_a_process_reports_refusals_when_it_ends(clock: MovableClock) -> None:
    trail = Away()
    trail.away = False
    refusals = Refusals(trail, clock)  # type: ignore[arg-type]

    async def story() -> None:
        running = asyncio.create_task(refusals.run())
        await asyncio.sleep(0)
        refusals.record("password", LOGIN_FAILED)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())
    assert trail.kept == 1


def test_reading_a_case_is_audited_once_in_ten_minutes(
    desk_site: DeskSite, database: Database, clock: MovableClock
) -> None:
    seeder = Seeder(database)
    case = seeder.case(seeder.conversation(seeder.customer("林晓")))

    def reads() -> int:
        return len(seeder.rows(audit, action="read", object=case))

    async def story() -> None:
        mei, jun = await desk_site.two_agents()
        for _ in range(4):
            assert (await mei.get(f"/api/desk/cases/{case}")).status_code == 200
        assert reads() == 1
        await jun.get(f"/api/desk/cases/{case}")
        assert reads() == 2
        clock.move(9 * 60)
        await mei.get(f"/api/desk/cases/{case}")
        assert reads() == 2
        clock.move(61)
        await mei.get(f"/api/desk/cases/{case}")
        assert reads() == 3
        assert (await mei.get("/api/desk/cases/nothing")).status_code == 404
        assert not seeder.rows(audit, action="read", object="nothing")

    asyncio.run(story())


def test_an_unattended_page_is_logged_out_and_an_attended_one_is_not(desk_site: DeskSite, clock: MovableClock) -> None:
    async def story() -> tuple[int, int]:
        left, used = await desk_site.two_agents()
        for _ in range(9):
            clock.move(15 * 60)
            await left.get("/api/desk/board")
            assert (await used.post("/api/desk/here")).status_code == 200
        return (await left.get("/api/desk/board")).status_code, (await used.get("/api/desk/board")).status_code

    assert asyncio.run(story()) == (401, 200)
