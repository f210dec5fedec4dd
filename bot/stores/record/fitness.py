"""Whether a database can be the record, told before anything is done with it: rights, encoding, read-only servers and
files, and connections that a person has to mend. What only has to come back, like a server that restarts, is
Unavailable."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import DBAPIError

from bot.errors import Mistake, SettingError, Unavailable
from bot.files import Page
from bot.stores.record.database import code_of
from bot.stores.record.migrate import is_migrated
from bot.stores.record.tables import metadata

_KEY = ("record",)
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_LOOK = text("""
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


def refuse_unfit(engine: Engine, page: Page) -> None:
    """Raises SettingError for a database that cannot be the record as it is, and Unavailable where none answers."""
    try:
        with engine.begin() as connection:  # on SQLite this asks for the right to write
            mistake = _unfit(connection, page) if engine.dialect.name == "postgresql" else None
    except DBAPIError as refused:
        known = refusal(refused, page)
        raise (SettingError(known) if known else Unavailable(code_of(refused))) from refused
    if mistake:
        raise SettingError(mistake)


def _unfit(connection: Connection, page: Page) -> Mistake | None:
    about = connection.execute(_LOOK).one()
    user, base = _named(about.who), _named(about.base)
    if about.encoding != "UTF8":
        mend = f"make one: CREATE DATABASE {base} ENCODING 'UTF8' TEMPLATE template0;"
        return page.mistake(_KEY, f"the database is encoded as {about.encoding}, and texts need UTF8", mend)
    if about.standby:
        mend = "name the primary, or both and ?target_session_attrs=read-write"
        return page.mistake(_KEY, "this server is a standby that nobody can write to", mend)
    if about.read_only:
        mend = f"let it be written to: ALTER DATABASE {base} SET default_transaction_read_only = off;"
        return page.mistake(_KEY, "this database only lets itself be read", mend)
    if about.place is None:
        mend = f"make one: CREATE SCHEMA AUTHORIZATION {user};"
        return page.mistake(_KEY, f"there is no schema that user {about.who} may use", mend)
    return _without_rights(connection, page, about)


def _without_rights(connection: Connection, page: Page, about: Row[Any]) -> Mistake | None:
    user, place = _named(about.who), _named(about.place)
    tables = connection.execute(_TABLES, {"names": ["alembic_version", *metadata.tables]}).all()
    closed = next((table for table in tables if not table.usable), None)
    if closed is not None:
        mend = f"as the tables' owner: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {place} TO {user};"
        return page.mistake(_KEY, f"user {about.who} may not read and write the table {closed.name}", mend)
    if is_migrated(connection):
        return None
    strange = next((table for table in tables if not table.ours), None)
    if strange is not None:
        mend = f"let it: GRANT {_named(strange.owner)} TO {user};"
        return page.mistake(_KEY, f"the tables need an upgrade, and belong to user {strange.owner}", mend)
    if not about.makes_tables:
        mend = f"as the database's owner: GRANT USAGE, CREATE ON SCHEMA {place} TO {user};"
        return page.mistake(_KEY, f"user {about.who} may not make tables in the schema {about.place}", mend)
    return None


# By what the server, a pooler or the driver says: what is wrong, and the mend.
_REFUSALS = (
    (
        r"^unable to open database file",
        "the SQLite file cannot be opened",
        "make its folder, and let the user that runs Yingda write there",
    ),
    (
        r"^attempt to write a readonly database",
        "the SQLite file cannot be written to",
        "let the user that runs Yingda write to it and its folder",
    ),
    (
        r"^file is not a database|^database disk image is malformed",
        "the file is no SQLite database, or it is damaged",
        "move it away, and restore a backup: yingda restore FILE",
    ),
    (
        r'database "([^"]+)" does not exist|no such database: (\S+)|数据库 "([^"]+)" 不存在',
        "there is no database {name} on this server",
        "make it: CREATE DATABASE {quoted} ENCODING 'UTF8' TEMPLATE template0;",
    ),
    (
        r"permission denied for database|数据库.*权限不够",
        "this user may not connect to the database",
        "as its owner: GRANT CONNECT ON DATABASE ... TO ...;",
    ),
    (
        r"password authentication failed|no password supplied|SASL authentication failed|no such user"
        r'|role "[^"]+" does not exist|角色 "[^"]+" 不存在|认证失败|auth(?:entication)? failed',
        "the database refuses the user or the password",
        "check user and password (@ is written %40, / is written %2F)",
    ),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf",
        "the database lets this user not in from this machine",
        "add this machine, user and database to pg_hba.conf, or ?sslmode=require to the address",
    ),
    (
        r"statement pooling mode",
        "the pooler in front of the database takes transactions apart",
        "set pool_mode = transaction (or session) there",
    ),
    (
        r"unsupported startup parameter",
        "the pooler in front of the database takes no options",
        "take `options` out of the address, and set it there: ALTER ROLE ... SET search_path = ...;",
    ),
    (
        r"certificate verify failed|root certificate file|does not support SSL|SSL error|sslmode value",
        "the database's certificate is not trusted, or it does not speak TLS as asked",
        "check sslmode and sslrootcert in the address",
    ),
    (
        r"invalid connection option|invalid URI query|invalid connection string",
        "the address has an option that PostgreSQL does not know",
        "check what stands behind the ? in the address",
    ),
)


def refusal(refused: DBAPIError, page: Page) -> Mistake | None:
    """What a person mends where the server, or a pooler before it, refuses a connection; None if time may mend it.

    Of a connection that never came about the client knows nothing but the server's words, which may be Chinese.
    """
    said = str(refused.orig)
    for pattern, wrong, mend in _REFUSALS:
        if found := re.search(pattern, said):
            name = next(filter(None, found.groups()), "")
            return page.mistake(_KEY, wrong.format(name=name), mend.format(quoted=_named(name)))
    return None


def _named(name: str) -> str:
    """As SQL wants it."""
    return name if _PLAIN_NAME.fullmatch(name) else '"{}"'.format(name.replace('"', '""'))
