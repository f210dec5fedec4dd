"""Backup and restore between every two kinds of database, also while the bot writes."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from argon2 import PasswordHasher
from sqlalchemy import MetaData, event, insert, select, text
from support.services import MovableClock, postgres_schema
from support.shop import Shop
from typer.testing import CliRunner

from bot.__main__ import app
from bot.domain.cases import Role
from bot.errors import SettingError
from bot.process.supervisor import exclusive_lock
from bot.stores.sql import backup
from bot.stores.sql.backup import read_dump, write_dump
from bot.stores.sql.database import Database
from bot.stores.sql.migrate import is_migrated, migrate
from bot.stores.sql.schema import customers, messages, metadata, outbox
from bot.stores.sql.staff import SqlOneTimeCodes, SqlStaff
from bot.text import new_id

pytestmark = pytest.mark.long

Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def other_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A second, empty database of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'other.sqlite'}"
    else:
        yield from postgres_schema()


@pytest.fixture
def other(other_url: str) -> Iterator[Database]:
    database = Database(other_url)
    yield database
    database.close()


def everything(database: Database) -> Rows:
    """Every row of every table that a backup holds."""
    with database.engine.connect() as connection:
        return {
            table.name: sorted(tuple(row) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
            if table.name not in backup.LIVE
        }


def dumped(database: Database, path: Path) -> backup.DumpContents:
    return asyncio.run(database.read(lambda connection: write_dump(connection, path, 1.0, lambda *_: None)))


def restored(database: Database, path: Path, *, replace: bool = False) -> backup.DumpContents:
    def work(connection: Any) -> backup.DumpContents:
        return read_dump(connection, path, lambda *_: None, replace=replace)

    return asyncio.run(database.write(work))


def lived_in(shop: Shop) -> None:
    """A day's work: answers, a linked member, a case with an agent's reply, an unfollow, everything delivered."""
    shop.hears("小林", "怎么退货？")
    shop.hears("小林", "查积分")
    shop.hears("小林", "13800000001")
    shop.hears("老王", "人工 🙋 \\ \" ' ]]> \u2028")
    agent = shop.agent("lin")
    (line,) = shop.waiting()
    shop.claims(agent, line.id)
    shop.replies(agent, line.id, "您好，我在。")
    shop.deliver()


def test_a_restored_database_equals_the_backed_up_one_on_sqlite_and_postgresql(
    shop: Shop, other: Database, tmp_path: Path
) -> None:
    lived_in(shop)
    before = everything(shop.database)
    assert all(before[name] for name in ("messages", "cases", "traces", "events", "editions", "outbox", "staff"))
    contents = dumped(shop.database, tmp_path / "b.gz")
    assert contents.rows == sum(map(len, before.values()))
    assert restored(other, tmp_path / "b.gz") == contents
    assert everything(other) == before
    assert asyncio.run(other.read(is_migrated))


def test_the_bot_works_on_a_restored_database(shop: Shop, other: Database, tmp_path: Path) -> None:
    lived_in(shop)
    dumped(shop.database, tmp_path / "b.gz")
    restored(other, tmp_path / "b.gz")
    other = Database(other.url, shop.clock.now)
    again = Shop(shop.deployment, other, shop.clock, ("", b""))
    assert again.hears("小赵", "怎么退货？") == shop.hears("小赵", "怎么退货？")
    (line,) = again.waiting()
    assert "您好，我在。" in [said.text for said in again.case(line.id).said]
    again.close()


def test_rows_written_during_a_backup_are_not_in_it(shop: Shop, other: Database, tmp_path: Path) -> None:
    """Seen as it stood at the beginning, in all tables: what the bot said meanwhile is in none of them."""
    shop.hears("小林", "怎么退货？")
    with shop.database.engine.begin() as connection:
        connection.execute(insert(customers), [{"id": new_id(), "name": f"{number}"} for number in range(1_500)])
    before = everything(shop.database)
    begun, go_on = threading.Event(), threading.Event()

    def told(_done: int, _rows: int) -> None:
        begun.set()
        assert go_on.wait(60)

    reader = Database(shop.database.url)
    path = tmp_path / "b.gz"
    work = reader.read(lambda connection: write_dump(connection, path, 1.0, told))
    aside = threading.Thread(target=asyncio.run, args=(work,))
    aside.start()
    assert begun.wait(60)
    assert shop.hears("后来的人", "怎么退货？")
    assert shop.hears("小林", "多久能送到？")
    go_on.set()
    aside.join(60)
    reader.close()
    restored(other, path)
    assert everything(other) == before
    assert everything(shop.database) != before


def test_messages_pending_at_the_backup_are_in_doubt_after_restoring(
    shop: Shop, other: Database, tmp_path: Path
) -> None:
    """It may have been sent after the backup: it is in doubt, and staff decide."""
    shop.hears("小林", "人工")
    (line,) = shop.waiting()
    agent = shop.agent("lin")
    shop.claims(agent, line.id)
    with shop.database.engine.begin() as connection:
        row = connection.execute(select(outbox)).mappings().first()
        assert row is not None
        late = dict(row) | {"id": new_id(), "state": "pending", "seq": 99, "answers": None}
        connection.execute(insert(outbox), [late])
    dumped(shop.database, tmp_path / "b.gz")
    restored(other, tmp_path / "b.gz")
    other = Database(other.url, shop.clock.now)
    again = Shop(shop.deployment, other, shop.clock, ("", b""))
    again.deliver()
    assert again.sent_to("小林") == []
    again.sweep()
    assert {row[0] for row in _states(other, late["id"])} == {"in_doubt"}
    assert again.sent_to("小林") == []
    again.close()


def _states(database: Database, id_: str) -> list[Any]:
    with database.engine.connect() as connection:
        return list(connection.execute(select(outbox.c.state).where(outbox.c.id == id_)))


def test_a_database_with_rows_is_only_replaced_on_request(shop: Shop, tmp_path: Path) -> None:
    lived_in(shop)
    then = everything(shop.database)
    dumped(shop.database, tmp_path / "b.gz")
    shop.hears("小赵", "怎么退货？")
    now = everything(shop.database)
    with pytest.raises(SettingError, match="is not empty") as refused:
        restored(shop.database, tmp_path / "b.gz")
    assert "--replace" in str(refused.value.problems[0].hint)
    assert everything(shop.database) == now
    restored(shop.database, tmp_path / "b.gz", replace=True)
    assert everything(shop.database) == then


def changed(path: Path, change: Any) -> Path:
    """A copy of a backup with other lines."""
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    copy = path.with_name("changed.gz")
    copy.write_bytes(gzip.compress("\n".join(json.dumps(line) for line in change(lines)).encode()))
    return copy


def _row(lines: list[Any]) -> list[Any]:
    return next(line for line in lines if isinstance(line, list))


def _opens_customers(line: Any) -> bool:
    return isinstance(line, dict) and line.get("table") == "customers"


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda lines: [lines[0] | {"schema": "9999"}, *lines[1:]], "newer Yingda"),
        (lambda lines: [lines[0] | {"format": 2}, *lines[1:]], "newer Yingda"),
        (lambda lines: lines[:-1], "incomplete"),
        (lambda lines: [line for line in lines if line != _row(lines)], "rows are missing"),
        (lambda lines: [line for line in lines if not _opens_customers(line)], "rows are missing"),
        (lambda lines: [lines[0] | {"yingda": "diary"}, *lines[1:]], "not a backup"),
        (lambda lines: [[1, 2, 3]], "not a backup"),
        (lambda lines: [lines[0], {"table": "strangers", "columns": []}], "not a backup"),
        (lambda lines: [lines[0], {"table": "customers", "columns": ["id", "shoe_size"]}], "not a backup"),
        (lambda lines: [_row(lines) if isinstance(line, list) else line for line in lines], "do not fit"),
    ],
)
def test_an_invalid_backup_is_refused_and_changes_nothing(
    database: Database, other: Database, tmp_path: Path, change: Any, wrong: str
) -> None:
    with database.engine.begin() as connection:
        connection.execute(insert(customers), [{"id": f"c{number}", "name": "林"} for number in range(5)])
    _stamp(database)
    dumped(database, tmp_path / "b.gz")
    migrate(other.engine)
    with other.engine.begin() as connection:
        connection.execute(insert(customers), [{"id": "mine"}])
    with pytest.raises(SettingError, match=wrong):
        restored(other, changed(tmp_path / "b.gz", change), replace=True)
    assert [row[0] for row in everything(other)["customers"]] == ["mine"]
    assert asyncio.run(other.read(is_migrated))


def _stamp(database: Database) -> None:
    """The fixture's tables have the newest shape and don't say so."""
    with database.engine.begin() as connection:
        steps = ScriptDirectory(str(Path(backup.__file__).parent / "migrations"))
        MigrationContext.configure(connection).stamp(steps, "head")


def _refused(database: Database, path: Path) -> str | None:
    """The file that is named as wrong; None where the damage changes nothing."""
    try:
        restored(database, path, replace=True)
    except SettingError as refused:
        return refused.problems[0].file
    return None


def test_any_damage_of_a_backup_is_reported_and_changes_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'r.sqlite'}")
    migrate(database.engine)
    with database.engine.begin() as connection:
        connection.execute(insert(customers), [{"id": new_id(), "name": f"林 {number}"} for number in range(200)])
    before, path = everything(database), tmp_path / "b.gz"
    dumped(database, path)
    whole, chance = path.read_bytes(), random.Random(7)
    for _ in range(20):
        broken = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.5 else whole)
        for _ in range(chance.randrange(3) if broken and len(broken) < len(whole) else 2):
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(broken))
        assert _refused(database, path) in (None, str(path))
        assert everything(database) == before
    database.close()


def test_a_large_database_is_backed_up_and_restored_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows go out and come in by the batch: no more than one is held."""
    database = Database(f"sqlite:///{tmp_path / 'r.sqlite'}")
    migrate(database.engine)
    with database.engine.begin() as connection:
        connection.execute(insert(customers), [{"id": new_id()} for _ in range(5_000)])
    monkeypatch.setattr(backup, "BATCH", 50)
    sizes: list[int] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def _watched(*executed: Any) -> None:
        statement, parameters = executed[2:4]
        if statement.startswith("INSERT INTO customers"):
            sizes.append(len(parameters))

    dumped(database, tmp_path / "b.gz")
    restored(database, tmp_path / "b.gz", replace=True)
    assert sum(sizes) == 5_000
    assert max(sizes) == 50
    database.close()


