"""The simulated Rasa service, taught and examined as the real one is, and engines that ask it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.decisions import Understanding, Utterance
from bot.intents.rasa import Breaker, Patience, RasaEngine
from bot.intents.rasa.schooling import Asked, parted, schooled
from bot.intents.understanding.semantic import SemanticEngine
from bot.intents.understanding.training import learn
from bot.knowledge.editions import Schooled
from bot.services.rasa import RasaClient, Service
from bot.services.rasa.school import Lesson, answers
from bot.simulators.rasa import RasaService, Reader, simulator
from bot.simulators.serving import beside
from bot.telemetry import COUNTERS

TOKEN = "a-token-of-the-service"
LIMIT = 20.0  # seconds; generous, so that a busy machine is no slow service


@dataclass
class Stage:
    """A service that has learned a lesson, and what its rehearsal taught about it."""

    service: RasaService
    url: str
    lesson: Lesson
    known: Schooled
    model: bytes

    @contextmanager
    def engine(
        self, edition: int, limit: float = LIMIT, breaker: Breaker | None = None, known: Schooled | None = None
    ) -> Iterator[RasaEngine]:
        """One that has taken up the edition."""
        client = RasaClient(Service(self.url, TOKEN, limit))
        patience = Patience(4, limit, breaker or Breaker(3, 60.0))
        engine = RasaEngine(SemanticEngine(), client, {edition: known or self.known}.get, patience)
        engine.take_up(edition, self.model)
        yield engine
        engine.close()


def fallbacks() -> dict[str, float]:
    """How many texts the engine in reserve has understood in this process, by reason."""
    (metric,) = COUNTERS["fell_back"].collect()
    return {one.labels["why"]: one.value for one in metric.samples if one.name.endswith("_total")}


def ask(engine: RasaEngine, *texts: str, edition: int = 7) -> list[Understanding]:
    return engine.understand([Utterance(text, "en", edition) for text in texts])


@contextmanager
def schooled_service(taught: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Stage]:
    """Rehearsed with a part of what is taught, then serving all of it."""
    lesson = Lesson(taught, 100)
    kept, questions = parted(taught)
    with serving(Lesson(kept, 100)) as (service, url):
        asked: list[Asked] = answers(Service(url, TOKEN, LIMIT), questions)
        service.load(lesson.name, Reader(lesson.files))
        yield Stage(service, url, lesson, schooled(lesson.name, asked, 0.95, {}), learn(taught, 0.95).model)


@contextmanager
def serving(lesson: Lesson) -> Iterator[tuple[RasaService, str]]:
    """A service that has learned a lesson, and its address."""
    service = RasaService(TOKEN)
    service.load(lesson.name, Reader(lesson.files))
    with beside(simulator(service)) as url:
        yield service, url


def stand_in(folder: Path) -> Path:
    """Rasa's program, played by the simulator."""
    path = folder / "rasa-program"
    path.write_text(f"#!{sys.executable}\nfrom bot.simulators.rasa.program import main\nmain()\n", encoding="utf-8")
    path.chmod(0o755)
    return path
