"""Trains any engine on labelled texts, so that all engines are evaluated alike.

A new engine needs a class with the protocol `Trainer` and a line in `bot.app.engines`.
"""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from bot.intents.classifier.chunks import Fetch
from bot.intents.classifier.embedding_cache import EmbeddingCache, InMemoryVectors
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.training import learn
from bot.knowledge.editions import Thresholds
from bot.ports.nlu import Encoder, Engine

Progress: TypeAlias = Callable[[str, float], None]  # receives the stage and the share of it that is done, 0 to 1
IntentTexts: TypeAlias = Sequence[tuple[str, Sequence[str]]]  # intents with their texts; '' for out-of-scope texts


def no_progress(_stage: str, _done: float) -> None:
    """Ignores progress."""


def numbered(progress: Progress, number: int, count: int, prefix: str = "") -> Progress:
    """Progress of one of `count` trainings, whose number precedes the stage."""
    return lambda stage, done: progress(f"{prefix}{number}/{count} {stage}", done)


def split_out_of_scope(intent_texts: IntentTexts) -> tuple[IntentTexts, list[str]]:
    """Intents with their texts, and the out-of-scope texts (those of intent '')."""
    return [one for one in intent_texts if one[0]], [
        text for intent, texts in intent_texts if not intent for text in texts
    ]


@dataclass(frozen=True, slots=True)
class Promise:
    """Target precision of answers."""

    target: float
    per_intent: Mapping[str, float] = field(default_factory=dict)  # by intent, where it differs


@dataclass(frozen=True, slots=True)
class TrainedEngine:
    """A trained engine and its thresholds."""

    engine: Engine
    edition: int  # number to ask the engine with
    thresholds: Thresholds
    seconds: float  # of training, wall clock
    peak_memory: Callable[[], float | None]  # peak in megabytes until now; None where the system does not tell


class Trainer(Protocol):
    """Trains an engine; resources it needs (a server, a folder) exist inside the `with`."""

    def train(
        self, intent_texts: IntentTexts, promise: Promise, progress: Progress = no_progress
    ) -> AbstractContextManager[TrainedEngine]:
        """Raises SettingError for texts it cannot learn from, EngineFailed, Unavailable."""
        ...


class SemanticTrainer:
    """Trains engine `semantic` in this process. encoder: instead of the bundled one; its vectors are cached between
    trainings."""

    def __init__(self, encoder: Encoder | None = None) -> None:
        self._encoder = encoder
        self._encode = EmbeddingCache(encoder, InMemoryVectors()) if encoder else None

    @contextmanager
    def train(
        self, intent_texts: IntentTexts, promise: Promise, progress: Progress = no_progress
    ) -> Iterator[TrainedEngine]:
        peak = PeakMemory()
        intents, outside = split_out_of_scope(intent_texts)
        trained = learn(intents, promise.target, dict(promise.per_intent), progress, self._encode, outside)
        engine = SemanticEngine(encoder=self._encoder)
        engine.load(1, trained.model)
        yield TrainedEngine(engine, 1, trained.thresholds, trained.report.seconds, peak.megabytes)


def load_engine(
    number: int,
    model: bytes,
    thresholds: Thresholds,
    fetch: Fetch = lambda _names: {},
    encoder: Encoder | None = None,
) -> TrainedEngine:
    """A trained edition. fetch: chunks of a large model. encoder: the configured one. Raises EngineFailed for a model
    of another version."""
    peak = PeakMemory()
    engine = SemanticEngine(fetch=fetch, encoder=encoder)
    engine.load(number, model)
    return TrainedEngine(engine, number, thresholds, 0.0, peak.megabytes)


_RESET_PEAK = "5"  # see proc_pid_clear_refs(5): sets the peak to the current resident size
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class PeakMemory:
    """Peak memory from now on where the system allows a reset (Linux), else since the process began."""

    def __init__(self) -> None:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text(_RESET_PEAK, encoding="ascii")

    def megabytes(self) -> float:
        """Peak resident size."""
        with suppress(OSError):
            found = _PEAK.search(Path("/proc/self/status").read_text(encoding="ascii", errors="replace"))
            if found:
                return int(found.group(1)) / 1024
        spent = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return spent / (1024**2 if sys.platform == "darwin" else 1024)  # bytes there, kilobytes elsewhere
