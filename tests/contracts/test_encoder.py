"""What every encoder owes to training and to the engine, wherever it reads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bot.commands.readers import Coming
from bot.intents.rasa import Breaker
from bot.intents.understanding.asking import Guarded, Patient
from bot.intents.understanding.both import Both
from bot.intents.understanding.encoder import shared_encoder
from bot.intents.understanding.recalling import Recalling
from bot.ports import Encoder
from bot.services.embeddings import EmbeddingsEncoder, Endpoint
from bot.simulators.embeddings import EmbeddingsService, simulator
from bot.simulators.serving import beside
from bot.stores.record.database import Database
from bot.stores.record.migrate import migrate
from bot.stores.record.vectors import RecordVectors

TEXTS = ["几点开门", "what are your opening hours", "👋🏽 hola", "x" * 200, "", "\u0000 odd", "几点开门"]


@pytest.fixture(params=["bundled", "bundled, coming", "both", "endpoint", "endpoint, patient", "endpoint, guarded"])
def encoder(request: pytest.FixtureRequest) -> Iterator[Encoder]:
    kind = str(request.param)
    if kind.startswith("bundled"):
        yield Coming() if "coming" in kind else shared_encoder()
        return
    if kind == "both":
        yield Both()
        return
    with beside(simulator(EmbeddingsService())) as address:
        asked = EmbeddingsEncoder(Endpoint(f"{address}/v1", "letters-64", 64, time_limit=20.0))
        waiting: dict[str, Encoder] = {"patient": Patient(asked), "guarded": Guarded(asked, Breaker(3, 1.0))}
        yield waiting.get(kind[10:], asked)
        asked.close()


def test_each_text_has_a_vector_of_unit_length_in_its_place(encoder: Encoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert len(vectors) == len(TEXTS)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert np.allclose(vectors[0], vectors[-1], atol=1e-5)
    assert np.allclose(encoder.encode(TEXTS[1:2])[0], vectors[1], atol=1e-4)


def test_no_text_has_no_vector_but_the_same_width(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.encode(["x"]).shape[1])


def test_any_number_of_threads_may_ask(encoder: Encoder) -> None:
    alone = encoder.encode(TEXTS)
    with ThreadPoolExecutor(4) as threads:
        for vectors in threads.map(lambda _: encoder.encode(TEXTS), range(8)):
            assert np.allclose(vectors, alone, atol=1e-4)


def test_its_name_is_short_enough_to_be_kept_beside_each_vector(encoder: Encoder) -> None:
    assert 0 < len(encoder.name) <= 200


def test_a_recalled_vector_is_the_computed_one(encoder: Encoder, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}")
    migrate(database.engine)
    kept = RecordVectors(database)
    computed = Recalling(encoder, kept)(TEXTS)
    assert np.array_equal(Recalling(encoder, kept)(TEXTS), computed)
    assert np.allclose(computed, encoder.encode(TEXTS), atol=2e-3)
    database.close()
