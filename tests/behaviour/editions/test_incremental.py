"""Incremental training: close to full training, in chunks shared between editions, live without a stall."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contest.warehouse import Item, items, write
from sqlalchemy import Connection, update
from support.knowledge_base_files import SHIPPED

from bot import publishing
from bot.domain.decisions import Understanding, Utterance
from bot.errors import EngineFailed, SettingError
from bot.intents.classifier import chunks, partial_fit, serialization
from bot.intents.classifier.embedding_cache import EmbeddingCache
from bot.intents.classifier.encoder import shared_encoder
from bot.intents.classifier.engine import SemanticEngine
from bot.knowledge.editions import EditionCache
from bot.publishing import EditionStores, PublishRequest, PublishResult, publish
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlChunks, SqlEditions, SqlVectors
from bot.stores.sql.migrate import migrate
from bot.stores.sql.schema import editions

pytestmark = pytest.mark.long

ENTRIES, EXAMPLES = 150, 6
NEW = "能不能帮我把旧枕头免费回收"


class Counting:
    """The bundled encoder, counting the texts it encodes."""

    def __init__(self) -> None:
        self.read = 0
        self.name = shared_encoder().name

    def encode(self, texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        self.read += len(texts)
        return shared_encoder().encode(texts)


class Brand:
    """A base that tests edit and publish, and an engine that serves its active edition."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.folder = home / "knowledge_base"
        self.items = list(items(ENTRIES, EXAMPLES))
        self.database = Database(database_url)
        migrate(self.database.engine)
        self.stores = EditionStores(SqlEditions(self.database), SqlChunks(self.database), SqlVectors(self.database))
        self.encoder = Counting()
        self.engine = SemanticEngine(fetch=self.stores.chunks.fetch)
        self.cache = EditionCache(self.stores.editions, self.engine.load, self.stores.chunks.fetch)
        self.save()

    def save(self) -> None:
        write(self.folder, self.items, SHIPPED / "phrases.yaml")

    def change(self, number: int, change: Callable[[Item], Item]) -> None:
        self.items[number] = change(self.items[number])
        self.save()

    def publish(self, *, full: bool = False) -> PublishResult:
        order = PublishRequest(self.folder, (), 0.95, "Asia/Shanghai", "mei", full)
        published = publish(order, self.stores, EmbeddingCache(self.encoder, self.stores.vectors))
        asyncio.run(self.cache.refresh())
        return published

    def ask(self, *texts: str) -> list[Understanding]:
        number = self.cache.current().number
        return self.engine.understand([Utterance(text, "zh", number) for text in texts])

    def loaded(self) -> Mapping[str, bytes]:
        """The chunks of the active edition's model."""
        _, model = asyncio.run(self.stores.editions.load(self.cache.current().number))
        manifest = chunks.Manifest.from_bytes(model)
        assert manifest is not None
        return self.stores.chunks.fetch(manifest.names)


