"""Sessions as rows: opened, looked at, ended. Of a session's token only the hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from bot.cases import Role, Session, StaffMember
from bot.messages import Instant
from bot.stores.record.auditing import note_deed
from bot.stores.record.tables import sessions, staff

TOKEN_BYTES = 32
TOUCH = 60.0  # seconds in which a session that is used is written down as used at most once


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long a session lasts at most, and how long with nobody at it, in seconds."""

    whole: float
    idle: float


@dataclass(frozen=True, slots=True)
class Found:
    """A session that is good. stale: it is time to write down that it is used."""

    session: Session
    stale: bool


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def open_session(connection: Connection, member: StaffMember, token: str, now: Instant, lasting: Lasting) -> Session:
    """Those that are over are thrown away with it."""
    session = Session(member, secrets.token_urlsafe(TOKEN_BYTES), now + lasting.whole)
    kept = {"token": hashed(token), "staff_id": member.id, "csrf": session.csrf, "until": session.until}
    connection.execute(delete(sessions).where((sessions.c.until < now) | (sessions.c.seen_at < now - lasting.idle)))
    connection.execute(insert(sessions), [kept | {"seen_at": now}])
    note_deed(connection, member.id, "logged_in", now)
    return session


def find_session(connection: Connection, token: str, now: Instant, lasting: Lasting) -> Found | None:
    row = connection.execute(
        select(staff, sessions.c.csrf, sessions.c.until, sessions.c.seen_at)
        .join(sessions, sessions.c.staff_id == staff.c.id)
        .where(sessions.c.token == hashed(token), sessions.c.until > now, staff.c.disabled_at == 0)
        .where(sessions.c.seen_at > now - lasting.idle)
    ).first()
    return Found(Session(member_of(row), row.csrf, row.until), now - row.seen_at >= TOUCH) if row else None


def touch_session(connection: Connection, token: str, now: Instant) -> None:
    connection.execute(update(sessions).where(sessions.c.token == hashed(token)).values(seen_at=now))


def end_session(connection: Connection, token: str, now: Instant) -> None:
    """Nothing, if it has ended already."""
    holder = connection.execute(select(sessions.c.staff_id).where(sessions.c.token == hashed(token))).scalar()
    if holder is not None:
        connection.execute(delete(sessions).where(sessions.c.token == hashed(token)))
        note_deed(connection, holder, "logged_out", now)


def end_sessions_of(connection: Connection, staff_id: str, but: str = "") -> None:
    """All of somebody's, except the one with the token `but`."""
    connection.execute(delete(sessions).where(sessions.c.staff_id == staff_id, sessions.c.token != hashed(but)))


def member_of(row: Row[Any]) -> StaffMember:
    return StaffMember(row.id, row.login, row.name, Role(row.role))
