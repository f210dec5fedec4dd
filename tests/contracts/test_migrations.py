"""Migrations make exactly the tables of the schema, on SQLite and PostgreSQL."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.stores.sql.database import Database
from bot.stores.sql.migrate import is_migrated, migrate
from bot.stores.sql.schema import metadata


def test_migrations_make_the_tables_of_the_schema(database_url: str) -> None:
    database = Database(database_url)
    migrate(database.engine)
    with database.engine.connect() as connection:
        assert is_migrated(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [one for one in compare_metadata(context, metadata) if "index" not in str(one[0])]
    database.close()
    assert differences == []
