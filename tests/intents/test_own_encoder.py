"""An encoder of one's choice: whatever its endpoint does, every message is understood, and never dearer than needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from editor import SHIPPED

from bot.decisions import Understanding, Utterance
from bot.errors import EncoderFailed, EngineFailed
from bot.intents.rasa import Breaker
from bot.intents.understanding.asking import Guarded, Patient
from bot.intents.understanding.encoder import shared_encoder
from bot.intents.understanding.recalling import Recalling
from bot.intents.understanding.semantic import SemanticEngine
from bot.intents.understanding.twins import Twins, meeting, stretched
from bot.intents.understanding.writing import Readers
from bot.knowledge.editions import Edition, Thresholds
from bot.ports import Encoder
from bot.publishing import Order, Published, Stores, publish
from bot.services.embeddings import EmbeddingsEncoder, Endpoint
from bot.simulators.embeddings import EmbeddingsService, Faults, simulator
from bot.simulators.serving import beside
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.migrate import migrate
from bot.stores.record.parts import RecordParts
from bot.stores.record.vectors import RecordVectors

KEY = "sk-only-for-tests"
WAYS = {
    "hours": ("几点开门", "营业时间", "周末开吗", "what are your opening hours", "are you open on sundays"),
    "refund": ("怎么退款", "我要退货", "how do I get a refund", "I want my money back", "退钱给我"),
    "delivery": ("多久能送到", "快递几天到", "how long does delivery take", "when will my order arrive"),
}


@pytest.fixture
def service() -> EmbeddingsService:
    return EmbeddingsService(key=KEY)


@pytest.fixture
def endpoint(service: EmbeddingsService) -> Iterator[Endpoint]:
    with beside(simulator(service)) as address:
        yield Endpoint(f"{address}/v1", "letters-64", 64, KEY, time_limit=5.0)


@pytest.fixture
def encoder(endpoint: Endpoint) -> Iterator[EmbeddingsEncoder]:
    made = EmbeddingsEncoder(endpoint)
    yield made
    made.close()


def test_vectors_are_of_unit_length_and_in_the_order_of_the_texts(
    encoder: EmbeddingsEncoder, service: EmbeddingsService
) -> None:
    straight = encoder.encode(["几点开门", "refund", "😀"])
    service.faults.set(Faults(shuffled=True))
    assert np.array_equal(encoder.encode(["几点开门", "refund", "😀"]), straight)
    assert straight.shape == (3, 64)
    assert np.allclose(np.linalg.norm(straight, axis=1), 1, atol=1e-5)


def test_no_text_asks_nobody_and_an_empty_one_is_no_obstacle(
    encoder: EmbeddingsEncoder, service: EmbeddingsService
) -> None:
    assert encoder.encode([]).shape == (0, 64)
    assert service.requests == 0
    assert encoder.encode([""]).shape == (1, 64)


def test_a_model_that_can_is_asked_for_shorter_vectors(endpoint: Endpoint) -> None:
    short = EmbeddingsEncoder(replace(endpoint, dimensions=16, shorten=True))
    assert short.encode(["x"]).shape == (1, 16)
    assert short.name != EmbeddingsEncoder(endpoint).name
    short.close()


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        (Faults(broken=1), "http_500"),
        (Faults(busy=1, wait=7), "http_429"),
        (Faults(truncated=True), "no JSON"),
        (Faults(narrow=True), "63 dimensions instead of 64"),
    ],
)
def test_whatever_goes_wrong_is_named_without_the_text_or_the_key(
    encoder: EmbeddingsEncoder, service: EmbeddingsService, faults: Faults, code: str
) -> None:
    service.faults.set(faults)
    with pytest.raises(EncoderFailed) as failed:
        encoder.encode(["我的电话是 13800000001"])
    assert failed.value.code == code
    assert KEY not in str(failed.value)
    assert "138" not in str(failed.value)
    assert failed.value.retry_after == (7 if faults.busy else None)


def test_a_slow_endpoint_is_not_waited_for(endpoint: Endpoint, service: EmbeddingsService) -> None:
    service.faults.set(Faults(slow=3.0))
    hasty = EmbeddingsEncoder(replace(endpoint, time_limit=0.2))
    with pytest.raises(EncoderFailed, match="ReadTimeout"):
        hasty.encode(["x"])
    hasty.close()


def test_a_wrong_key_and_nobody_there_are_told_apart(endpoint: Endpoint) -> None:
    stranger = EmbeddingsEncoder(replace(endpoint, key="sk-wrong"))
    with pytest.raises(EncoderFailed, match="http_401") as refused:
        stranger.encode(["x"])
    nobody = EmbeddingsEncoder(replace(endpoint, url="http://127.0.0.1:9/v1"))
    with pytest.raises(EncoderFailed, match="ConnectError") as gone:
        nobody.encode(["x"])
    assert (refused.value.permanent, gone.value.permanent) == (True, False)
    stranger.close()
    nobody.close()


def test_training_waits_as_long_as_it_is_asked_to(encoder: EmbeddingsEncoder, service: EmbeddingsService) -> None:
    pauses: list[float] = []
    service.faults.set(Faults(busy=2, wait=9, broken=1))
    assert Patient(encoder, pauses.append).encode(["x"]).shape == (1, 64)
    assert pauses == [9.0, 9.0, 4.0]


def test_training_gives_up_at_once_on_what_waiting_does_not_mend(
    encoder: EmbeddingsEncoder, service: EmbeddingsService
) -> None:
    pauses: list[float] = []
    service.faults.set(Faults(narrow=True))
    with pytest.raises(EncoderFailed):
        Patient(encoder, pauses.append).encode(["x"])
    assert pauses == []
    service.faults.set(Faults(broken=99))
    with pytest.raises(EncoderFailed, match="http_500"):
        Patient(encoder, pauses.append).encode(["x"])
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0]


class Moving:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def test_an_encoder_that_fails_again_and_again_is_left_alone_for_a_while(
    encoder: EmbeddingsEncoder, service: EmbeddingsService, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Moving()
    guarded = Guarded(encoder, Breaker(3, 15.0, clock), clock)
    service.faults.set(Faults(broken=3))
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            with pytest.raises(EncoderFailed):
                guarded.encode(["x"])
    assert service.requests == 3
    assert "http_500" in caplog.text
    clock.at += 16.0
    assert guarded.encode(["x"]).shape == (1, 64)


def test_an_encoder_that_asks_for_rest_gets_it(encoder: EmbeddingsEncoder, service: EmbeddingsService) -> None:
    clock = Moving()
    guarded = Guarded(encoder, Breaker(3, 15.0, clock), clock)
    service.faults.set(Faults(busy=1, wait=30))
    for _ in range(3):
        with pytest.raises(EncoderFailed):
            guarded.encode(["x"])
    assert service.requests == 1
    clock.at += 31.0
    assert guarded.encode(["x"]).shape == (1, 64)


class Studio:
    """A small base, published with an encoder of one's choice."""

    def __init__(self, home: Path, encoder: Encoder) -> None:
        self.folder = home / "knowledge_base"
        self.folder.mkdir()
        self.database = Database(f"sqlite:///{home / 'record.sqlite'}")
        migrate(self.database.engine)
        self.stores = Stores(RecordEditions(self.database), RecordParts(self.database), RecordVectors(self.database))
        self.encoder = encoder
        (self.folder / "phrases.yaml").write_bytes((SHIPPED / "phrases.yaml").read_bytes())
        self.save(WAYS)

    def save(self, ways: dict[str, tuple[str, ...]]) -> None:
        (self.folder / "shop.yaml").write_text(_topic(ways), encoding="utf-8")

    def publish(self) -> Published:
        kept = self.stores.vectors
        readers = Readers(Recalling(shared_encoder(), kept), Recalling(Patient(self.encoder), kept, batch=8))
        return publish(Order(self.folder, (), 0.95, "Asia/Shanghai", "mei"), self.stores, readers)

    def edition(self) -> tuple[Edition, bytes]:
        number = asyncio.run(self.stores.editions.active())
        content, model = asyncio.run(self.stores.editions.load(number))
        return Edition.from_json(number, content), model

    def engine(self, encoder: Encoder | None) -> SemanticEngine:
        engine = SemanticEngine(fetch=self.stores.parts.fetch, encoder=encoder)
        edition, model = self.edition()
        engine.take_up(edition.number, model)
        return engine


