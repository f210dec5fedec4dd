"""PgBouncer in front of PostgreSQL: in transaction mode everything works, in statement mode the start is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from ground import postgres_database
from pooler import pooler
from shop import deployment_in
from sqlalchemy import func, select, text
from typer.testing import CliRunner

from bot.__main__ import app
from bot.errors import SettingError
from bot.files import Page
from bot.members.demo import fill
from bot.members.sql import SqlMemberDirectory
from bot.messages import Inbound, Kind
from bot.stores.record.database import Database
from bot.stores.record.dump import write_dump
from bot.stores.record.fitness import refuse_unfit
from bot.stores.record.intake import RecordIntake
from bot.stores.record.migrate import migrate
from bot.stores.record.outbox import RecordOutbox
from bot.stores.record.tables import messages
from bot.wording import new_id

pytestmark = pytest.mark.postgres
PAGE = Page(Path("config.yaml"), None, {})


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    yield from postgres_database()


@pytest.fixture
def pooled(postgres: str) -> Iterator[str]:
    with pooler(postgres) as url:
        yield url


async def hears(database: Database, holder: str, count: int) -> None:
    """So many messages of as many people, one by one, with the questions that a process asks all the time."""
    intake, outbox = RecordIntake(database, holder, {"tea": "rehearsal"}), RecordOutbox(database)
    for number in range(count):
        inbound = Inbound("tea", f"{holder}-{number % 7}", new_id(), Kind.TEXT, "怎么退货？")
        (accepted,) = await intake.accept([inbound])
        (again,) = await intake.accept([inbound])
        assert (accepted.attempt, again.attempt) == (1, 2)
        assert await intake.replied("tea", inbound.dedup_key) is None
        await intake.take_up(10)
        await outbox.take(10)


def test_three_processes_with_more_connections_than_the_pooler_lends_lose_nothing(pooled: str) -> None:
    """Each transaction may run on another connection: prepared statements were missing there, or there already."""
    databases = [Database(pooled) for _ in range(3)]
    migrate(databases[0].engine)

    async def story() -> int:
        await asyncio.gather(*(hears(one, f"process-{number}-{lane}", 20)
                               for number, one in enumerate(databases) for lane in range(5)))  # fmt: skip
        counted = select(func.count()).select_from(messages)
        return await databases[0].read(lambda connection: connection.execute(counted).scalar_one())

    assert asyncio.run(story()) == 300
    for one in databases:
        one.close()


def test_a_backup_streams_through_the_pooler(pooled: str, tmp_path: Path) -> None:
    database = Database(pooled)
    migrate(database.engine)
    asyncio.run(hears(database, "backup", 3))
    contents = asyncio.run(
        database.read(lambda connection: write_dump(connection, tmp_path / "b", 1.0, lambda *_: None))
    )
    database.close()
    assert contents.rows > 3


def test_a_member_system_behind_the_pooler_is_asked_within_its_time_and_leaves_nothing_in_sessions(pooled: str) -> None:
    database = Database(pooled)
    with database.engine.begin() as connection:
        fill(connection, 1_790_000_000.0)
    directory = SqlMemberDirectory(pooled, 7.0)

    async def story() -> set[str | None]:
        found = await asyncio.gather(*(directory.member("m01") for _ in range(60)))
        return {one.id if one else None for one in found}

    assert asyncio.run(story()) == {"m01"}
    directory.close()
    with database.engine.begin() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "0"
    database.close()


def refused(url: str) -> str:
    database = Database(url)
    with pytest.raises(SettingError) as told:
        refuse_unfit(database.engine, PAGE)
    database.close()
    return str(told.value)


def test_a_pooler_that_takes_transactions_apart_is_refused_with_words(postgres: str, tmp_path: Path) -> None:
    with pooler(postgres, "statement") as url:
        assert "pool_mode = transaction" in refused(url)
        deployment_in(tmp_path, record=url, listen={"port": 0}, simulator={"port": 0})
        ran = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "config.yaml")])
        assert ran.exit_code == 78
        assert "takes transactions apart" in ran.stderr
        looked = CliRunner().invoke(app, ["doctor", "--config", str(tmp_path / "config.yaml"), "--language", "en"])
        assert "takes transactions apart" in looked.stdout


def test_what_a_pooler_does_not_pass_on_or_know_is_told(pooled: str) -> None:
    assert "ALTER ROLE ... SET search_path" in refused(f"{pooled}?options=-csearch_path%3Dmine")
    assert "no database nowhere" in refused(pooled.rpartition("/")[0] + "/nowhere")


def test_a_direct_connection_goes_on_preparing_its_statements(postgres: str) -> None:
    """What is not needed there is not given up: prepared statements save the server's work."""
    database = Database(postgres)
    with database.engine.connect() as connection:
        assert connection.connection.driver_connection is not None
        assert connection.connection.driver_connection.prepare_threshold == 5
    database.close()
