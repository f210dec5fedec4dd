"""Group commit: waiting work is written in one transaction, and failing work fails alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, insert, select

from bot.stores.sql.database import Database
from bot.stores.sql.schema import audit
from bot.stores.sql.statements import InList, Prepared
from bot.text import new_id

WORD = Prepared(select(audit.c.action).where(InList(audit.c.action, "words")).order_by(audit.c.action))


def noting(word: str, fails: bool = False) -> Callable[[Connection], str]:
    """Work that notes a word, and then fails or not."""

    def work(connection: Connection) -> str:
        row = {"id": new_id(), "at": 1.0, "staff_id": "", "action": word, "object": ""}
        connection.execute(insert(audit).values(row))
        if fails:
            raise LookupError(word)
        return word

    return work


def noted(database: Database) -> list[str]:
    words = select(audit.c.action).order_by(audit.c.action)
    return asyncio.run(database.read(lambda connection: list(connection.execute(words).scalars())))


def busy_until(gate: threading.Event) -> Callable[[Connection], bool]:
    return lambda _connection: gate.wait(10)


async def meanwhile(database: Database, *work: Callable[[Connection], str]) -> list[str | BaseException]:
    """Submit all of `work` while another transaction is running."""
    gate = threading.Event()
    before = asyncio.create_task(database.write(busy_until(gate)))
    waiting = [asyncio.create_task(database.write(one)) for one in work]
    await asyncio.sleep(0.05)
    gate.set()
    await before
    return await asyncio.gather(*waiting, return_exceptions=True)


def test_all_waiting_work_is_written(database: Database) -> None:
    words = [f"word {number:02}" for number in range(20)]
    assert asyncio.run(meanwhile(database, *map(noting, words))) == words
    assert noted(database) == words


def test_failing_work_fails_alone_and_writes_nothing(database: Database) -> None:
    first, failed, last = asyncio.run(meanwhile(database, noting("one"), noting("two", fails=True), noting("three")))
    assert (first, last) == ("one", "three")
    assert isinstance(failed, LookupError)
    assert noted(database) == ["one", "three"]


def test_cancelled_work_does_not_affect_other_work(database: Database) -> None:
    async def scene() -> str:
        gate = threading.Event()
        before = asyncio.create_task(database.write(busy_until(gate)))
        given_up = asyncio.create_task(database.write(noting("given up")))
        patient = asyncio.create_task(database.write(noting("patient")))
        await asyncio.sleep(0.05)
        given_up.cancel()
        await asyncio.sleep(0)
        gate.set()
        await before
        return await patient

    assert asyncio.run(scene()) == "patient"
    assert "patient" in noted(database)


@pytest.mark.parametrize("count", [0, 1, 3, 1_000])
def test_a_list_of_any_length_is_one_parameter(database: Database, count: int) -> None:
    async def scene() -> list[str]:
        for word in ("a 'quoted' one", "b", "丙"):
            await database.write(noting(word))
        wanted = ["丙", "a 'quoted' one", "no such", *map(str, range(count))][:count]
        return await database.read(lambda connection: list(WORD.run(connection, words=wanted).scalars()))

    assert asyncio.run(scene()) == {0: [], 1: ["丙"]}.get(count, ["a 'quoted' one", "丙"])
