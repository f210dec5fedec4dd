"""Receipts of versions without seals: an upgrade seals them, and repeats are still recognised."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from bot.domain.messages import Inbound, Kind
from bot.stores.sql.backup import read_dump, write_dump
from bot.stores.sql.database import Database
from bot.stores.sql.inbox import SqlInbox
from bot.stores.sql.migrate import migrate, upgrade
from bot.stores.sql.receipts import seal

BEFORE = "0004"
SECRET = "the secret of this deployment"
OPENID = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"
OLD = [f"{OPENID}|1790000000|{number}" for number in range(2_500)]


def lived(connection: Connection) -> None:
    """Receipts of an earlier version, and messages to a customer who has been erased."""
    upgrade(connection, BEFORE)
    receipt = text(
        "INSERT INTO receipts (account, dedup_key, message_id, conversation_id, attempt, at)"
        " VALUES ('tea', :key, 'm', 'c', 1, 1.0)"
    )
    connection.execute(receipt, [{"key": key} for key in OLD])
    for statement in (
        "INSERT INTO customers (id) VALUES ('p')",
        "INSERT INTO identities (id, customer_id, account, handle) VALUES ('i', 'p', 'tea', 'gone-1')",
        "INSERT INTO identities (id, customer_id, account, handle) VALUES ('j', 'p', 'tea', 'here')",
        "INSERT INTO conversations (id, identity_id, account, channel, thread, owner, slots, heard_kind,"
        " still_waiting_said) VALUES ('c', 'i', 'tea', 'wechat', '', 'bot', '{}', 'text', false)",
        "INSERT INTO conversations (id, identity_id, account, channel, thread, owner, slots, heard_kind,"
        " still_waiting_said) VALUES ('d', 'j', 'tea', 'wechat', '', 'bot', '{}', 'text', false)",
        "INSERT INTO outbox (id, conversation_id, seq, author, state, written, platform_id)"
        " VALUES ('o', 'c', 1, 'bot', 'sent', true, 'of somebody gone')",
        "INSERT INTO outbox (id, conversation_id, seq, author, state, written, platform_id)"
        " VALUES ('q', 'd', 1, 'bot', 'sent', true, 'of somebody here')",
    ):
        connection.execute(text(statement))


@pytest.fixture
def old(database_url: str) -> Database:
    database = Database(database_url)
    database.write_here(lived)
    return database


def known(database: Database, key: str) -> int:
    """How often a message has come, now that it comes once more."""
    intake = SqlInbox(database, "one", {"tea": "fake"}, secret=SECRET)
    (accepted,) = asyncio.run(intake.accept([Inbound("tea", OPENID, key, Kind.TEXT, "怎么退货？")]))
    return accepted.attempt


def columns(database: Database, statement: str) -> list[str]:
    return database.read_here(lambda connection: list(connection.execute(text(statement)).scalars()))


def test_an_upgrade_seals_old_receipts_and_repeats_are_recognised(old: Database) -> None:
    migrate(old.engine, SECRET)
    keys = columns(old, "SELECT dedup_key FROM receipts")
    assert set(keys) == {seal(SECRET, "tea", key) for key in OLD}
    assert {known(old, OLD[0]), known(old, OLD[-1])} == {2}
    assert known(old, f"{OPENID}|1790000001|1") == 1
    assert columns(old, "SELECT platform_id FROM outbox ORDER BY id") == ["", "of somebody here"]
    old.close()


def test_an_old_backup_is_sealed_when_it_is_restored(old: Database, tmp_path: Path) -> None:
    path = tmp_path / "old.gz"
    asyncio.run(old.read(lambda connection: write_dump(connection, path, 1.0, lambda *_: None)))
    old.write_here(lambda connection: read_dump(connection, path, lambda *_: None, replace=True, secret=SECRET))
    assert OPENID not in "".join(columns(old, "SELECT dedup_key FROM receipts"))
    assert known(old, OLD[7]) == 2
    old.close()


def test_a_seal_depends_on_account_key_and_secret() -> None:
    seals = {seal(secret, account, key) for secret in ("a", "b") for account in ("x", "y") for key in ("1", "2")}
    assert len(seals) == 8
    assert seal("a", "x", "1") == seal("a", "x", "1")
    assert all(len(one) < 100 for one in seals)