@pytest.fixture(scope="module")
def learned_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small base treated as a large one; trained once, and copied for each test."""
    home = tmp_path_factory.mktemp("brand")
    with pytest.MonkeyPatch.context() as small:
        small.setattr(serialization, "LARGE", 10_000)
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
    asyncio.run(opened.cache.refresh())
    yield opened
    opened.database.close()


def right(found: Sequence[Understanding]) -> float:
    """Accuracy on the texts that were not used as examples."""
    meant = [item.id for item in items(ENTRIES, EXAMPLES) for _ in item.kept]
    return sum(one.candidates[0].intent == id_ for one, id_ in zip(found, meant, strict=True)) / len(meant)


def with_example(text: str) -> Callable[[Item], Item]:
    return lambda item: replace(item, asked_zh=(*item.asked_zh, text))


def test_a_new_example_is_live_and_retrains_only_its_neighbourhood(brand: Brand) -> None:
    before, read = brand.loaded(), brand.encoder.read
    brand.change(7, with_example(NEW))
    published = brand.publish()
    assert (published.number, published.changed, published.report) == (2, 1, None)
    assert (published.threshold_origin.edition, published.threshold_origin.changed) == (1, 1)
    assert brand.encoder.read == read + 1, "every text but the new one was read before"
    exact, near = brand.ask(NEW, NEW.replace("帮我", "请您"))
    assert exact.exact
    assert exact.candidates[0].intent == near.candidates[0].intent == "item-7"
    now = brand.loaded().keys()
    assert len(now & before.keys()) >= len(before) // 2 - 1, "the examples of all other groups are the last edition's"
    assert now != before.keys()


def test_incremental_training_is_close_to_full_training(brand: Brand) -> None:
    for number, text in ((3, "枕头里面的羽绒掉毛"), (90, NEW), (140, "the handle came off after two days")):
        brand.change(number, with_example(text))
    assert brand.publish().report is None
    asked = [text for item in brand.items for text in item.kept]
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


def test_entries_can_be_added_and_removed_incrementally(brand: Brand) -> None:
    gone = brand.items.pop(120)
    new = replace(gone, id="gift-wrap", zh="礼品包装", en="gift wrapping")
    brand.items.insert(30, replace(new, asked_zh=("能包成礼物吗", "要礼品包装"), asked_en=("wrap it as a gift",)))
    brand.save()
    assert brand.publish().changed == 1
    assert gone.id not in brand.cache.current().entries
    asked = brand.ask("可以包成礼物吗", gone.kept[0], brand.items[140].asked_zh[0])
    assert asked[0].candidates[0].intent == "gift-wrap"
    assert gone.id not in {one.intent for one in asked[1].candidates}
    assert asked[2].candidates[0].intent == brand.items[140].id


def test_a_changed_answer_is_live_without_training(brand: Brand) -> None:
    before = brand.loaded()
    path = next(brand.folder.glob("items-000.yaml"))
    path.write_text(path.read_text(encoding="utf-8").replace("请看商品页", "请看商品详情页", 1), encoding="utf-8")
    assert brand.publish().changed == 0
    assert brand.loaded().keys() == before.keys()
    answers = [entry.answers for entry in brand.cache.current().entries.values()]
    assert sum("详情页" in (one.zh["default"][0] if one else "") for one in answers) == 1


def test_many_changes_lead_to_a_full_training(brand: Brand) -> None:
    for number in range(5):
        brand.change(number, with_example(f"第{number}个完全不同的新问法"))
    published = brand.publish()
    assert published.report is not None
    assert (published.threshold_origin.edition, published.threshold_origin.changed) == (0, 0)


def test_out_of_scope_questions_are_kept_by_incremental_training(brand: Brand) -> None:
    (brand.folder / "out_of_scope.yaml").write_text("zh: [枕头厂招工吗]\n", encoding="utf-8")
    published = brand.publish()
    assert published.report is not None, "what is out of scope moves all thresholds"
    brand.change(7, with_example(NEW))
    assert brand.publish().report is None
    assert brand.cache.current().out_of_scope == ("枕头厂招工吗",)
    hiring, recycling = brand.ask("请问枕头厂招工吗？", NEW)
    assert (hiring.candidates, hiring.exact) == ((), True)
    assert recycling.candidates[0].intent == "item-7"


def test_an_example_of_two_entries_is_refused_even_if_one_file_is_cached(brand: Brand) -> None:
    taken = brand.items[130].asked_zh[0]
    brand.change(2, with_example(taken))
    with pytest.raises(SettingError, match="is also an example of"):
        brand.publish()


def test_a_model_of_another_version_is_not_trained_incrementally(brand: Brand) -> None:
    def older(connection: Connection) -> None:
        connection.execute(update(editions).values(model=b"a model of a format that nobody knows any more"))

    brand.database.write_here(older)
    brand.change(7, with_example(NEW))
    assert brand.publish().report is not None
    assert brand.ask(NEW)[0].candidates[0].intent == "item-7"


def test_another_target_precision_leads_to_a_full_training(brand: Brand) -> None:
    order = PublishRequest(brand.folder, (), 0.9, "Asia/Shanghai", "mei")
    assert publish(order, brand.stores, EmbeddingCache(brand.encoder, brand.stores.vectors)).report is not None


@pytest.mark.parametrize(("found", "error"), [({}, LookupError), (None, EngineFailed)])
def test_a_model_with_missing_or_broken_chunks_is_refused(
    brand: Brand, found: dict[str, bytes] | None, error: type[Exception]
) -> None:
    _, model = asyncio.run(brand.stores.editions.load(1))
    engine = SemanticEngine(fetch=lambda names: dict.fromkeys(names, b"PK") if found is None else found)
    with pytest.raises(error):
        engine.load(1, model)
    with pytest.raises(EngineFailed, match="is not loaded"):
        engine.understand([Utterance(NEW, "zh", 1)])


def test_fitting_by_parts_is_as_good_as_fitting_at_once(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [text for item in brand.items for text in item.kept]
    at_once = right(brand.ask(*asked))
    monkeypatch.setattr(partial_fit, "MANY", 0)
    brand.publish(full=True)
    assert right(brand.ask(*asked)) > at_once - 0.02
