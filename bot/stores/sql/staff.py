"""Staff logins (argon2id), their sessions, and customers' one-time codes.

Of session tokens and codes only hashes are stored.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.access.credentials import normalize_login
from bot.domain.cases import AuditAction, Role, Session, StaffMember
from bot.domain.messages import Instant
from bot.domain.turns import CodeKept
from bot.errors import Refused, Stale
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import add_audit_entry
from bot.stores.sql.schema import codes, sessions, staff
from bot.stores.sql.statements import upsert
from bot.text import new_id

TOKEN_BYTES = 32
TOUCH_EVERY = 60.0  # seconds between two writes of a session's last use: not every page view should write
HASHES_AT_ONCE = 2  # argon2id takes one core and 64 MB each time
HASH_TIMEOUT = 5.0  # seconds a login waits for its turn to hash before it gets 429
IDLE_MINUTES = 120.0
_MADE: Mapping[Role, AuditAction] = {
    Role.AGENT: "made_agent",
    Role.LEAD: "made_lead",
    Role.EDITOR: "made_editor",
    Role.ADMIN: "made_admin",
}


@dataclass(frozen=True, slots=True)
class SessionLifetime:
    total: float  # seconds from login to the end, however much it is used
    idle: float  # seconds without use after which it ends earlier


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A session that has not ended."""

    session: Session
    stale: bool  # its last use is due to be written: see TOUCH_EVERY


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def open_session(
    connection: Connection, member: StaffMember, token: str, now: Instant, lifetime: SessionLifetime
) -> Session:
    """Insert a session for `token` and delete the expired ones."""
    session = Session(member, secrets.token_urlsafe(TOKEN_BYTES), now + lifetime.total)
    kept = {"token": hashed(token), "staff_id": member.id, "csrf": session.csrf, "until": session.until}
    connection.execute(delete(sessions).where((sessions.c.until < now) | (sessions.c.seen_at < now - lifetime.idle)))
    connection.execute(insert(sessions), [kept | {"seen_at": now}])
    add_audit_entry(connection, member.id, "logged_in", now)
    return session


def find_session(connection: Connection, token: str, now: Instant, lifetime: SessionLifetime) -> FoundSession | None:
    row = connection.execute(
        select(staff, sessions.c.csrf, sessions.c.until, sessions.c.seen_at)
        .join(sessions, sessions.c.staff_id == staff.c.id)
        .where(sessions.c.token == hashed(token), sessions.c.until > now, staff.c.disabled_at == 0)
        .where(sessions.c.seen_at > now - lifetime.idle)
    ).first()
    return FoundSession(Session(member_of(row), row.csrf, row.until), now - row.seen_at >= TOUCH_EVERY) if row else None


def touch_session(connection: Connection, token: str, now: Instant) -> None:
    connection.execute(update(sessions).where(sessions.c.token == hashed(token)).values(seen_at=now))


def end_session(connection: Connection, token: str, now: Instant) -> None:
    """No effect if it has ended already."""
    holder = connection.execute(select(sessions.c.staff_id).where(sessions.c.token == hashed(token))).scalar()
    if holder is not None:
        connection.execute(delete(sessions).where(sessions.c.token == hashed(token)))
        add_audit_entry(connection, holder, "logged_out", now)


def end_sessions_of(connection: Connection, staff_id: str, but: str = "") -> None:
    """End all sessions of the login, except the one with the token `but`."""
    connection.execute(delete(sessions).where(sessions.c.staff_id == staff_id, sessions.c.token != hashed(but)))


def member_of(row: Row[Any]) -> StaffMember:
    return StaffMember(row.id, row.login, row.name, Role(row.role))


