"""A simulated Rasa service, trained and calibrated like a real one, and engines that ask it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.served import in_thread

from bot.circuit_breaker import CircuitBreaker
from bot.domain.decisions import Understanding, Utterance
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.training import learn
from bot.knowledge.editions import ExternalModel
from bot.rasa.client import RasaAddress, RasaClient
from bot.rasa.engine import RasaEngine
from bot.rasa.training import HeldOutAnswer, TrainingData, ask_questions, calibrate_model, hold_out
from bot.simulators.rasa import RasaService, Reader, simulator
from bot.telemetry import COUNTERS

TOKEN = "a-token-of-the-service"
LIMIT = 20.0  # seconds; generous, so that a busy machine is no slow service


@dataclass
class Stage:
    """A service with a trained model, and the model's calibration."""

    service: RasaService
    url: str
    data: TrainingData
    known: ExternalModel
    model: bytes

    @contextmanager
    def engine(
        self,
        edition: int,
        limit: float = LIMIT,
        breaker: CircuitBreaker | None = None,
        known: ExternalModel | None = None,
    ) -> Iterator[RasaEngine]:
        """An engine with the edition loaded."""
        client = RasaClient(RasaAddress(self.url, TOKEN, limit))
        engine = RasaEngine(
            SemanticEngine(),
            client,
            {edition: known or self.known}.get,
            connections=4,
            time_limit=limit,
            breaker=breaker or CircuitBreaker(3, 60.0),
        )
        engine.load(edition, self.model)
        yield engine
        engine.close()


def fallbacks() -> dict[str, float]:
    """Texts understood by the fallback in this process, by reason."""
    (metric,) = COUNTERS["fell_back"].collect()
    return {one.labels["why"]: one.value for one in metric.samples if one.name.endswith("_total")}


def ask(engine: RasaEngine, *texts: str, edition: int = 7) -> list[Understanding]:
    return engine.understand([Utterance(text, "en", edition) for text in texts])


@contextmanager
def trained_service(taught: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Stage]:
    """Calibrated on held-out questions, then serving a model of all texts."""
    data = TrainingData(taught, 100)
    kept, questions = hold_out(taught)
    with serving(TrainingData(kept, 100)) as (service, url):
        asked: list[HeldOutAnswer] = ask_questions(RasaAddress(url, TOKEN, LIMIT), questions)
        service.load(data.name, Reader(data.files))
        yield Stage(service, url, data, calibrate_model(data.name, asked, 0.95, {}), learn(taught, 0.95).model)


@contextmanager
def serving(data: TrainingData) -> Iterator[tuple[RasaService, str]]:
    """A service with a trained model, and its address."""
    service = RasaService(TOKEN)
    service.load(data.name, Reader(data.files))
    with in_thread(simulator(service)) as url:
        yield service, url


def rasa_program(folder: Path) -> Path:
    """A simulated Rasa program."""
    path = folder / "rasa-program"
    path.write_text(f"#!{sys.executable}\nfrom bot.simulators.rasa import main\nmain()\n", encoding="utf-8")
    path.chmod(0o755)
    return path
