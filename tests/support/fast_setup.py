"""Makes the tables of an empty database in a fraction of the time that migrating takes."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from sqlalchemy import Connection, Engine, create_mock_engine, inspect, make_url, text
from sqlalchemy.engine.mock import MockConnection

from bot.stores.sql import migrate
from bot.stores.sql.schema import metadata

QUICK = PasswordHasher(time_cost=1, memory_cost=64)  # who tests passwords themselves takes the real one


@cache
def _statements(dialect: str) -> tuple[str, ...]:
    """What makes today's tables. Compiling it takes longer than running it."""
    made: list[str] = []
    written: MockConnection = create_mock_engine(
        make_url(f"{dialect}://"), lambda sql, *_, **__: made.append(str(sql.compile(dialect=written.dialect)))
    )
    metadata.create_all(written, checkfirst=False)
    return tuple(made)


def create_tables(connection: Connection) -> None:
    """Today's tables in an empty database."""
    statements = _statements(f"{connection.dialect.name}+{connection.dialect.driver}")
    # PostgreSQL takes all of them in one round trip; SQLite's driver takes one statement at a time.
    for statement in statements if connection.dialect.name == "sqlite" else [";".join(statements)]:
        connection.exec_driver_sql(statement)


def tables(engine: Engine) -> None:
    """Today's tables, as migrating makes them (tests/contracts/test_migrations.py), if there are none yet."""
    with engine.begin() as connection:
        if inspect(connection).has_table("alembic_version"):
            return
        create_tables(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text(f"INSERT INTO alembic_version VALUES ('{migrate.revisions()[-1]}')"))
