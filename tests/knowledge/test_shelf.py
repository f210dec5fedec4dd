"""Every process takes up the active edition, model first, and keeps the one it has when the next is no good."""

from __future__ import annotations

import asyncio

import pytest
from editor import SHIPPED, SKILLS

from bot.errors import EngineFailed, SettingError
from bot.knowledge.editions import Edition, Thresholds
from bot.knowledge.entries import load
from bot.knowledge.shelf import Shelf
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions


class Engines:
    """Remembers which models were loaded, and what the shelf showed meanwhile."""

    def __init__(self) -> None:
        self.loaded: list[tuple[int, bytes]] = []
        self.shown: list[int] = []
        self.shelf: Shelf | None = None

    def take_up(self, number: int, model: bytes) -> None:
        if model == b"broken":
            raise EngineFailed("this model can not be read")
        if number > 1 and self.shelf is not None:
            self.shown.append(self.shelf.current().number)
        self.loaded.append((number, model))


@pytest.fixture
def editions(database: Database) -> RecordEditions:
    return RecordEditions(database)


@pytest.fixture
def engines() -> Engines:
    return Engines()


@pytest.fixture
def shelf(editions: RecordEditions, engines: Engines) -> Shelf:
    engines.shelf = Shelf(editions, engines.take_up)
    return engines.shelf


@pytest.fixture(scope="module")
def content() -> str:
    base = load(SHIPPED, SKILLS)
    return Edition(0, base.entries, base.phrases, Thresholds(0.8, 0.4)).to_json()


def test_before_the_first_edition_the_shelf_says_what_to_do(shelf: Shelf) -> None:
    assert asyncio.run(shelf.refresh()) is False
    with pytest.raises(LookupError, match="yingda train"):
        shelf.current()


def test_an_edition_is_taken_up_once(shelf: Shelf, editions: RecordEditions, engines: Engines, content: str) -> None:
    async def story() -> None:
        await editions.publish(content, b"one", "mei", 0)
        assert await asyncio.gather(*(shelf.refresh() for _ in range(3))) == [True, False, False]
        assert await shelf.refresh() is False

    asyncio.run(story())
    assert shelf.current().number == 1
    assert engines.loaded == [(1, b"one")]


def test_the_old_edition_answers_until_the_new_model_is_loaded(
    shelf: Shelf, editions: RecordEditions, engines: Engines, content: str
) -> None:
    async def story() -> None:
        await editions.publish(content, b"one", "mei", 0)
        await shelf.refresh()
        await editions.publish(content.replace("满 99 元包邮", "满 88 元包邮"), b"two", "mei", 1)
        assert await shelf.refresh() is True

    asyncio.run(story())
    assert engines.shown == [1]
    assert shelf.current().number == 2
    assert "88" in (shelf.current().answer("delivery-fee", "zh", "wechat", 0) or "")


@pytest.mark.parametrize(("model", "error"), [(b"broken", EngineFailed), (b"fine", SettingError)])
def test_an_edition_that_can_not_be_taken_up_leaves_the_old_one_answering(
    shelf: Shelf, editions: RecordEditions, content: str, model: bytes, error: type[Exception]
) -> None:
    async def story() -> None:
        await editions.publish(content, b"one", "mei", 0)
        await shelf.refresh()
        lacking = content if model == b"broken" else content.replace('"welcome"', '"farewell"')
        await editions.publish(lacking, model, "mei", 1)
        with pytest.raises(error):
            await shelf.refresh()

    asyncio.run(story())
    assert shelf.current().number == 1
