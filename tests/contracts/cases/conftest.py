"""A customer whose headphones are silent, and the case about them, on every record."""

from __future__ import annotations

import pytest
from case_stage import Desk, desk_on

from bot.stores.record.database import Database


@pytest.fixture
def desk(database: Database) -> Desk:
    return desk_on(database)


@pytest.fixture
def talk(desk: Desk) -> str:
    talk = desk.ground.conversation(desk.ground.customer())
    desk.ground.hears(talk, "耳机左边没声音了")
    return talk


@pytest.fixture
def case(desk: Desk, talk: str) -> str:
    return desk.ground.case(talk)
