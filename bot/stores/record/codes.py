"""One-time codes in the record: hashed, counted, and given up when they are old."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.messages import Instant
from bot.stores.record.database import Database
from bot.stores.record.tables import codes
from bot.turns import CodeKept

_NEW_CODE = {
    "sqlite": sqlite.insert(codes).on_conflict_do_nothing().returning(codes.c.id),
    "postgresql": postgresql.insert(codes).on_conflict_do_nothing().returning(codes.c.id),
}


class RecordCodes:
    """The record's codes, as those see them who link (`bot.ports.Codes`). Every method raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issued(self, identity_id: str, member_id: str | None, since: Instant) -> int:
        return await self._database.read(lambda connection: _issued(connection, identity_id, member_id, since))

    async def issue(self, key: str, identity_id: str, member_id: str | None, code_hash: str, until: Instant) -> bool:
        row = {"id": key, "identity_id": identity_id, "member_id": member_id, "hash": code_hash, "until": until}
        return await self._database.write(
            lambda connection: _issue(connection, {**row, "at": self._database.now(connection)})
        )

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


def _issue(connection: Connection, row: dict[str, object]) -> bool:
    return connection.execute(_NEW_CODE[connection.dialect.name], row).first() is not None


def _current(connection: Connection, identity_id: str) -> CodeKept | None:
    """Only the newest counts: with a new code, or once it is used, the ones before it are void."""
    newest = (
        select(codes).where(codes.c.identity_id == identity_id).order_by(codes.c.at.desc(), codes.c.id.desc()).limit(1)
    )
    row = connection.execute(newest).first()
    if row is None or row.used_at > 0:
        return None
    return CodeKept(row.id, row.member_id, row.hash, row.attempts, row.until)
