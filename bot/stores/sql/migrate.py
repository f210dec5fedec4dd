"""Makes a database ready before any worker starts: checks what it allows, then creates and upgrades the tables.

The checks find missing rights, wrong encodings, read-only servers and files. What a person has to correct is a
SettingError that names the statement to run; what passes by itself, such as a server that restarts, is Unavailable.
Alembic is imported within functions: it takes half a second and 10 MB, and most processes never migrate.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, inspect, text
from sqlalchemy.exc import DBAPIError

from bot.errors import ConfigProblem, SettingError, Unavailable
from bot.stores.sql.database import code_of, reached
from bot.stores.sql.schema import metadata
from bot.yaml_files import SourceFile

_HERE = Path(__file__).parent / "migrations"
_LOCK = 8_246_113  # key of a PostgreSQL advisory lock: one process migrates, the others wait. The number is arbitrary


def migrate(engine: Engine, secret: str = "") -> None:
    """Upgrade to the newest version. Raises SettingError if the tables are newer than this program, and Unavailable.

    secret: the deployment's, with which receipts from before migration 0008 are sealed.
    """
    with reached(), engine.begin() as connection:
        if is_migrated(connection):
            return
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        if (there := revision_of(connection)) and not is_known(there):
            raise SettingError(ConfigProblem.of("database", 0, "schema", "storage.newer", revision=there))
        upgrade(connection, secret=secret)


def upgrade(connection: Connection, revision: str = "head", secret: str = "") -> None:
    """Upgrade to `revision` within the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(_HERE))
    settings.attributes |= {"connection": connection, "secret": secret}
    command.upgrade(settings, revision)


def revision_of(connection: Connection) -> str:
    """The version of the existing tables; '' if there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def is_known(revision: str) -> bool:
    """Whether this program has the migration that makes tables of that version."""
    return revision in revisions()


def is_migrated(connection: Connection) -> bool:
    """Whether the tables have the newest version."""
    return revision_of(connection) == revisions()[-1]


def revisions() -> list[str]:
    """All revisions, oldest first. A migration's file name begins with its revision."""
    return sorted(path.name.split("_")[0] for path in (_HERE / "versions").glob("[0-9]*.py"))


_KEY = ("database",)
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_ABOUT_SERVER = text("""
    SELECT current_user AS who, current_database() AS base, current_schema() AS place,
        pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS read_only,
        current_setting('server_encoding') AS encoding,
        coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS makes_tables
""")
_TABLES = text("""
    SELECT c.relname AS name, pg_get_userbyid(c.relowner) AS owner, pg_has_role(c.relowner, 'USAGE') AS ours,
        has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
            AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE') AS usable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relname = ANY(:names) ORDER BY c.relname
""")


def refuse_unfit(engine: Engine, page: SourceFile) -> None:
    """Raises SettingError for a database that cannot be used as it is, and Unavailable if none answers.

    page: config.yaml, for the line that the error names.
    """
    try:
        with engine.begin() as connection:  # on SQLite this asks for the right to write
            problem = _problem_of(connection, page) if engine.dialect.name == "postgresql" else None
    except DBAPIError as refused:
        known = refusal(refused, page)
        raise (SettingError(known) if known else Unavailable(code_of(refused))) from refused
    if problem:
        raise SettingError(problem)


def _problem_of(connection: Connection, page: SourceFile) -> ConfigProblem | None:
    about = connection.execute(_ABOUT_SERVER).one()
    user, base = _quoted(about.who), _quoted(about.base)
    if about.encoding != "UTF8":
        statement = f"DATABASE {base} ENCODING 'UTF8' TEMPLATE template0;"
        return page.problem(_KEY, "storage.encoding", encoding=about.encoding, statement=statement)
    if about.standby:
        return page.problem(_KEY, "storage.standby")
    if about.read_only:
        statement = f"ALTER DATABASE {base} SET default_transaction_read_only = off;"
        return page.problem(_KEY, "storage.read_only", statement=statement)
    if about.place is None:
        return page.problem(_KEY, "storage.no_schema", user=about.who, statement=f"SCHEMA AUTHORIZATION {user};")
    return _without_rights(connection, page, about)


def _without_rights(connection: Connection, page: SourceFile, about: Row[Any]) -> ConfigProblem | None:
    user, place = _quoted(about.who), _quoted(about.place)
    tables = connection.execute(_TABLES, {"names": ["alembic_version", *metadata.tables]}).all()
    closed = next((table for table in tables if not table.usable), None)
    if closed is not None:
        grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {place} TO {user};"
        return page.problem(_KEY, "storage.no_table_rights", user=about.who, table=closed.name, statement=grant)
    if is_migrated(connection):
        return None
    strange = next((table for table in tables if not table.ours), None)
    if strange is not None:
        grant = f"GRANT {_quoted(strange.owner)} TO {user};"
        return page.problem(_KEY, "storage.foreign_tables", owner=strange.owner, statement=grant)
    if not about.makes_tables:
        grant = f"GRANT USAGE, CREATE ON SCHEMA {place} TO {user};"
        return page.problem(_KEY, "storage.no_create_rights", user=about.who, schema=about.place, statement=grant)
    return None


# (pattern of the message, problem code, statement that solves it) for messages of the server, a pooler or the driver.
# Before a connection exists there are no SQLSTATE codes, and the text is in the server's language: English or Chinese.
_REFUSALS = (
    (r"^unable to open database file", "storage.sqlite_cannot_open", ""),
    (r"^attempt to write a readonly database", "storage.sqlite_not_written", ""),
    (r"^file is not a database|^database disk image is malformed", "storage.sqlite_damaged", ""),
    (
        r'database "([^"]+)" does not exist|no such database: (\S+)|数据库 "([^"]+)" 不存在',
        "storage.no_such_database",
        "DATABASE {quoted} ENCODING 'UTF8' TEMPLATE template0;",
    ),
    (
        r"permission denied for database|数据库.*权限不够",
        "storage.no_connect_right",
        "GRANT CONNECT ON DATABASE ... TO ...;",
    ),
    (
        r"password authentication failed|no password supplied|SASL authentication failed|no such user"
        r'|role "[^"]+" does not exist|角色 "[^"]+" 不存在|认证失败|auth(?:entication)? failed',
        "storage.wrong_password",
        "",
    ),
    (r"no pg_hba\.conf entry|pg_hba\.conf", "storage.not_from_here", ""),
    (r"statement pooling mode", "storage.statement_pooling", ""),
    (r"unsupported startup parameter", "storage.pooler_options", ""),
    (
        r"certificate verify failed|root certificate file|does not support SSL|SSL error|sslmode value",
        "storage.certificate",
        "",
    ),
    (r"invalid connection option|invalid URI query|invalid connection string", "storage.unknown_option", ""),
)


def refusal(refused: DBAPIError, page: SourceFile) -> ConfigProblem | None:
    """What a person has to correct if the server or a pooler refuses a connection; None if it may pass by itself."""
    said = str(refused.orig)
    for pattern, code, statement in _REFUSALS:
        if found := re.search(pattern, said):
            name = next(filter(None, found.groups()), "")
            return page.problem(_KEY, code, name=name, statement=statement.format(quoted=_quoted(name)))
    return None


def _quoted(name: str) -> str:
    """An SQL identifier, quoted if needed."""
    return name if _PLAIN_NAME.fullmatch(name) else '"{}"'.format(name.replace('"', '""'))
