"""The record on every backend, living by the test's own clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ground import REDIS, MovableClock, missing, postgres_schema

from bot.stores.record.database import Database
from bot.stores.record.tables import metadata

__all__ = ["REDIS", "MovableClock", "missing"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def record_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database's URL, once for each kind of record."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'record.sqlite'}"
    else:
        yield from postgres_schema()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def database(record_url: str, clock: MovableClock) -> Iterator[Database]:
    """A record with its tables, on SQLite and on PostgreSQL, that lives by the test's clock."""
    record = Database(record_url, clock.now)
    with record.engine.begin() as connection:
        metadata.create_all(connection)
    yield record
    record.close()
