"""The contract of every Encoder."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support.served import in_thread

from bot.circuit_breaker import CircuitBreaker
from bot.cli.editions import LoadingEncoder
from bot.encoders import GuardedEncoder, RetryingEncoder
from bot.encoders.e5 import CombinedEncoder
from bot.encoders.openai import EmbeddingsEncoder, EmbeddingsEndpoint
from bot.intents.classifier.embedding_cache import EmbeddingCache
from bot.intents.classifier.encoder import shared_encoder
from bot.ports.nlu import Encoder
from bot.simulators.embeddings import EmbeddingsService, simulator
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlVectors
from bot.stores.sql.migrate import migrate

TEXTS = ["几点开门", "what are your opening hours", "👋🏽 hola", "x" * 200, "", "\u0000 odd", "几点开门"]


@pytest.fixture(params=["bundled", "bundled, coming", "both", "endpoint", "endpoint, patient", "endpoint, guarded"])
def encoder(request: pytest.FixtureRequest) -> Iterator[Encoder]:
    kind = str(request.param)
    if kind.startswith("bundled"):
        yield LoadingEncoder() if "coming" in kind else shared_encoder()
        return
    if kind == "both":
        yield CombinedEncoder()
        return
    with in_thread(simulator(EmbeddingsService())) as address:
        asked = EmbeddingsEncoder(EmbeddingsEndpoint(f"{address}/v1", "letters-64", 64, time_limit=20.0))
        waiting: dict[str, Encoder] = {
            "patient": RetryingEncoder(asked),
            "guarded": GuardedEncoder(asked, CircuitBreaker(3, 1.0)),
        }
        yield waiting.get(kind[10:], asked)
        asked.close()


def test_each_text_has_a_vector_of_unit_length_in_its_place(encoder: Encoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert len(vectors) == len(TEXTS)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert np.allclose(vectors[0], vectors[-1], atol=1e-5)
    assert np.allclose(encoder.encode(TEXTS[1:2])[0], vectors[1], atol=1e-4)


def test_no_texts_give_an_empty_array_of_the_same_width(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.encode(["x"]).shape[1])


def test_encoding_is_thread_safe(encoder: Encoder) -> None:
    alone = encoder.encode(TEXTS)
    with ThreadPoolExecutor(4) as threads:
        for vectors in threads.map(lambda _: encoder.encode(TEXTS), range(8)):
            assert np.allclose(vectors, alone, atol=1e-4)


def test_an_encoders_name_fits_its_database_column(encoder: Encoder) -> None:
    assert 0 < len(encoder.name) <= 200


def test_a_cached_vector_equals_the_computed_one(encoder: Encoder, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}")
    migrate(database.engine)
    kept = SqlVectors(database)
    computed = EmbeddingCache(encoder, kept)(TEXTS)
    assert np.array_equal(EmbeddingCache(encoder, kept)(TEXTS), computed)
    assert np.allclose(computed, encoder.encode(TEXTS), atol=2e-3)
    database.close()
