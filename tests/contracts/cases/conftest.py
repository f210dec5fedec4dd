"""A customer whose headphones are silent, and the case about them, on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest
from support.cases import Desk, desk_on

from bot.stores.sql.database import Database


@pytest.fixture
def desk(database: Database) -> Desk:
    return desk_on(database)


@pytest.fixture
def talk(desk: Desk) -> str:
    talk = desk.seeder.conversation(desk.seeder.customer())
    desk.seeder.hears(talk, "耳机左边没声音了")
    return talk


@pytest.fixture
def case(desk: Desk, talk: str) -> str:
    return desk.seeder.case(talk)