class SqlStaff:
    """ports.StaffDirectory on SQL. session_hours, idle_minutes: see SessionLifetime."""

    def __init__(
        self,
        database: Database,
        session_hours: float,
        hasher: PasswordHasher | None = None,
        idle_minutes: float = IDLE_MINUTES,
    ) -> None:
        self._database = database
        self._lifetime = SessionLifetime(session_hours * 3600, idle_minutes * 60)
        self._hasher = hasher or PasswordHasher()
        self._no_password = self._hasher.hash(secrets.token_hex())  # compared with where a login does not exist
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)

    async def log_in(self, login: str, password: str, instead_of: str = "") -> tuple[str, Session] | None:
        """Open a session and end that of the token `instead_of`; None for a wrong login or password."""
        row = await self._database.read(lambda connection: _by_login(connection, login))
        known = row is not None and row.disabled_at == 0
        # Verified for unknown logins too: the response time must not tell which logins exist.
        right = await self._verified(row.password if row is not None and known else self._no_password, password)
        if row is None or not known or not right:
            return None
        member, token = member_of(row), secrets.token_urlsafe(TOKEN_BYTES)

        def work(connection: Connection) -> Session:
            now = self._database.now(connection)
            end_session(connection, instead_of, now)
            return open_session(connection, member, token, now, self._lifetime)

        return token, await self._database.write(work)

    async def id_of(self, login: str) -> str:
        row = await self._database.read(lambda connection: _by_login(connection, login))
        return row.id if row else ""

    async def find_session(self, token: str, active: bool = True) -> Session | None:
        found = await self._database.read(
            lambda connection: find_session(connection, token, self._database.now(connection), self._lifetime)
        )
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
        """Change the password and end the other sessions; False if `current` is wrong or no longer the password."""
        session = await self.find_session(token)
        if session is None:
            return False
        member = session.staff
        stored = select(staff.c.password).where(staff.c.id == member.id)
        kept = await self._database.read(lambda connection: str(connection.execute(stored).scalar_one()))
        if not await self._verified(kept, current):
            return False
        hashed = await self._hashed(new)

        def work(connection: Connection) -> bool:
            now, this = self._database.now(connection), (staff.c.id == member.id, staff.c.password == kept)
            if not connection.execute(update(staff).where(*this).values(password=hashed)).rowcount:
                return False
            end_sessions_of(connection, member.id, but=token)
            add_audit_entry(connection, member.id, "password_changed", now)
            return True

        return await self._database.write(work)

    async def add(self, login: str, name: str, role: Role, password: str) -> StaffMember:
        hashed = await self._hashed(password)
        member = StaffMember(new_id(), normalize_login(login), name, role)

        def work(connection: Connection) -> StaffMember:
            now = self._database.now(connection)
            if _by_login(connection, login):
                raise Stale("this login is taken")
            row = {"id": member.id, "login": member.login, "name": name, "role": role.value}
            connection.execute(insert(staff), [row | {"password": hashed, "at": now}])
            add_audit_entry(connection, member.id, "added", now)
            return member

        try:
            return await self._database.write(work)
        except IntegrityError as taken:
            raise Stale("this login is taken") from taken

    async def set_role(self, login: str, role: Role) -> None:
        await self._change(login, _MADE[role], lambda _now: {"role": role.value}, ends_sessions=False)

    async def disable(self, login: str) -> None:
        await self._change(login, "disabled", lambda now: {"disabled_at": now})

    async def end_sessions(self, login: str) -> None:
        """End all sessions of the login, which may log in again. Raises LookupError for an unknown login."""
        await self._change(login, "sessions_ended", lambda _now: {})

    async def set_password(self, login: str, password: str) -> None:
        hashed = await self._hashed(password)
        await self._change(login, "password_given", lambda _now: {"password": hashed, "disabled_at": 0.0})

    async def _change(
        self,
        login: str,
        action: AuditAction,
        values: Callable[[float], Mapping[str, Any]],
        *,
        ends_sessions: bool = True,
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
            add_audit_entry(connection, row.id, action, now)

        await self._database.write(work)

    async def active_staff(self) -> list[StaffMember]:
        enabled = select(staff).where(staff.c.disabled_at == 0).order_by(staff.c.login)
        return await self._database.read(lambda connection: [member_of(row) for row in connection.execute(enabled)])

    async def _verified(self, kept: str, password: str) -> bool:
        async with self._hashing_slot():
            return await asyncio.to_thread(is_password, self._hasher, kept, password)

    async def _hashed(self, password: str) -> str:
        async with self._hashing_slot():
            return await asyncio.to_thread(self._hasher.hash, password)

    @asynccontextmanager
    async def _hashing_slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(HASH_TIMEOUT):
                await self._hashing.acquire()
        except TimeoutError as crowded:
            raise Refused(429, "busy") from crowded
        try:
            yield
        finally:
            self._hashing.release()


def is_password(hasher: PasswordHasher, kept: str, password: str) -> bool:
    """Whether `kept` is the argon2id hash of this password. Slow: not for the event loop."""
    try:
        return hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


def _by_login(connection: Connection, login: str) -> Row[Any] | None:
    """The row of a login, compared without case and width (`plain_login`).

    Old versions accepted logins that differ only in case: then the exact spelling wins.
    """
    rows = list(connection.execute(select(staff)))
    exactly = [row for row in rows if row.login == login.strip()]
    folded = [row for row in rows if normalize_login(row.login) == normalize_login(login)]
    return next(iter(exactly + folded), None)


class SqlOneTimeCodes:
    """ports.OneTimeCodeStore on SQL. Every method raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issued(self, identity_id: str, member_id: str | None, since: Instant) -> int:
        return await self._database.read(lambda connection: _issued(connection, identity_id, member_id, since))

    async def issue(self, key: str, identity_id: str, member_id: str | None, code_hash: str, until: Instant) -> bool:
        row = {"id": key, "identity_id": identity_id, "member_id": member_id, "hash": code_hash, "until": until}

        def work(connection: Connection) -> bool:
            new = {**row, "at": self._database.now(connection)}
            issue = upsert(connection, codes).on_conflict_do_nothing()
            return connection.execute(issue.returning(codes.c.id), new).first() is not None

        return await self._database.write(work)

    async def current(self, identity_id: str) -> CodeKept | None:
        return await self._database.read(lambda connection: _current(connection, identity_id))


def _issued(connection: Connection, identity_id: str, member_id: str | None, since: Instant) -> int:
    by_identity = _count(connection, codes.c.identity_id == identity_id, since)
    return (
        by_identity
        if member_id is None
        else max(by_identity, _count(connection, codes.c.member_id == member_id, since))
    )


def _count(connection: Connection, whose: ColumnElement[bool], since: Instant) -> int:
    return connection.execute(select(func.count()).select_from(codes).where(whose, codes.c.at > since)).scalar_one()


def _current(connection: Connection, identity_id: str) -> CodeKept | None:
    """The newest code if it is unused. Older codes never count: a new code replaces them."""
    newest = (
        select(codes).where(codes.c.identity_id == identity_id).order_by(codes.c.at.desc(), codes.c.id.desc()).limit(1)
    )
    row = connection.execute(newest).first()
    if row is None or row.used_at > 0:
        return None
    return CodeKept(row.id, row.member_id, row.hash, row.attempts, row.until)
