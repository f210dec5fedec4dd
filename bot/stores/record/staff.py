"""Who works here, and who is logged in. Passwords are argon2id."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.cases import Role, Session, StaffMember
from bot.errors import Refused, Stale
from bot.logins import plain_login
from bot.stores.record.auditing import note_deed
from bot.stores.record.database import Database
from bot.stores.record.sessions import (
    TOKEN_BYTES,
    Found,
    Lasting,
    end_session,
    end_sessions_of,
    find_session,
    member_of,
    open_session,
    touch_session,
)
from bot.stores.record.tables import staff
from bot.wording import new_id

AT_ONCE = 2  # passwords hashed at the same time: each takes a core and 64 MB for a while
PATIENCE = 5.0  # seconds in which it must be somebody's turn
IDLE_MINUTES = 120.0


class Staff:
    """ports.StaffRoom on the record. session_hours: how long a login lasts; idle_minutes: with nobody at it."""

    def __init__(
        self,
        database: Database,
        session_hours: float,
        hasher: PasswordHasher | None = None,
        idle_minutes: float = IDLE_MINUTES,
    ) -> None:
        self._database = database
        self._lasting = Lasting(session_hours * 3600, idle_minutes * 60)
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex())
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def log_in(self, login: str, password: str, instead_of: str = "") -> tuple[str, Session] | None:
        """An unknown login costs the same time as a known one: a password is verified either way."""
        row = await self._database.read(lambda connection: _by_login(connection, login))
        known = row is not None and row.disabled_at == 0
        right = await self._verified(row.password if row is not None and known else self._nobody, password)
        if row is None or not known or not right:
            return None
        member, token = member_of(row), secrets.token_urlsafe(TOKEN_BYTES)

        def work(connection: Connection) -> Session:
            now = self._database.now(connection)
            end_session(connection, instead_of, now)
            return open_session(connection, member, token, now, self._lasting)

        return token, await self._database.write(work)

    async def id_of(self, login: str) -> str:
        row = await self._database.read(lambda connection: _by_login(connection, login))
        return row.id if row else ""

    async def by_session(self, token: str, active: bool = True) -> Session | None:
        found = await self._database.read(lambda connection: self._found(connection, token))
        if found is None:
            return None
        if active and found.stale:
            await self._database.write(
                lambda connection: touch_session(connection, token, self._database.now(connection))
            )
        return found.session

    async def log_out(self, token: str) -> None:
        await self._database.write(lambda connection: end_session(connection, token, self._database.now(connection)))

    async def change_password(self, token: str, current: str, new: str) -> bool:
        """Written only if the password is still the one that was verified."""
        session = await self.by_session(token)
        if session is None:
            return False
        member = session.staff
        kept = await self._database.read(lambda connection: _password_of(connection, member.id))
        if not await self._verified(kept, current):
            return False
        hashed = await self._hashed(new)

        def work(connection: Connection) -> bool:
            now, this = self._database.now(connection), (staff.c.id == member.id, staff.c.password == kept)
            if not connection.execute(update(staff).where(*this).values(password=hashed)).rowcount:
                return False
            end_sessions_of(connection, member.id, but=token)
            note_deed(connection, member.id, "password_changed", now)
            return True

        return await self._database.write(work)

    async def add(self, login: str, name: str, role: Role, password: str) -> StaffMember:
        hashed = await self._hashed(password)
        member = StaffMember(new_id(), plain_login(login), name, role)

        def work(connection: Connection) -> StaffMember:
            now = self._database.now(connection)
            if _by_login(connection, login):
                raise Stale("this login is taken")
            row = {"id": member.id, "login": member.login, "name": name, "role": role.value}
            connection.execute(insert(staff), [row | {"password": hashed, "at": now}])
            note_deed(connection, member.id, "added", now)
            return member

        try:
            return await self._database.write(work)
        except IntegrityError as taken:
            raise Stale("this login is taken") from taken

    async def give_role(self, login: str, role: Role) -> None:
        await self._change(login, f"made_{role.value}", lambda _now: {"role": role.value}, ends_sessions=False)

    async def disable(self, login: str) -> None:
        await self._change(login, "disabled", lambda now: {"disabled_at": now})

    async def end_sessions(self, login: str) -> None:
        """Ends all of somebody's sessions; they may log in again. Raises LookupError if nobody has the login."""
        await self._change(login, "sessions_ended", lambda _now: {})

    async def give_password(self, login: str, password: str) -> None:
        hashed = await self._hashed(password)
        await self._change(login, "password_given", lambda _now: {"password": hashed, "disabled_at": 0.0})

    async def _change(
        self, login: str, action: str, values: Callable[[float], Mapping[str, Any]], *, ends_sessions: bool = True
    ) -> None:
        def work(connection: Connection) -> None:
            now = self._database.now(connection)
            row = _by_login(connection, login)
            if row is None:
                raise LookupError(login)
            if changed := values(now):
                connection.execute(update(staff).where(staff.c.id == row.id).values(changed))
            if ends_sessions:
                end_sessions_of(connection, row.id)
            note_deed(connection, row.id, action, now)

        await self._database.write(work)

    async def everybody(self) -> list[StaffMember]:
        return await self._database.read(_everybody)

    def _found(self, connection: Connection, token: str) -> Found | None:
        return find_session(connection, token, self._database.now(connection), self._lasting)

    async def _verified(self, kept: str, password: str) -> bool:
        async with self._turn():
            return await asyncio.to_thread(is_password, self._hasher, kept, password)

    async def _hashed(self, password: str) -> str:
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, password)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._turns.acquire()
        except TimeoutError as crowded:
            raise Refused(429, "busy") from crowded
        try:
            yield
        finally:
            self._turns.release()


def is_password(hasher: PasswordHasher, kept: str, password: str) -> bool:
    """Whether `kept` is the hash of this password. Takes a core and 64 MB for a while."""
    try:
        return hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


def _by_login(connection: Connection, login: str) -> Row[Any] | None:
    """Of two that differ in their writing alone, made when that was possible, the one that is written so."""
    rows = list(connection.execute(select(staff)))
    exactly = [row for row in rows if row.login == login.strip()]
    folded = [row for row in rows if plain_login(row.login) == plain_login(login)]
    return next(iter(exactly + folded), None)


def _password_of(connection: Connection, staff_id: str) -> str:
    return str(connection.execute(select(staff.c.password).where(staff.c.id == staff_id)).scalar_one())


def _everybody(connection: Connection) -> list[StaffMember]:
    rows = connection.execute(select(staff).where(staff.c.disabled_at == 0).order_by(staff.c.login))
    return [member_of(row) for row in rows]
