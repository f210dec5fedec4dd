"""Editions on SQLite and PostgreSQL: numbered, immutable, one of them active, and no lost updates."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, select
from support.services import MovableClock

from bot.errors import Stale
from bot.ports.storage import Activation, Editions, PublishedEdition
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlEditions
from bot.stores.sql.schema import editions as table


@pytest.fixture
def editions(database: Database) -> Editions:
    return SqlEditions(database)


def test_before_the_first_edition_none_is_active(editions: Editions) -> None:
    assert asyncio.run(editions.active()) == 0
    with pytest.raises(LookupError):
        asyncio.run(editions.load(1))


def test_a_published_edition_is_active_and_comes_back_byte_for_byte(editions: Editions) -> None:
    content, model = '{"问": "你好 🍵"}', bytes(range(256)) * 1000

    async def story() -> None:
        assert await editions.publish(content, model, "mei", 0) == 1
        assert await editions.active() == 1
        assert await editions.load(1) == (content, model)

    asyncio.run(story())


def test_older_editions_stay_as_they_were(editions: Editions) -> None:
    async def story() -> None:
        for number in range(1, 4):
            assert await editions.publish(f"content {number}", b"%d" % number, "mei", number - 1) == number
        assert await editions.active() == 3
        assert await editions.load(1) == ("content 1", b"1")

    asyncio.run(story())


@pytest.mark.parametrize("based_on", [0, 2, -1])
def test_publishing_on_an_outdated_edition_writes_nothing(editions: Editions, based_on: int) -> None:
    async def story() -> None:
        await editions.publish("theirs", b"1", "mei", 0)
        with pytest.raises(Stale):
            await editions.publish("ours", b"2", "jun", based_on)
        assert await editions.active() == 1
        with pytest.raises(LookupError):
            await editions.load(2)
        assert await editions.publish("ours", b"2", "jun", 1) == 2

    asyncio.run(story())


def test_of_many_concurrent_publications_exactly_one_succeeds(editions: Editions) -> None:
    async def story() -> None:
        attempts = [editions.publish(f"of {editor}", b"", str(editor), 0) for editor in range(8)]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert [outcome for outcome in outcomes if not isinstance(outcome, Stale)] == [1]
        winner = next(editor for editor, outcome in enumerate(outcomes) if outcome == 1)
        assert (await editions.load(1))[0] == f"of {winner}"

    asyncio.run(story())


def test_publisher_and_time_of_an_edition_are_stored(
    editions: Editions, database: Database, clock: MovableClock
) -> None:
    def by_and_at(connection: Connection) -> tuple[str, float]:
        row = connection.execute(select(table.c.by, table.c.at)).one()
        return row.by, row.at

    async def story() -> tuple[str, float]:
        await editions.publish("", b"", "mei", 0)
        return await database.read(by_and_at)

    assert asyncio.run(story()) == ("mei", clock.now())


async def published(editions: Editions, number: int) -> None:
    for one in range(number):
        await editions.publish(f"content {one + 1}", b"model", "mei", one)


def test_an_earlier_edition_becomes_active_again_and_the_history_keeps_who_did_it(
    editions: Editions, clock: MovableClock
) -> None:
    async def story() -> list[PublishedEdition]:
        await published(editions, 3)
        clock.move(60)
        await editions.activate(1, "jun", 3)
        assert await editions.active() == 1
        clock.move(60)
        assert await editions.publish("content 4", b"model", "mei", 1) == 4
        return await editions.history(2)

    start = clock.now()
    assert asyncio.run(story()) == [
        PublishedEdition(4, start + 120, "mei", (Activation(4, 1, start + 120, "mei"),)),
        PublishedEdition(3, start, "mei", (Activation(3, 2, start, "mei"),)),
    ]
    (first,) = [one for one in asyncio.run(editions.history(9)) if one.number == 1]
    assert first.activations == (Activation(1, 0, start, "mei"), Activation(1, 3, start + 60, "jun"))


def test_the_active_edition_is_in_the_history_however_old(editions: Editions) -> None:
    async def story() -> list[int]:
        await published(editions, 5)
        await editions.activate(1, "jun", 5)
        return [one.number for one in await editions.history(2)]

    assert asyncio.run(story()) == [5, 4, 1]


@pytest.mark.parametrize(("number", "based_on", "refused"), [(1, 2, Stale), (1, 0, Stale), (9, 3, LookupError)])
def test_going_back_from_an_outdated_edition_or_to_a_missing_one_changes_nothing(
    editions: Editions, number: int, based_on: int, refused: type[Exception]
) -> None:
    async def story() -> None:
        await published(editions, 3)
        with pytest.raises(refused):
            await editions.activate(number, "jun", based_on)
        assert await editions.active() == 3
        assert [len(one.activations) for one in await editions.history(9)] == [1, 1, 1]

    asyncio.run(story())


def test_of_concurrent_publishing_and_going_back_exactly_one_succeeds(editions: Editions) -> None:
    async def story() -> None:
        await published(editions, 3)
        attempts = [editions.activate(1 + one % 2, str(one), 3) for one in range(6)]
        attempts += [_publish(editions, str(one)) for one in range(6)]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert sum(not isinstance(outcome, Stale) for outcome in outcomes) == 1
        assert not any(isinstance(outcome, Exception) and not isinstance(outcome, Stale) for outcome in outcomes)

    asyncio.run(story())


async def _publish(editions: Editions, by: str) -> None:
    await editions.publish("content", b"model", by, 3)