class Verbs:
    """The command line in a folder with a config of its own."""

    def __init__(self, folder: Path, record: str) -> None:
        self.folder = folder
        settings = {"mode": "demo", "secret": "demo-secret-for-tests", "database": record, "var": "var"}
        (folder / "own.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    def run(self, *words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*words, "--config", str(self.folder / "own.yaml")])
        return done.exit_code, done.output


@pytest.fixture
def verbs(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Verbs:
    monkeypatch.setenv("YINGDA_CONFIG", "")
    return Verbs(tmp_path, database_url)


def test_the_commands_back_up_and_restore_a_database(verbs: Verbs, shop: Shop, tmp_path: Path) -> None:
    lived_in(shop)
    before, file = everything(shop.database), tmp_path / "b.gz"
    code, said = verbs.run("backup", str(file))
    assert (code, "✓" in said) == (0, True), said
    assert file.stat().st_mode & 0o777 == 0o600
    assert verbs.run("backup", str(file))[0] == 78
    assert verbs.run("backup", str(file), "--overwrite")[0] == 0
    assert verbs.run("restore", str(file))[0] == 78
    code, said = verbs.run("restore", str(file), "--replace")
    assert (code, "are restored" in said) == (0, True), said
    assert everything(shop.database) == before
    assert sorted(path.name for path in tmp_path.glob("*.part")) == []


def test_restore_refuses_while_yingda_runs_and_backup_refuses_without_a_database(verbs: Verbs, tmp_path: Path) -> None:
    code, said = verbs.run("backup", str(tmp_path / "b.gz"))
    assert (code, "nothing to back up" in said) == (78, True)
    (tmp_path / "var").mkdir(exist_ok=True)
    with exclusive_lock(tmp_path / "var" / "run.lock"):
        code, said = verbs.run("restore", str(tmp_path / "b.gz"))
    assert (code, "already runs" in said) == (78, True)
    code, said = verbs.run("restore", str(tmp_path / "b.gz"))
    assert (code, "cannot be opened" in said) == (78, True)


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'r.sqlite'}")
    migrate(database.engine)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingError, match="made by a newer Yingda"):
        migrate(database.engine)
    database.close()


