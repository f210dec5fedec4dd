"""What is refused is counted, told once a minute and stands in the audit; so does who reads a case."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from front import Front
from ground import MovableClock
from seeding import Ground

from bot.cases import Role
from bot.errors import Unavailable
from bot.stores.record.database import Database
from bot.stores.record.tables import audit, metadata
from bot.telemetry import count, counted_here
from bot.web.refusals import FAILED, Refusals


@pytest.fixture
def database(tmp_path: Path, clock: MovableClock) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def front(database: Database, clock: MovableClock) -> Front:
    return Front(database, clock)


def told(front: Front) -> Refusals:
    refusals: Refusals = front.site.state.refusals
    return refusals


def counted() -> Counter[str]:
    return Counter({labels["kind"]: int(times) for labels, times in counted_here("turned_away")})


def warned(caplog: pytest.LogCaptureFixture) -> set[str]:
    return {one.getMessage() for one in caplog.records if one.name == "bot.web.refusals"}


def test_refusals_are_counted_by_kind_and_told_as_one_warning_of_each(
    front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted()

    async def story() -> None:
        await front.hire("mei")
        await front.hire("ed", Role.EDITOR)
        stranger, mei, editor = front.stranger(), await front.enter("mei"), await front.enter("ed")
        for _ in range(7):
            await stranger.post("/login", data={"login": "nobody", "password": "guess"})
        for _ in range(3):
            await mei.post("/api/desk/cases/c1/claim", headers={"x-csrf-token": "guess"})
        await mei.post("/api/desk/cases/c1/claim", headers={"origin": "https://evil.test"})
        await editor.get("/desk")
        with caplog.at_level(logging.WARNING):
            await told(front).tell()
            await told(front).tell()

    asyncio.run(story())
    assert counted() - before == Counter({"password": 5, "too_many": 2, "csrf": 3, "origin": 1, "role": 1})
    assert warned(caplog) == {
        f"refused {times} times within a minute: {kind}"
        for kind, times in {"password": 5, "too_many": 2, "csrf": 3, "origin": 1, "role": 1}.items()
    }
    assert len(caplog.records) == 5
    assert "nobody" not in caplog.text


def test_what_channels_refuse_is_told_with_it_and_lost_ways_are_not(
    front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        count("refused", account="shop", code="signature")
    count("refused", account="", code="path")
    with caplog.at_level(logging.WARNING):
        asyncio.run(told(front).tell())
    assert warned(caplog) == {"refused 4 times within a minute: signature on shop"}


def test_failed_logins_and_what_staff_were_refused_stand_in_the_audit_once_for_many(
    front: Front, database: Database
) -> None:
    async def story() -> tuple[str, str]:
        mei, editor = await front.hire("mei"), await front.hire("ed", Role.EDITOR)
        inside = await front.enter("ed")
        for login in (" MEI", "mei", "nobody", "somebody else"):
            await front.stranger().post("/login", data={"login": login, "password": "guess"})
        for _ in range(3):
            await inside.get("/desk")
        await told(front).tell()
        await told(front).tell()
        return mei.id, editor.id

    mei, editor = asyncio.run(story())
    rows = Ground(database).rows(audit)
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

    async def note(self, deeds: object) -> None:
        if self.away:
            raise Unavailable
        self.kept += sum(one.times for one in deeds)  # type: ignore[attr-defined]


def test_what_the_record_does_not_take_is_kept_for_it(clock: MovableClock) -> None:
    trail = Away()
    refusals = Refusals(trail, clock)  # type: ignore[arg-type]

    async def story() -> None:
        refusals.note("password", "login_failed")
        await refusals.tell()
        refusals.note("password", "login_failed")
        trail.away = False
        await refusals.tell()

    asyncio.run(story())
    assert trail.kept == 2


def test_a_running_process_tells_once_more_when_it_ends(clock: MovableClock) -> None:
    trail = Away()
    trail.away = False
    refusals = Refusals(trail, clock)  # type: ignore[arg-type]

    async def story() -> None:
        running = asyncio.create_task(refusals.run())
        await asyncio.sleep(0)
        refusals.note("password", FAILED)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())
    assert trail.kept == 1


def test_who_reads_a_case_is_noted_once_in_ten_minutes(front: Front, database: Database, clock: MovableClock) -> None:
    ground = Ground(database)
    case = ground.case(ground.conversation(ground.customer("林晓")))

    def reads() -> int:
        return len(ground.rows(audit, action="read", object=case))

    async def story() -> None:
        mei, jun = await front.two_agents()
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
        assert not ground.rows(audit, action="read", object="nothing")

    asyncio.run(story())


def test_a_page_that_only_reads_by_itself_is_logged_out_and_one_with_somebody_at_it_is_not(
    front: Front, clock: MovableClock
) -> None:
    async def story() -> tuple[int, int]:
        left, used = await front.two_agents()
        for _ in range(9):
            clock.move(15 * 60)
            await left.get("/api/desk/board")
            assert (await used.post("/api/desk/here")).status_code == 200
        return (await left.get("/api/desk/board")).status_code, (await used.get("/api/desk/board")).status_code

    assert asyncio.run(story()) == (401, 200)
