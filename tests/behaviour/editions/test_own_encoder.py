"""A configured encoder: its errors, retries and costs, and what is understood while it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import builders
from support.knowledge_base_files import SHIPPED
from support.served import in_thread

from bot.circuit_breaker import CircuitBreaker
from bot.domain.decisions import Turn, Understanding, Utterance
from bot.domain.messages import Conversation, Identity, Kind, Reason, StoredMessage
from bot.encoders import GuardedEncoder, RetryingEncoder
from bot.encoders.openai import EmbeddingsEncoder, EmbeddingsEndpoint
from bot.errors import EncoderFailed
from bot.intents.classifier.embedding_cache import EmbeddingCache
from bot.intents.classifier.encoder import shared_encoder
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.inference import InferenceThread
from bot.intents.policy import SayEntry, ToPerson, decide
from bot.knowledge.editions import Edition
from bot.ports.nlu import Encoder
from bot.publishing import EditionStores, PublishRequest, PublishResult, publish
from bot.simulators.embeddings import EmbeddingsService, Faults, simulator
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlChunks, SqlEditions, SqlVectors
from bot.stores.sql.migrate import migrate

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
def endpoint(service: EmbeddingsService) -> Iterator[EmbeddingsEndpoint]:
    with in_thread(simulator(service)) as address:
        yield EmbeddingsEndpoint(f"{address}/v1", "letters-64", 64, KEY, time_limit=5.0)


@pytest.fixture
def encoder(endpoint: EmbeddingsEndpoint) -> Iterator[EmbeddingsEncoder]:
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


def test_no_texts_make_no_request_and_an_empty_text_has_a_vector(
    encoder: EmbeddingsEncoder, service: EmbeddingsService
) -> None:
    assert encoder.encode([]).shape == (0, 64)
    assert service.requests == 0
    assert encoder.encode([""]).shape == (1, 64)


def test_shorter_vectors_are_requested_if_configured(endpoint: EmbeddingsEndpoint) -> None:
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
def test_errors_contain_neither_text_nor_key(
    encoder: EmbeddingsEncoder, service: EmbeddingsService, faults: Faults, code: str
) -> None:
    service.faults.set(faults)
    with pytest.raises(EncoderFailed) as failed:
        encoder.encode(["我的电话是 13800000001"])
    assert failed.value.code == code
    assert KEY not in str(failed.value)
    assert "138" not in str(failed.value)
    assert failed.value.retry_after == (7 if faults.busy else None)


def test_a_slow_endpoint_fails_at_the_time_limit(endpoint: EmbeddingsEndpoint, service: EmbeddingsService) -> None:
    service.faults.set(Faults(slow=3.0))
    hasty = EmbeddingsEncoder(replace(endpoint, time_limit=0.2))
    with pytest.raises(EncoderFailed, match="ReadTimeout"):
        hasty.encode(["x"])
    hasty.close()


def test_a_wrong_key_and_an_unreachable_endpoint_are_different_errors(endpoint: EmbeddingsEndpoint) -> None:
    stranger = EmbeddingsEncoder(replace(endpoint, key="sk-wrong"))
    with pytest.raises(EncoderFailed, match="http_401") as refused:
        stranger.encode(["x"])
    nobody = EmbeddingsEncoder(replace(endpoint, url="http://127.0.0.1:9/v1"))
    with pytest.raises(EncoderFailed, match="ConnectError") as gone:
        nobody.encode(["x"])
    assert (refused.value.permanent, gone.value.permanent) == (True, False)
    stranger.close()
    nobody.close()


def test_training_waits_as_long_as_the_endpoint_asks(encoder: EmbeddingsEncoder, service: EmbeddingsService) -> None:
    pauses: list[float] = []
    service.faults.set(Faults(busy=2, wait=9, broken=1))
    assert RetryingEncoder(encoder, pauses.append).encode(["x"]).shape == (1, 64)
    assert pauses == [9.0, 9.0, 4.0]


def test_training_does_not_retry_permanent_errors(encoder: EmbeddingsEncoder, service: EmbeddingsService) -> None:
    pauses: list[float] = []
    service.faults.set(Faults(narrow=True))
    with pytest.raises(EncoderFailed):
        RetryingEncoder(encoder, pauses.append).encode(["x"])
    assert pauses == []
    service.faults.set(Faults(broken=99))
    with pytest.raises(EncoderFailed, match="http_500"):
        RetryingEncoder(encoder, pauses.append).encode(["x"])
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0]


class Moving:
    """A clock that only advances when it is moved."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def test_the_breaker_opens_after_repeated_failures(
    encoder: EmbeddingsEncoder, service: EmbeddingsService, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Moving()
    guarded = GuardedEncoder(encoder, CircuitBreaker(3, 15.0, clock), clock)
    service.faults.set(Faults(broken=3))
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            with pytest.raises(EncoderFailed):
                guarded.encode(["x"])
    assert service.requests == 3
    assert "http_500" in caplog.text
    clock.at += 16.0
    assert guarded.encode(["x"]).shape == (1, 64)


def test_an_encoder_is_not_asked_during_the_pause_it_asked_for(
    encoder: EmbeddingsEncoder, service: EmbeddingsService
) -> None:
    clock = Moving()
    guarded = GuardedEncoder(encoder, CircuitBreaker(3, 15.0, clock), clock)
    service.faults.set(Faults(busy=1, wait=30))
    for _ in range(3):
        with pytest.raises(EncoderFailed):
            guarded.encode(["x"])
    assert service.requests == 1
    clock.at += 31.0
    assert guarded.encode(["x"]).shape == (1, 64)


