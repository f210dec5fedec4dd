"""Learning what changed: close to learning everything, in parts that editions share, and live without a stall."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contest.warehouse import Item, items, write
from editor import SHIPPED
from sqlalchemy import Connection, update

from bot import publishing
from bot.decisions import Understanding, Utterance
from bot.errors import EngineFailed, SettingError
from bot.intents.understanding import pieces, refit, writing
from bot.intents.understanding.encoder import shared_encoder
from bot.intents.understanding.recalling import Recalling
from bot.intents.understanding.semantic import SemanticEngine
from bot.intents.understanding.writing import Readers
from bot.knowledge.shelf import Shelf
from bot.publishing import Order, Published, Stores, publish
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.migrate import migrate
from bot.stores.record.parts import RecordParts
from bot.stores.record.tables import editions
from bot.stores.record.vectors import RecordVectors

pytestmark = pytest.mark.long

ENTRIES, EXAMPLES = 150, 6
NEW = "能不能帮我把旧枕头免费回收"


class Counting:
    """The bundled encoder; remembers how many texts it was asked for."""

    def __init__(self) -> None:
        self.read = 0
        self.name = shared_encoder().name

    def encode(self, texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        self.read += len(texts)
        return shared_encoder().encode(texts)


class Brand:
    """A base that is edited and published again and again, and a process that answers from it."""

    def __init__(self, home: Path, record_url: str) -> None:
        self.folder = home / "knowledge_base"
        self.shelf_of_items = list(items(ENTRIES, EXAMPLES))
        self.database = Database(record_url)
        migrate(self.database.engine)
        self.stores = Stores(RecordEditions(self.database), RecordParts(self.database), RecordVectors(self.database))
        self.encoder = Counting()
        self.engine = SemanticEngine(fetch=self.stores.parts.fetch)
        self.shelf = Shelf(self.stores.editions, self.engine.take_up, self.stores.parts.fetch)
        self.save()

    def save(self) -> None:
        write(self.folder, self.shelf_of_items, SHIPPED / "phrases.yaml")

    def change(self, number: int, change: Callable[[Item], Item]) -> None:
        self.shelf_of_items[number] = change(self.shelf_of_items[number])
        self.save()

    def publish(self, *, full: bool = False) -> Published:
        order = Order(self.folder, (), 0.95, "Asia/Shanghai", "mei", full)
        published = publish(order, self.stores, Readers(Recalling(self.encoder, self.stores.vectors)))
        asyncio.run(self.shelf.refresh())
        return published

    def ask(self, *texts: str) -> list[Understanding]:
        number = self.shelf.current().number
        return self.engine.understand([Utterance(text, "zh", number) for text in texts])

    def loaded(self) -> Mapping[str, bytes]:
        """The model's parts as the active edition has them."""
        _, model = asyncio.run(self.stores.editions.load(self.shelf.current().number))
        manifest = pieces.Manifest.from_bytes(model)
        assert manifest is not None
        return self.stores.parts.fetch(manifest.names)


