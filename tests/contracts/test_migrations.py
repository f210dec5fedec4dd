"""The tables that migrations make are the tables that the code knows: on SQLite and on PostgreSQL."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.stores.record.database import Database
from bot.stores.record.migrate import is_migrated, migrate
from bot.stores.record.tables import metadata


def test_migrating_leads_to_todays_tables(record_url: str) -> None:
    database = Database(record_url)
    migrate(database.engine)
    with database.engine.connect() as connection:
        assert is_migrated(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [one for one in compare_metadata(context, metadata) if "index" not in str(one[0])]
    database.close()
    assert differences == []