def _topic(ways: dict[str, tuple[str, ...]]) -> str:
    entries = [
        f"  - id: {id_}\n    title: {{zh: {id_}的事, en: About {id_}}}\n    examples:\n"
        f"      zh: [{', '.join(way for way in asked if not way.isascii())}]\n"
        f"      en: [{', '.join(way for way in asked if way.isascii())}]\n    answers: {{zh: 好, en: Sure}}\n"
        for id_, asked in ways.items()
    ]
    return "topic: {zh: 店, en: Shop}\nentries:\n" + "".join(entries)


@pytest.fixture
def studio(tmp_path: Path, encoder: EmbeddingsEncoder) -> Iterator[Studio]:
    opened = Studio(tmp_path, encoder)
    yield opened
    opened.database.close()


def ask(engine: SemanticEngine, texts: Sequence[str], edition: int = 1) -> list[Understanding]:
    return engine.understand([Utterance(text, "en", edition) for text in texts])


def test_a_text_is_paid_for_once_whatever_is_trained_afterwards(studio: Studio, service: EmbeddingsService) -> None:
    studio.publish()
    paid = sum(map(len, service.asked))
    assert all(len(texts) <= 8 for texts in service.asked)
    studio.save({**WAYS, "hours": (*WAYS["hours"], "春节开门吗")})
    studio.publish()
    assert sum(map(len, service.asked)) == paid + 1