class Studio:
    """A small base published with a configured encoder."""

    def __init__(self, home: Path, encoder: Encoder) -> None:
        self.folder = home / "knowledge_base"
        self.folder.mkdir()
        self.database = Database(f"sqlite:///{home / 'record.sqlite'}")
        migrate(self.database.engine)
        self.stores = EditionStores(SqlEditions(self.database), SqlChunks(self.database), SqlVectors(self.database))
        self.encoder = encoder
        (self.folder / "phrases.yaml").write_bytes((SHIPPED / "phrases.yaml").read_bytes())
        self.save(WAYS)

    def save(self, ways: dict[str, tuple[str, ...]]) -> None:
        (self.folder / "shop.yaml").write_text(_topic(ways), encoding="utf-8")

    def publish(self) -> PublishResult:
        kept = self.stores.vectors
        reader = EmbeddingCache(RetryingEncoder(self.encoder), kept, batch=8)
        return publish(PublishRequest(self.folder, (), 0.95, "Asia/Shanghai", "mei"), self.stores, reader)

    def edition(self) -> tuple[Edition, bytes]:
        number = asyncio.run(self.stores.editions.active())
        content, model = asyncio.run(self.stores.editions.load(number))
        return Edition.from_json(number, content), model

    def engine(self, encoder: Encoder | None) -> SemanticEngine:
        engine = SemanticEngine(fetch=self.stores.chunks.fetch, encoder=encoder)
        edition, model = self.edition()
        engine.load(edition.number, model)
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


def test_a_text_is_sent_to_a_paid_encoder_once_across_trainings(studio: Studio, service: EmbeddingsService) -> None:
    studio.publish()
    paid = sum(map(len, service.asked))
    assert all(len(texts) <= 8 for texts in service.asked)
    studio.save({**WAYS, "hours": (*WAYS["hours"], "春节开门吗")})
    studio.publish()
    assert sum(map(len, service.asked)) == paid + 1


def test_messages_are_understood_by_the_configured_encoder(studio: Studio, service: EmbeddingsService) -> None:
    studio.publish()
    engine, asked = studio.engine(studio.encoder), len(service.asked)
    found = ask(engine, ["你们几点才开门呀", "where is my refund"])
    assert [one.candidates[0].intent for one in found] == ["hours", "refund"]
    assert service.asked[asked:] == [["你们几点才开门呀", "where is my refund"]], "what waits together, asks together"
    ask(engine, ["where is my refund"])
    assert len(service.asked) == asked + 1, "understood once, remembered"


def test_while_the_encoder_fails_only_exact_examples_are_understood(studio: Studio, service: EmbeddingsService) -> None:
    studio.publish()
    engine = studio.engine(GuardedEncoder(studio.encoder, CircuitBreaker(3, 60.0)))
    service.faults.set(Faults(broken=1))
    exact = ask(engine, ["怎么退款？"])[0]
    assert (exact.exact, exact.candidates[0].intent) == (True, "refund")
    with pytest.raises(EncoderFailed, match="http_500"):
        ask(engine, ["什么时候开始营业"])
    assert ask(engine, ["什么时候开始营业"])[0].candidates[0].intent == "hours", "it answers again"


def first_turn(text: str, understood: Understanding) -> Turn:
    conversation = Conversation("", "", "", Identity("", "", "", ""))
    return Turn(
        StoredMessage("", "", 1, "", Kind.TEXT, text, 0.0), conversation, understood, "en", builders.edition(), 0.0
    )


def test_while_the_encoder_fails_a_paraphrase_goes_to_a_person(studio: Studio, service: EmbeddingsService) -> None:
    studio.publish()
    edition, engine = studio.edition()[0], studio.engine(studio.encoder)
    service.faults.set(Faults(broken=99))
    said = ["怎么退款", "什么时候开始营业", "where is my refund"]

    async def understood(inference: InferenceThread) -> list[Understanding]:
        return await asyncio.gather(*(inference.understand(Utterance(text, "en", edition.number)) for text in said))

    inference = InferenceThread(engine, 8)
    found = asyncio.run(understood(inference))
    inference.close()
    routes = [decide(one, edition, first_turn(text, one)) for text, one in zip(said, found, strict=True)]
    assert routes == [SayEntry("refund", 0.995), ToPerson(Reason.UNSURE), ToPerson(Reason.UNSURE)]


def test_an_edition_without_its_encoder_answers_exact_examples(studio: Studio) -> None:
    studio.publish()
    for configured in (None, Counted("another")):
        engine = studio.engine(configured)
        assert ask(engine, ["几点开门"])[0].candidates[0].intent == "hours"
        with pytest.raises(EncoderFailed, match="is not configured"):
            ask(engine, ["什么时候开始营业"])


def test_an_edition_trained_with_the_bundled_encoder_is_served_with_it(studio: Studio) -> None:
    studio.encoder = shared_encoder()
    studio.publish()
    assert ask(studio.engine(Counted("another")), ["什么时候开始营业"])[0].candidates[0].intent == "hours"


class Counted:
    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, _texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        raise AssertionError("the edition was not trained with this one")
