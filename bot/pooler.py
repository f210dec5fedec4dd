"""Connections that may lead through a pooler, like PgBouncer in transaction mode.

Each transaction may then run on another connection of the server. What belongs to a session (prepared statements, SET,
LISTEN, advisory locks that outlast the transaction) is lost or met by strangers, so nothing here relies on it.
"""

from __future__ import annotations

from typing import Any

IN_UTF8 = {"client_encoding": "utf8"}
"""How psycopg connects: texts, whatever the server or PGCLIENTENCODING say; of SQL_ASCII it would make bytes."""


def do_without_session(connection: Any, _record: Any = None) -> None:
    """Let a fresh psycopg connection prepare no statements if a pooler is in between. For SQLAlchemy's event `connect`.

    A pooler answers the start of a connection itself, with a backend number of its own making; the server's own number
    is then another one.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.rollback()
    if row[0] != connection.info.backend_pid:
        connection.prepare_threshold = None