def test_its_vectors_are_what_messages_are_understood_by(studio: Studio, service: EmbeddingsService) -> None:
    studio.publish()
    engine, asked = studio.engine(studio.encoder), len(service.asked)
    found = ask(engine, ["你们几点才开门呀", "where is my refund"])
    assert [one.candidates[0].intent for one in found] == ["hours", "refund"]
    assert service.asked[asked:] == [["你们几点才开门呀", "where is my refund"]], "what waits together, asks together"
    ask(engine, ["where is my refund"])
    assert len(service.asked) == asked + 1, "understood once, remembered"


def test_while_it_fails_the_bundled_encoders_model_of_the_same_edition_understands(
    studio: Studio, service: EmbeddingsService
) -> None:
    studio.publish()
    engine = studio.engine(Guarded(studio.encoder, Breaker(3, 60.0)))
    service.faults.set(Faults(broken=1))
    asked = len(service.asked)
    assert ask(engine, ["什么时候开始营业"])[0].candidates[0].intent == "hours"
    assert len(service.asked) == asked
    ask(engine, ["什么时候开始营业"])
    assert len(service.asked) == asked + 1, "what the spare one understood is not remembered"


def test_an_edition_outlives_the_encoder_that_it_was_trained_with(studio: Studio) -> None:
    studio.publish()
    for configured in (None, Counted("another")):
        assert ask(studio.engine(configured), ["什么时候开始营业"])[0].candidates[0].intent == "hours"


class Counted:
    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, _texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        raise AssertionError("the edition was not trained with this one")


def test_the_spare_one_reaches_the_thresholds_where_it_reaches_its_own() -> None:
    points = meeting(Thresholds(0.9, 0.3), Thresholds(0.8, 0.5))
    confidence = np.array([0.0, 0.3, 0.6, 0.9, 1.0])
    assert stretched(confidence, points) == pytest.approx([0.0, 0.5, 0.65, 0.8, 1.0])
    assert (np.diff(stretched(np.linspace(0, 1, 50), meeting(Thresholds(0.5, 0.5), Thresholds(0.6, 0.6)))) >= 0).all()


@pytest.mark.parametrize("end", [20, 400, -30])
def test_bytes_that_are_no_pair_are_refused(end: int) -> None:
    written = Twins("x", b"own" * 200, b"spare" * 200, ((0.1, 0.2), (0.1, 0.2))).to_bytes()
    assert Twins.from_bytes(written) is not None
    with pytest.raises(EngineFailed):
        SemanticEngine().take_up(1, written[:end])
