"""Teaching: how any engine is brought to understand labelled texts, so that all of them are judged alike.

A new engine is one class that fits `Teacher`, and one line in the composition root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from bot.intents.footprint import Peak
from bot.intents.understanding.pieces import Fetch
from bot.intents.understanding.recalling import Recalling, Remembered
from bot.intents.understanding.semantic import SemanticEngine
from bot.intents.understanding.training import learn
from bot.knowledge.editions import Thresholds
from bot.ports import Encoder, Engine

Progress: TypeAlias = Callable[[str, float], None]
"""Is told the stage, and how much of it is done, 0 to 1."""
Taught: TypeAlias = Sequence[tuple[str, Sequence[str]]]
"""Intents with their texts; those of the intent '' stand for none: nobody is to answer them."""


def unwatched(_stage: str, _done: float) -> None:
    """The progress that nobody looks at."""


def told_apart(taught: Taught) -> tuple[Taught, list[str]]:
    """The intents, and the texts that stand for none."""
    return [one for one in taught if one[0]], [text for intent, ways in taught if not intent for text in ways]


@dataclass(frozen=True, slots=True)
class Promise:
    """The share of answers that must be right, and the intents that ask for another share."""

    target: float
    own: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of a training: an engine that is asked for `edition`, and from which confidence it answers.

    seconds: of training, by the clock on the wall. memory: the most megabytes that training and asking have taken so
    far, None where nobody can tell.
    """

    engine: Engine
    edition: int
    thresholds: Thresholds
    seconds: float
    memory: Callable[[], float | None]


class Teacher(Protocol):
    """Makes an engine understand; what it needs for that (a service, a folder) is there inside the `with` only."""

    def teach(
        self, taught: Taught, promise: Promise, progress: Progress = unwatched
    ) -> AbstractContextManager[Learned]:
        """Train on these texts. Raises SettingError for texts that it cannot learn from, EngineFailed, Unavailable."""
        ...


class SemanticTeacher:
    """Trains engine `semantic` in this process. encoder: reads the texts instead of the bundled one; what it reads of
    lessons is remembered from one training to the next."""

    def __init__(self, encoder: Encoder | None = None) -> None:
        self._encoder = encoder
        self._encode = Recalling(encoder, Remembered()) if encoder else None

    @contextmanager
    def teach(self, taught: Taught, promise: Promise, progress: Progress = unwatched) -> Iterator[Learned]:
        peak = Peak()
        intents, outside = told_apart(taught)
        trained = learn(intents, promise.target, dict(promise.own), progress, self._encode, outside)
        engine = SemanticEngine(encoder=self._encoder, spare=False)
        engine.take_up(1, trained.model)
        yield Learned(engine, 1, trained.thresholds, trained.report.seconds, peak.megabytes)


def taken_up(
    number: int,
    model: bytes,
    thresholds: Thresholds,
    fetch: Fetch = lambda _names: {},
    encoder: Encoder | None = None,
) -> Learned:
    """A trained edition, ready to be asked. fetch: the parts of a large one. encoder: as it is configured. Raises
    EngineFailed for a model that this version cannot read."""
    peak = Peak()
    engine = SemanticEngine(fetch=fetch, encoder=encoder)
    engine.take_up(number, model)
    return Learned(engine, number, thresholds, 0.0, peak.megabytes)