@pytest.fixture(scope="module")
def learned_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Small as it is, it is treated as a large one; learned once for all tests, each of which goes on with a copy."""
    home = tmp_path_factory.mktemp("brand")
    with pytest.MonkeyPatch.context() as small:
        small.setattr(writing, "LARGE", 10_000)
        small.setattr(publishing, "LARGE_CONTENT", 10_000)
        small.setattr(publishing, "FEW_TEXTS", 100)
        opened = Brand(home, f"sqlite:///{home / 'record.sqlite'}")
        opened.publish()
        opened.database.close()
        yield home


@pytest.fixture
def brand(learned_once: Path, tmp_path: Path) -> Iterator[Brand]:
    home = shutil.copytree(learned_once, tmp_path / "brand")
    opened = Brand(home, f"sqlite:///{home / 'record.sqlite'}")
    asyncio.run(opened.shelf.refresh())
    yield opened
    opened.database.close()


def right(found: Sequence[Understanding]) -> float:
    """The share of the ways to ask that the entries have kept to themselves, asked in order."""
    meant = [item.id for item in items(ENTRIES, EXAMPLES) for _ in item.kept]
    return sum(one.candidates[0].intent == id_ for one, id_ in zip(found, meant, strict=True)) / len(meant)


def with_example(text: str) -> Callable[[Item], Item]:
    return lambda item: replace(item, asked_zh=(*item.asked_zh, text))


def test_one_example_more_is_live_and_costs_only_its_neighbourhood(brand: Brand) -> None:
    before, read = brand.loaded(), brand.encoder.read
    brand.change(7, with_example(NEW))
    published = brand.publish()
    assert (published.number, published.changed, published.report) == (2, 1, None)
    assert (published.rehearsal.edition, published.rehearsal.changed) == (1, 1)
    assert brand.encoder.read == read + 1, "every text but the new one was read before"
    exact, near = brand.ask(NEW, NEW.replace("帮我", "请您"))
    assert exact.exact
    assert exact.candidates[0].intent == near.candidates[0].intent == "item-7"
    now = brand.loaded().keys()
    assert len(now & before.keys()) >= len(before) // 2 - 1, "the examples of all other groups are the last edition's"
    assert now != before.keys()


def test_learning_what_changed_is_close_to_learning_everything(brand: Brand) -> None:
    for number, text in ((3, "枕头里面的羽绒掉毛"), (90, NEW), (140, "the handle came off after two days")):
        brand.change(number, with_example(text))
    assert brand.publish().report is None
    asked = [text for item in brand.shelf_of_items for text in item.kept]
    little = brand.ask(*asked)
    report = brand.publish(full=True).report
    assert report is not None
    everything = brand.ask(*asked)
    same = [a.candidates[0].intent == b.candidates[0].intent for a, b in zip(little, everything, strict=True)]
    assert sum(same) / len(same) > 0.95
    assert right(little) > right(everything) - 0.02
    apart = [
        abs(a.candidates[0].confidence - b.candidates[0].confidence) for a, b in zip(little, everything, strict=True)
    ]
    assert sum(apart) / len(apart) < 0.05


def test_entries_come_and_go(brand: Brand) -> None:
    gone = brand.shelf_of_items.pop(120)
    new = replace(gone, id="gift-wrap", zh="礼品包装", en="gift wrapping")
    brand.shelf_of_items.insert(
        30, replace(new, asked_zh=("能包成礼物吗", "要礼品包装"), asked_en=("wrap it as a gift",))
    )
    brand.save()
    assert brand.publish().changed == 1
    assert gone.id not in brand.shelf.current().entries
    asked = brand.ask("可以包成礼物吗", gone.kept[0], brand.shelf_of_items[140].asked_zh[0])
    assert asked[0].candidates[0].intent == "gift-wrap"
    assert gone.id not in {one.intent for one in asked[1].candidates}
    assert asked[2].candidates[0].intent == brand.shelf_of_items[140].id


def test_an_answer_alone_is_live_without_learning_anything(brand: Brand) -> None:
    before = brand.loaded()
    path = next(brand.folder.glob("shelf-000.yaml"))
    path.write_text(path.read_text(encoding="utf-8").replace("请看商品页", "请看商品详情页", 1), encoding="utf-8")
    assert brand.publish().changed == 0
    assert brand.loaded().keys() == before.keys()
    answers = [entry.answers for entry in brand.shelf.current().entries.values()]
    assert sum("详情页" in (one.zh["default"][0] if one else "") for one in answers) == 1


def test_once_much_changed_everything_is_rehearsed_anew(brand: Brand) -> None:
    for number in range(5):
        brand.change(number, with_example(f"第{number}个完全不同的新问法"))
    published = brand.publish()
    assert published.report is not None
    assert (published.rehearsal.edition, published.rehearsal.changed) == (0, 0)


def test_what_is_out_of_scope_is_rehearsed_with_everything_and_kept_by_later_changes(brand: Brand) -> None:
    (brand.folder / "out_of_scope.yaml").write_text("zh: [枕头厂招工吗]\n", encoding="utf-8")
    published = brand.publish()
    assert published.report is not None, "what is out of scope moves all thresholds"
    brand.change(7, with_example(NEW))
    assert brand.publish().report is None
    assert brand.shelf.current().out_of_scope == ("枕头厂招工吗",)
    hiring, recycling = brand.ask("请问枕头厂招工吗？", NEW)
    assert (hiring.candidates, hiring.exact) == ((), True)
    assert recycling.candidates[0].intent == "item-7"


def test_an_example_that_two_entries_claim_is_refused_although_one_file_is_not_read_again(brand: Brand) -> None:
    taken = brand.shelf_of_items[130].asked_zh[0]
    brand.change(2, with_example(taken))
    with pytest.raises(SettingError, match="is also an example of"):
        brand.publish()


def test_a_model_of_another_version_is_not_built_upon(brand: Brand) -> None:
    def older(connection: Connection) -> None:
        connection.execute(update(editions).values(model=b"a model of a format that nobody knows any more"))

    brand.database.write_here(older)
    brand.change(7, with_example(NEW))
    assert brand.publish().report is not None
    assert brand.ask(NEW)[0].candidates[0].intent == "item-7"


def test_another_promise_is_not_built_on_the_old_thresholds(brand: Brand) -> None:
    order = Order(brand.folder, (), 0.9, "Asia/Shanghai", "mei")
    assert publish(order, brand.stores, Readers(Recalling(brand.encoder, brand.stores.vectors))).report is not None


@pytest.mark.parametrize(("found", "error"), [({}, LookupError), (None, EngineFailed)])
def test_a_model_whose_parts_are_gone_or_broken_is_refused(
    brand: Brand, found: dict[str, bytes] | None, error: type[Exception]
) -> None:
    _, model = asyncio.run(brand.stores.editions.load(1))
    engine = SemanticEngine(fetch=lambda names: dict.fromkeys(names, b"PK") if found is None else found)
    with pytest.raises(error):
        engine.take_up(1, model)
    with pytest.raises(EngineFailed, match="has not been taken up"):
        engine.understand([Utterance(NEW, "zh", 1)])


def test_a_base_learned_by_parts_is_as_good_as_one_learned_at_once(
    brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [text for item in brand.shelf_of_items for text in item.kept]
    at_once = right(brand.ask(*asked))
    monkeypatch.setattr(refit, "MANY", 0)
    brand.publish(full=True)
    assert right(brand.ask(*asked)) > at_once - 0.02
