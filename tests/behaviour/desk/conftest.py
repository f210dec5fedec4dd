"""The site on SQLite and PostgreSQL, with one customer whose case waits."""

from __future__ import annotations

import pytest
from support.conversations import Seeder
from support.desk_site import DeskSite
from support.services import MovableClock

from bot.stores.sql.database import Database


@pytest.fixture
def seeder(database: Database) -> Seeder:
    return Seeder(database)


@pytest.fixture
def desk_site(database: Database, clock: MovableClock) -> DeskSite:
    return DeskSite(database, clock)


@pytest.fixture
def talk(seeder: Seeder) -> str:
    talk = seeder.conversation(seeder.customer("林晓"))
    seeder.hears(talk, "能换新的吗？")
    return talk


@pytest.fixture
def case(seeder: Seeder, talk: str) -> str:
    return seeder.case(talk)
