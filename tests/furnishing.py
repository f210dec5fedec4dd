"""What many tests need at once, and what makes no difference to what they tell: made in a fraction of the time."""

from __future__ import annotations

from argon2 import PasswordHasher
from sqlalchemy import Engine, inspect, text

from bot.stores.record import migrate
from bot.stores.record.tables import metadata

QUICK = PasswordHasher(time_cost=1, memory_cost=64)  # who tests passwords themselves takes the real one


def tables(engine: Engine) -> None:
    """Today's tables, as migrating makes them (tests/contracts/test_migrations.py), if there are none yet."""
    with engine.begin() as connection:
        if inspect(connection).has_table("alembic_version"):
            return
        metadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text(f"INSERT INTO alembic_version VALUES ('{migrate._revisions()[-1]}')"))
