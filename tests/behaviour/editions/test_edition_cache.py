"""Every process takes up the active edition, model first, and keeps the one it has when the next is no good."""

from __future__ import annotations

import asyncio

import pytest
from support.knowledge_base_files import SHIPPED, SKILLS

from bot.app.channels import CHANNELS
from bot.errors import EngineFailed, SettingError
from bot.knowledge.editions import Edition, EditionCache, Thresholds
from bot.knowledge.entries import load
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlEditions


class Engines:
    """Remembers which models were loaded, and which edition the cache held meanwhile."""

    def __init__(self) -> None:
        self.loaded: list[tuple[int, bytes]] = []
        self.shown: list[int] = []
        self.cache: EditionCache | None = None

    def load(self, number: int, model: bytes) -> None:
        if model == b"broken":
            raise EngineFailed("this model can not be read")
        if number > 1 and self.cache is not None:
            self.shown.append(self.cache.current().number)
        self.loaded.append((number, model))


@pytest.fixture
def editions(database: Database) -> SqlEditions:
    return SqlEditions(database)


@pytest.fixture
def engines() -> Engines:
    return Engines()


@pytest.fixture
def cache(editions: SqlEditions, engines: Engines) -> EditionCache:
    engines.cache = EditionCache(editions, engines.load)
    return engines.cache


@pytest.fixture(scope="module")
def content() -> str:
    base = load(SHIPPED, SKILLS, CHANNELS)
    return Edition.unpublished(base, Thresholds(0.8, 0.4)).to_json()


def test_before_the_first_edition_the_cache_says_what_to_do(cache: EditionCache) -> None:
    assert asyncio.run(cache.refresh()) is False
    with pytest.raises(LookupError, match="yingda train"):
        cache.current()


def test_an_edition_is_loaded_once(cache: EditionCache, editions: SqlEditions, engines: Engines, content: str) -> None:
    async def story() -> None:
        await editions.publish(content, b"one", "mei", 0)
        assert await asyncio.gather(*(cache.refresh() for _ in range(3))) == [True, False, False]
        assert await cache.refresh() is False

    asyncio.run(story())
    assert cache.current().number == 1
    assert engines.loaded == [(1, b"one")]


def test_the_old_edition_answers_until_the_new_model_is_loaded(
    cache: EditionCache, editions: SqlEditions, engines: Engines, content: str
) -> None:
    async def story() -> None:
        await editions.publish(content, b"one", "mei", 0)
        await cache.refresh()
        await editions.publish(content.replace("满 99 元包邮", "满 88 元包邮"), b"two", "mei", 1)
        assert await cache.refresh() is True

    asyncio.run(story())
    assert engines.shown == [1]
    assert cache.current().number == 2
    assert "88" in (cache.current().answer("delivery-fee", "zh", "wechat", 0) or "")


@pytest.mark.parametrize(("model", "error"), [(b"broken", EngineFailed), (b"fine", SettingError)])
def test_an_edition_that_cannot_be_loaded_leaves_the_old_one_answering(
    cache: EditionCache, editions: SqlEditions, content: str, model: bytes, error: type[Exception]
) -> None:
    async def story() -> None:
        await editions.publish(content, b"one", "mei", 0)
        await cache.refresh()
        lacking = content if model == b"broken" else content.replace('"welcome"', '"farewell"')
        await editions.publish(lacking, model, "mei", 1)
        with pytest.raises(error):
            await cache.refresh()

    asyncio.run(story())
    assert cache.current().number == 1
