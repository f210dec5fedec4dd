"""Bringing a record's tables to today's shape, before any worker starts.

Alembic is imported by those who migrate: it and what it brings along are 10 MB that no worker needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from bot.errors import Mistake, SettingError
from bot.stores.record.database import reached

if TYPE_CHECKING:  # half a second to load, and seldom needed
    from alembic.config import Config

_HERE = Path(__file__).parent / "migrations"
_LOCK = 8_246_113  # any number, the same in every process: one migrates, the others wait


def migrate(engine: Engine, secret: str = "") -> None:
    """Upgrade to the newest version; does nothing where it is there already. Raises SettingError for a newer one, and
    Unavailable.

    secret: the deployment's, which old receipts are sealed with.
    """
    with reached(), engine.begin() as connection:
        if is_migrated(connection):
            return
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        if (there := revision_of(connection)) and not knows(there):
            mend = "run the Yingda that made it, or a later one; or restore a backup into an empty record"
            raise SettingError(Mistake("record", 0, "schema", f"{there} was made by a newer Yingda", mend))
        upgrade(connection, secret=secret)


def upgrade(connection: Connection, revision: str = "head", secret: str = "") -> None:
    """The same within a transaction of the caller's, up to `revision`."""
    from alembic import command

    settings = _settings()
    settings.attributes |= {"connection": connection, "secret": secret}
    command.upgrade(settings, revision)


def revision_of(connection: Connection) -> str:
    """The version of the tables that are there; '' if there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def knows(revision: str) -> bool:
    """Whether this program knows how tables of that version came about."""
    return revision in _revisions()


def is_migrated(connection: Connection) -> bool:
    """Whether the tables have the newest shape."""
    return revision_of(connection) == _revisions()[-1]


def _revisions() -> list[str]:
    """Oldest first; a step's file begins with its revision."""
    return sorted(path.name.split("_")[0] for path in (_HERE / "versions").glob("[0-9]*.py"))


def _settings() -> Config:
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(_HERE))
    return settings
