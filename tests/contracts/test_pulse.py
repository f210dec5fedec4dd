"""A record that can be read and not written is noticed by trying, and told with its mend."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import fill, small_disk
from ground import MovableClock

from bot.commands.doctor import probes
from bot.config import load
from bot.doctor import examine, told
from bot.errors import Unavailable
from bot.stores.record.database import Database
from bot.stores.record.migrate import migrate
from bot.stores.record.pulse import TOLD_AGAIN, RecordPulse


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


def test_a_record_that_takes_what_is_written_answers(database: Database) -> None:
    async def looked() -> None:
        pulse = RecordPulse(database)
        await pulse.beat()
        await pulse.beat()
        await pulse.answers()

    asyncio.run(looked())


def test_a_full_disk_is_not_ready_is_told_once_a_minute_and_passes(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database, clock = Database(f"sqlite:///{disk / 'record.sqlite'}"), MovableClock()
    migrate(database.engine)
    pulse = RecordPulse(database, clock.now)

    async def looked() -> None:
        await pulse.beat()
        await pulse.answers()
        filling = fill(disk)
        for seconds in (0.0, 5.0, TOLD_AGAIN):
            clock.move(seconds)
            await pulse.beat()
        with pytest.raises(Unavailable, match="SQLITE_FULL"):
            await pulse.answers()
        filling.unlink()
        await pulse.beat()
        await pulse.answers()

    with caplog.at_level(logging.INFO):
        asyncio.run(looked())
    database.close()
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert "the disk is full (SQLITE_FULL). free some space there" in errors[0]
    assert "the record takes what is written again" in caplog.text


def test_the_doctor_writes_as_well_and_names_the_full_disk(disk: Path, tmp_path: Path) -> None:
    (disk / "var").mkdir()
    database = Database(f"sqlite:///{disk / 'var' / 'record.sqlite'}")
    migrate(database.engine)
    path = disk / "config.yaml"
    path.write_text("mode: demo\nsecret: demo-secret-for-tests\nlisten: {port: 0}\nsimulator: {port: 0}\n")
    fill(disk)
    found = asyncio.run(examine(lambda: load(path), probes, ""))
    database.close()
    assert "record: the disk is full\n    → free some space there" in told(found, "en")
    assert "磁盘已满" in told(found, "zh")
