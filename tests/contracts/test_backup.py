"""The record as one file, and back, between every two kinds of database, also while the bot writes."""

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
from ground import postgres_schema
from shop import Shop
from sqlalchemy import MetaData, Table, insert, select, text
from typer.testing import CliRunner

from bot.__main__ import app
from bot.cases import Role
from bot.errors import SettingError
from bot.stores.record import dump
from bot.stores.record.codes import RecordCodes
from bot.stores.record.database import Database
from bot.stores.record.dump import read_dump, write_dump
from bot.stores.record.migrate import is_migrated, migrate
from bot.stores.record.staff import Staff
from bot.stores.record.tables import customers, messages, metadata, outbox
from bot.supervisor import only_one
from bot.wording import new_id

pytestmark = pytest.mark.long

Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def other_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database beside the record, of either kind."""
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
            if table.name not in dump.LIVE
        }


def dumped(database: Database, path: Path) -> dump.Contents:
    return asyncio.run(database.read(lambda connection: write_dump(connection, path, 1.0, lambda *_: None)))


def restored(database: Database, path: Path, *, replace: bool = False) -> dump.Contents:
    def work(connection: Any) -> dump.Contents:
        return read_dump(connection, path, lambda *_: None, replace=replace)

    return asyncio.run(database.write(work))


def lived_in(shop: Shop) -> None:
    """A day's work: answers, a linked member, a case with a person's reply, somebody who left, everything delivered."""
    shop.hears("小林", "怎么退货？")
    shop.hears("小林", "查积分")
    shop.hears("小林", "13800000001")
    shop.hears("老王", "人工 🙋 \\ \" ' ]]> \u2028")
    agent = shop.agent("lin")
    (line,) = shop.waiting()
    shop.claims(agent, line.id)
    shop.replies(agent, line.id, "您好，我在。")
    shop.deliver()


def test_what_comes_back_is_what_was_there_on_either_kind_of_database(
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


def test_the_bot_goes_on_from_what_was_restored(shop: Shop, other: Database, tmp_path: Path) -> None:
    lived_in(shop)
    dumped(shop.database, tmp_path / "b.gz")
    restored(other, tmp_path / "b.gz")
    other._clock = shop.clock.now
    again = Shop(shop.deployment, other, shop.clock, ("", b""))
    assert again.hears("小赵", "怎么退货？") == shop.hears("小赵", "怎么退货？")
    (line,) = again.waiting()
    assert "您好，我在。" in [said.text for said in again.case(line.id).said]
    again.yingda.closers.remove(other.close)
    again.close()


def test_what_is_written_meanwhile_waits_for_the_next_backup(shop: Shop, other: Database, tmp_path: Path) -> None:
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


def test_what_was_about_to_be_sent_is_nobodys_to_send_again(shop: Shop, other: Database, tmp_path: Path) -> None:
    """It may have been sent after the backup: it stands in doubt, and a person decides."""
    shop.hears("小林", "人工")
    (line,) = shop.waiting()
    agent = shop.agent("lin")
    shop.claims(agent, line.id)
    with shop.database.engine.begin() as connection:
        row = connection.execute(select(outbox)).first()
        assert row is not None
        late = dict(row._mapping) | {"id": new_id(), "state": "pending", "seq": 99, "answers": None}
        connection.execute(insert(outbox), [late])
    dumped(shop.database, tmp_path / "b.gz")
    restored(other, tmp_path / "b.gz")
    other._clock = shop.clock.now
    again = Shop(shop.deployment, other, shop.clock, ("", b""))
    again.deliver()
    assert again.sent_to("小林") == []
    again.sweep()
    assert {row[0] for row in _states(other, late["id"])} == {"in_doubt"}
    assert again.sent_to("小林") == []
    again.yingda.closers.remove(other.close)
    again.close()


def _states(database: Database, id_: str) -> list[Any]:
    with database.engine.connect() as connection:
        return list(connection.execute(select(outbox.c.state).where(outbox.c.id == id_)))


def test_a_record_that_holds_anything_is_only_replaced_when_told_so(shop: Shop, tmp_path: Path) -> None:
    lived_in(shop)
    then = everything(shop.database)
    dumped(shop.database, tmp_path / "b.gz")
    shop.hears("小赵", "怎么退货？")
    now = everything(shop.database)
    with pytest.raises(SettingError, match="is not empty") as refused:
        restored(shop.database, tmp_path / "b.gz")
    assert "--replace" in refused.value.mistakes[0].mend
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
        (lambda lines: lines[:-1], "not whole"),
        (lambda lines: [line for line in lines if line != _row(lines)], "rows are missing"),
        (lambda lines: [line for line in lines if not _opens_customers(line)], "rows are missing"),
        (lambda lines: [lines[0] | {"yingda": "diary"}, *lines[1:]], "no backup"),
        (lambda lines: [[1, 2, 3]], "no backup"),
        (lambda lines: [lines[0], {"table": "strangers", "columns": []}], "no backup"),
        (lambda lines: [lines[0], {"table": "customers", "columns": ["id", "shoe_size"]}], "no backup"),
        (lambda lines: [_row(lines) if isinstance(line, list) else line for line in lines], "do not fit"),
    ],
)
def test_a_file_that_is_not_right_is_refused_and_changes_nothing(
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
        steps = ScriptDirectory(str(Path(dump.__file__).parent / "migrations"))
        MigrationContext.configure(connection).stamp(steps, "head")


def _refused(database: Database, path: Path) -> str | None:
    """The file that is named as wrong; None where the damage changes nothing."""
    try:
        restored(database, path, replace=True)
    except SettingError as refused:
        return refused.mistakes[0].file
    return None


def test_whatever_happened_to_the_file_is_said_plainly_and_changes_nothing(tmp_path: Path) -> None:
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


def test_a_large_record_is_never_in_memory_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows go out and come in by the batch: no more than one is held."""
    database = Database(f"sqlite:///{tmp_path / 'r.sqlite'}")
    migrate(database.engine)
    with database.engine.begin() as connection:
        connection.execute(insert(customers), [{"id": new_id()} for _ in range(5_000)])
    monkeypatch.setattr(dump, "AT_ONCE", 50)
    sizes: list[int] = []
    whole = dump._insert

    def watched(connection: Any, lines: Any, table: Table | None, rows: Any) -> None:
        sizes.append(len(rows))
        whole(connection, lines, table, rows)

    monkeypatch.setattr(dump, "_insert", watched)
    dumped(database, tmp_path / "b.gz")
    restored(database, tmp_path / "b.gz", replace=True)
    assert sum(sizes) == 5_000
    assert max(sizes) == 50
    database.close()