def test_a_restored_backup_has_no_sessions_and_no_codes(
    database: Database, other_url: str, clock: MovableClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither with a new one, nor with one from when sessions and codes were still in it."""
    _stamp(database)
    staff = SqlStaff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))
    asyncio.run(staff.add("mei", "小梅", Role.AGENT, "a long password"))
    entered = asyncio.run(staff.log_in("mei", "a long password"))
    assert entered is not None
    codes = SqlOneTimeCodes(database)
    assert asyncio.run(codes.issue("k1", "i1", "M1", "hash", clock.now() + 600))
    path, other = tmp_path / "b.gz", Database(other_url, clock.now)
    for live in (backup.LIVE, frozenset[str]()):
        monkeypatch.setattr(backup, "LIVE", live)
        dumped(database, path)
        written = gzip.decompress(path.read_bytes()).decode()
        assert ('"table":"sessions"' in written, '"table":"codes"' in written) == (not live, not live)
        restored(other, path, replace=True)
        assert asyncio.run(SqlStaff(other, 12).find_session(entered[0])) is None
        assert asyncio.run(SqlOneTimeCodes(other).current("i1")) is None
        assert asyncio.run(SqlStaff(other, 12).active_staff()) == asyncio.run(staff.active_staff())
    other.close()


def test_every_table_is_backed_up(tmp_path: Path) -> None:
    """A table that is in no dump would be lost without a word."""
    database = Database(f"sqlite:///{tmp_path / 'r.sqlite'}")
    migrate(database.engine)
    with database.engine.connect() as connection:
        found = MetaData()
        found.reflect(connection)
        assert {table.name for table in backup.tables_of(connection)} == found.tables.keys() - {"alembic_version"}
    database.close()
    assert messages.name in metadata.tables
