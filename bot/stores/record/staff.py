"""Who works here, and who is logged in. Passwords are argon2id; of a session's token only the hash is kept."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.cases import Role, Session, StaffMember
from bot.errors import Stale
from bot.stores.record.auditing import note_deed
from bot.stores.record.database import Database
from bot.stores.record.tables import sessions, staff
from bot.wording import new_id

_TOKEN_BYTES = 32


class Staff:
    """ports.StaffRoom on the record. `session_hours`: how long a login lasts."""

    def __init__(self, database: Database, session_hours: float, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._session_seconds = session_hours * 3600
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex())

    async def log_in(self, login: str, password: str) -> tuple[str, Session] | None:
        """An unknown login costs the same time as a known one: a password is verified either way."""
        row = await self._database.read(lambda connection: _by_login(connection, login))
        right = await asyncio.to_thread(self._is_right, row.password if row else self._nobody, password)
        if row is None or not right:
            return None
        member = _member(row)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        return token, await self._database.write(lambda connection: self._open(connection, member, token))

    def _is_right(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except VerificationError:
            return False

    def _open(self, connection: Connection, member: StaffMember, token: str) -> Session:
        now = self._database.now(connection)
        session = Session(member, secrets.token_urlsafe(_TOKEN_BYTES), now + self._session_seconds)
        kept = {"token": _hashed(token), "staff_id": member.id, "csrf": session.csrf, "until": session.until}
        connection.execute(delete(sessions).where(sessions.c.until < now))
        connection.execute(insert(sessions), [kept])
        note_deed(connection, member.id, "logged_in", now)
        return session

    async def by_session(self, token: str) -> Session | None:
        return await self._database.read(
            lambda connection: _session(connection, _hashed(token), self._database.now(connection))
        )

    async def log_out(self, token: str) -> None:
        def work(connection: Connection) -> None:
            now = self._database.now(connection)
            session = _session(connection, _hashed(token), now)
            connection.execute(delete(sessions).where(sessions.c.token == _hashed(token)))
            if session:
                note_deed(connection, session.staff.id, "logged_out", now)

        await self._database.write(work)

    async def add(self, login: str, name: str, role: Role, password: str) -> StaffMember:
        hashed = await asyncio.to_thread(self._hasher.hash, password)
        member = StaffMember(new_id(), login, name, role)

        def work(connection: Connection) -> StaffMember:
            now = self._database.now(connection)
            row = {"id": member.id, "login": login, "name": name, "role": role.value, "password": hashed, "at": now}
            connection.execute(insert(staff), [row])
            note_deed(connection, member.id, "added", now)
            return member

        try:
            return await self._database.write(work)
        except IntegrityError as taken:
            raise Stale("this login is taken") from taken

    async def disable(self, login: str) -> None:
        await self._change(login, "disabled", lambda now: {"disabled_at": now})

    async def give_password(self, login: str, password: str) -> None:
        hashed = await asyncio.to_thread(self._hasher.hash, password)
        await self._change(login, "password_given", lambda _now: {"password": hashed, "disabled_at": 0.0})

    async def _change(self, login: str, action: str, values: Callable[[float], Mapping[str, Any]]) -> None:
        """Every session ends with it."""

        def work(connection: Connection) -> None:
            now = self._database.now(connection)
            staff_id = connection.execute(select(staff.c.id).where(staff.c.login == login)).scalar()
            if staff_id is None:
                raise LookupError(login)
            connection.execute(update(staff).where(staff.c.id == staff_id).values(values(now)))
            connection.execute(delete(sessions).where(sessions.c.staff_id == staff_id))
            note_deed(connection, staff_id, action, now)

        await self._database.write(work)

    async def everybody(self) -> list[StaffMember]:
        return await self._database.read(_everybody)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _by_login(connection: Connection, login: str) -> Row[tuple[object, ...]] | None:
    return connection.execute(select(staff).where(staff.c.login == login, staff.c.disabled_at == 0)).first()


def _session(connection: Connection, token: str, now: float) -> Session | None:
    row = connection.execute(
        select(staff, sessions.c.csrf, sessions.c.until)
        .join(sessions, sessions.c.staff_id == staff.c.id)
        .where(sessions.c.token == token, sessions.c.until > now, staff.c.disabled_at == 0)
    ).first()
    return Session(_member(row), row.csrf, row.until) if row else None


def _everybody(connection: Connection) -> list[StaffMember]:
    rows = connection.execute(select(staff).where(staff.c.disabled_at == 0).order_by(staff.c.login))
    return [_member(row) for row in rows]


def _member(row: Row[tuple[object, ...]]) -> StaffMember:
    return StaffMember(row.id, row.login, row.name, Role(row.role))
