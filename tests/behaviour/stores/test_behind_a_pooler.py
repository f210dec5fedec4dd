"""PgBouncer in front of PostgreSQL: in transaction mode everything works, in statement mode the start is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from support.pgbouncer import pooler
from support.services import postgres_database
from support.shop import deployment_in
from typer.testing import CliRunner

from bot.__main__ import app
from bot.domain.messages import Inbound, Kind
from bot.errors import SettingError
from bot.members.demo import fill
from bot.members.sql import SqlMemberDirectory
from bot.stores.sql.backup import write_dump
from bot.stores.sql.database import Database
from bot.stores.sql.inbox import SqlInbox
from bot.stores.sql.migrate import migrate, refuse_unfit
from bot.stores.sql.outbox import SqlOutbox
from bot.stores.sql.schema import messages
from bot.text import new_id
from bot.yaml_files import SourceFile

pytestmark = pytest.mark.postgres
PAGE = SourceFile(Path("config.yaml"), None, {})


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    yield from postgres_database()


@pytest.fixture
def pooled(postgres: str) -> Iterator[str]:
    with pooler(postgres) as url:
        yield url


async def hears(database: Database, holder: str, count: int) -> None:
    """So many messages of as many people, one by one, with the questions that a process asks all the time."""
    intake, outbox = SqlInbox(database, holder, {"tea": "fake"}), SqlOutbox(database)
    for number in range(count):
        inbound = Inbound("tea", f"{holder}-{number % 7}", new_id(), Kind.TEXT, "怎么退货？")
        (accepted,) = await intake.accept([inbound])
        (again,) = await intake.accept([inbound])
        assert (accepted.attempt, again.attempt) == (1, 2)
        assert await intake.find_reply("tea", inbound.dedup_key) is None
        await intake.claim_abandoned(10)
        await outbox.take(10)


def test_three_processes_with_more_connections_than_the_pooler_has_lose_nothing(pooled: str) -> None:
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


def test_a_member_system_behind_the_pooler_keeps_its_time_limit_and_leaves_no_session_state(pooled: str) -> None:
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


def test_statement_pooling_is_refused_with_an_explanation(postgres: str, tmp_path: Path) -> None:
    with pooler(postgres, "statement") as url:
        assert "pool_mode = transaction" in refused(url)
        deployment_in(tmp_path, database=url, listen={"port": 0}, simulator={"port": 0})
        ran = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "config.yaml")])
        assert ran.exit_code == 78
        assert "splits transactions" in ran.stderr
        looked = CliRunner().invoke(app, ["doctor", "--config", str(tmp_path / "config.yaml"), "--language", "en"])
        assert "splits transactions" in looked.stdout


def test_refusals_of_a_pooler_are_explained(pooled: str) -> None:
    assert "ALTER ROLE ... SET search_path" in refused(f"{pooled}?options=-csearch_path%3Dmine")
    assert "no database nowhere" in refused(pooled.rpartition("/")[0] + "/nowhere")


def test_a_direct_connection_still_prepares_statements(postgres: str) -> None:
    """What is not needed there is not given up: prepared statements save the server's work."""
    database = Database(postgres)
    with database.engine.connect() as connection:
        assert connection.connection.driver_connection is not None
        assert connection.connection.driver_connection.prepare_threshold == 5
    database.close()
