"""A database that can be read but not written is detected by writing, and reported with its solution."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.services import MovableClock
from support.small_disk import fill, small_disk

from bot.cli.doctor import probes
from bot.config import load
from bot.doctor import as_lines, examine
from bot.errors import Unavailable
from bot.stores.sql.database import LOG_EVERY, Database, DatabaseWriteCheck
from bot.stores.sql.migrate import migrate


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


def test_a_writable_database_answers(database: Database) -> None:
    async def looked() -> None:
        pulse = DatabaseWriteCheck(database)
        await pulse.beat()
        await pulse.beat()
        await pulse.answers()

    asyncio.run(looked())


def test_a_full_disk_is_not_ready_and_is_logged_once_a_minute(disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    database, clock = Database(f"sqlite:///{disk / 'record.sqlite'}"), MovableClock()
    migrate(database.engine)
    pulse = DatabaseWriteCheck(database, clock.now)

    async def looked() -> None:
        await pulse.beat()
        await pulse.answers()
        filling = fill(disk)
        for seconds in (0.0, 5.0, LOG_EVERY):
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
    assert "the database can be written again" in caplog.text


def test_doctor_names_a_full_disk(disk: Path, tmp_path: Path) -> None:
    (disk / "var").mkdir()
    database = Database(f"sqlite:///{disk / 'var' / 'record.sqlite'}")
    migrate(database.engine)
    path = disk / "config.yaml"
    path.write_text("mode: demo\nsecret: demo-secret-for-tests\nlisten: {port: 0}\nsimulator: {port: 0}\n")
    fill(disk)
    found = asyncio.run(examine(lambda: load(path), probes, ""))
    database.close()
    assert "database: the disk is full\n    → free some space there" in as_lines(found, "en")
    assert "磁盘已满" in as_lines(found, "zh")
