"""Bringing a record's tables to today's shape, before any worker starts."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

_HERE = Path(__file__).parent / "migrations"
_LOCK = 8_246_113  # any number, the same in every process: one migrates, the others wait


def migrate(engine: Engine) -> None:
    """Upgrade to the newest version; does nothing where it is there already."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        settings = _settings()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def is_migrated(connection: Connection) -> bool:
    """Whether the tables have the newest shape."""
    newest = ScriptDirectory.from_config(_settings()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == newest


def _settings() -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(_HERE))
    return settings