class Verbs:
    """The command line in a folder with a config of its own."""

    def __init__(self, folder: Path, record: str) -> None:
        self.folder = folder
        settings = {"mode": "demo", "secret": "demo-secret-for-tests", "record": record, "var": "var"}
        (folder / "own.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    def run(self, *words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*words, "--config", str(self.folder / "own.yaml")])
        return done.exit_code, done.output


@pytest.fixture
def verbs(tmp_path: Path, record_url: str, monkeypatch: pytest.MonkeyPatch) -> Verbs:
    monkeypatch.setenv("YINGDA_CONFIG", "")
    return Verbs(tmp_path, record_url)


def test_the_verbs_carry_a_record_away_and_back(verbs: Verbs, shop: Shop, tmp_path: Path) -> None:
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


def test_nothing_is_restored_while_yingda_runs_and_nothing_backed_up_where_nothing_is(
    verbs: Verbs, tmp_path: Path
) -> None:
    code, said = verbs.run("backup", str(tmp_path / "b.gz"))
    assert (code, "nothing to back up" in said) == (78, True)
    (tmp_path / "var").mkdir(exist_ok=True)
    with only_one(tmp_path / "var" / "run.lock"):
        code, said = verbs.run("restore", str(tmp_path / "b.gz"))
    assert (code, "already runs" in said) == (78, True)
    code, said = verbs.run("restore", str(tmp_path / "b.gz"))
    assert (code, "cannot be opened" in said) == (78, True)


def test_a_newer_yingdas_record_is_left_alone_and_said_so(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'r.sqlite'}")
    migrate(database.engine)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingError, match="made by a newer Yingda"):
        migrate(database.engine)
    database.close()


def test_with_a_backup_nobody_is_logged_in_and_nobody_proves_who_they_are(
    database: Database, other: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither with a new one, nor with one from when sessions and codes were still in it."""
    _stamp(database)
    staff = Staff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))
    asyncio.run(staff.add("mei", "小梅", Role.AGENT, "a long password"))
    entered = asyncio.run(staff.log_in("mei", "a long password"))
    assert entered is not None
    codes = RecordCodes(database)
    assert asyncio.run(codes.issue("k1", "i1", "M1", "hash", database._clock() + 600 if database._clock else 0))
    path = tmp_path / "b.gz"
    for live in (dump.LIVE, frozenset[str]()):
        monkeypatch.setattr(dump, "LIVE", live)
        dumped(database, path)
        written = gzip.decompress(path.read_bytes()).decode()
        assert ('"table":"sessions"' in written, '"table":"codes"' in written) == (not live, not live)
        restored(other, path, replace=True)
        other._clock = database._clock
        assert asyncio.run(Staff(other, 12).by_session(entered[0])) is None
        assert asyncio.run(RecordCodes(other).current("i1")) is None
        assert asyncio.run(Staff(other, 12).everybody()) == asyncio.run(staff.everybody())


def test_everything_the_record_holds_is_carried(tmp_path: Path) -> None:
    """A table that is in no dump would be lost without a word."""
    database = Database(f"sqlite:///{tmp_path / 'r.sqlite'}")
    migrate(database.engine)
    with database.engine.connect() as connection:
        found = MetaData()
        found.reflect(connection)
        assert {table.name for table in dump._tables(connection)} == found.tables.keys() - {"alembic_version"}
    database.close()
    assert messages.name in metadata.tables
