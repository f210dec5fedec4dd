"""The site over every record, with one customer whose case waits."""

from __future__ import annotations

import pytest
from front import Front
from ground import MovableClock
from seeding import Ground

from bot.stores.record.database import Database


@pytest.fixture
def ground(database: Database) -> Ground:
    return Ground(database)


@pytest.fixture
def front(database: Database, clock: MovableClock) -> Front:
    return Front(database, clock)


@pytest.fixture
def talk(ground: Ground) -> str:
    talk = ground.conversation(ground.customer("林晓"))
    ground.hears(talk, "能换新的吗？")
    return talk


@pytest.fixture
def case(ground: Ground, talk: str) -> str:
    return ground.case(talk)
