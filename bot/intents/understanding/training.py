"""Training: from a knowledge base to a model, and to the thresholds that keep the promised precision."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TypeAlias

import numpy as np
import yaml

from bot.errors import Mistake, SettingError
from bot.intents.understanding.calibration import Calibration
from bot.intents.understanding.encoder import Vectors, shared_encoder
from bot.intents.understanding.fitting import Mix, Rehearsed, calibrate
from bot.intents.understanding.head import fit, views
from bot.intents.understanding.heldout import Lessons, joined, rehearse
from bot.intents.understanding.model import Model
from bot.intents.understanding.ngrams import Letters, learned
from bot.intents.understanding.normalise import plain
from bot.intents.understanding.thresholds import Outcomes, answer_from, ask_from
from bot.knowledge.content import LANGUAGES
from bot.knowledge.editions import Thresholds
from bot.knowledge.entries import Base, Entry
from bot.knowledge.sameness import same_form

Progress: TypeAlias = Callable[[str, float], None]
Encode: TypeAlias = Callable[[Sequence[str]], Vectors]
Taught: TypeAlias = Sequence[tuple[str, Sequence[str]]]
_TOO_NEAR = 0.55
_KEPT = 20
_MANY_INTENTS = 400


@dataclass(frozen=True, slots=True)
class Report:
    """What training showed, on texts that the models asked had not seen; shares are 0 to 1.

    accuracy: first intent right, of questions that an entry answers. precision, coverage: of answers from the answer
    threshold on, in the assumed mix of messages. calibration_error: expected, in 15 bins. strangers_refused: of
    questions about something else, those below the answer threshold.
    """

    entries: int
    examples: int
    heldout: int
    accuracy: float
    precision: float
    coverage: float
    calibration_error: float
    strangers_refused: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Trained:
    model: bytes
    thresholds: Thresholds
    report: Report


def train(base: Base, target_precision: float, progress: Progress = lambda _stage, _done: None) -> Trained:
    """Learn all entries of a base. The same base gives the same bytes.

    `progress` is told the stage ('reading', 'rehearsing', 'learning') and how much of it is done, 0 to 1. Raises
    SettingError for a base without entries.
    """
    if not base.entries:
        raise SettingError(Mistake("knowledge base", 0, "entries", "there are none", "write at least one"))
    own = {entry.id: entry.target_precision for entry in base.entries.values() if entry.target_precision}
    taught = [(entry.id, _ways_to_ask(entry)) for entry in base.entries.values()]
    return learn(taught, target_precision, own, progress)


def learn(
    taught: Taught,
    target_precision: float,
    own_precision: dict[str, float] | None = None,
    progress: Progress = lambda _stage, _done: None,
) -> Trained:
    """Learn intents from their texts. `own_precision`: the intents that ask for another precision than the target."""
    began = time.monotonic()
    encode = _Reader(progress).encode
    lessons, letters = _lessons(taught, encode)
    rehearsed = _rehearsed(lessons, progress)
    progress("learning", 0.0)
    calibration = calibrate(rehearsed)
    model = _model(taught, lessons, letters, calibration)
    outcomes = _outcomes(rehearsed, calibration)
    thresholds = _thresholds(outcomes, target_precision, own_precision or {})
    progress("learning", 1.0)
    report = _report(lessons, rehearsed, outcomes, thresholds, time.monotonic() - began)
    return Trained(model.to_bytes(), thresholds, report)


def _ways_to_ask(entry: Entry) -> list[str]:
    examples = [text for language in LANGUAGES for text in entry.examples.asked_in(language)]
    return [*examples, *(entry.title.said_in(language) for language in LANGUAGES)]


class _Reader:
    """Encodes texts in pieces, so that progress shows."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def encode(self, texts: Sequence[str]) -> Vectors:
        pieces = [shared_encoder().encode(texts[:0])]
        for start in range(0, len(texts), 256):
            self._progress("reading", start / len(texts))
            pieces.append(shared_encoder().encode(texts[start : start + 256]))
        return np.concatenate(pieces)


def _lessons(taught: Taught, encode: Encode) -> tuple[Lessons, Letters]:
    """All intents' texts, in order, and then what is about something else."""
    texts, owners = _plain_texts(taught)
    own = encode(texts)
    strange_texts, strange = _strangers(own, encode)
    texts = [*texts, *strange_texts]
    buckets = 4096 if len(taught) <= _MANY_INTENTS else 1024
    letters = learned(texts, buckets)
    seen = views(np.concatenate([own, strange]), [letters.read(text) for text in texts], buckets)
    return Lessons(seen, np.array([*owners, *[len(taught)] * len(strange_texts)]), len(taught)), letters


def _plain_texts(taught: Taught) -> tuple[list[str], list[int]]:
    """Each intent's texts as they are understood, every one once; an intent without any is known by its name."""
    texts: list[str] = []
    owners: list[int] = []
    for number, (intent, ways) in enumerate(taught):
        different = [text for text in dict.fromkeys(map(plain, ways)) if text] or [intent]
        texts += different
        owners += [number] * len(different)
    return texts, owners


def _strangers(own: Vectors, encode: Encode) -> tuple[list[str], Vectors]:
    """Texts about something else, without those that lie near to one of the base's own."""
    texts = [plain(text) for text in elsewhere()]
    vectors = encode(texts)
    nearest = (vectors @ own.T).max(axis=1)
    border = max(_TOO_NEAR, float(np.sort(nearest)[_KEPT - 1]))
    kept = np.flatnonzero(nearest <= border)
    return [texts[row] for row in kept], vectors[kept]


def elsewhere() -> list[str]:
    """Questions that are about something else for nearly every brand, in both languages."""
    file = resources.files("bot.intents.understanding") / "elsewhere.yaml"
    content: dict[str, list[str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [text for language in LANGUAGES for text in content[language]]


def _rehearsed(lessons: Lessons, progress: Progress) -> Rehearsed:
    parts = []
    progress("rehearsing", 0.0)
    for done, part in rehearse(lessons):
        parts.append(part)
        progress("rehearsing", done)
    return joined(parts)


def _model(taught: Taught, lessons: Lessons, letters: Letters, calibration: Calibration) -> Model:
    head = fit(lessons.views, lessons.owners, lessons.count + 1)
    intents = tuple(intent for intent, _ in taught)
    return Model(intents, _exact(taught), letters, head, lessons.examples(), calibration)


def _exact(taught: Taught) -> dict[str, int]:
    """The intent of each same form, with and without courtesies; forms that two intents claim belong to neither."""
    claims: dict[str, set[int]] = {}
    for number, (_, ways) in enumerate(taught):
        for form in _forms(ways):
            claims.setdefault(form, set()).add(number)
    return {form: numbers.pop() for form, numbers in claims.items() if len(numbers) == 1}


def _forms(ways: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(form for text in ways for form in (same_form(text), same_form(plain(text))) if form)


def _outcomes(rehearsed: Rehearsed, calibration: Calibration) -> Outcomes:
    confidence = calibration.confidence(rehearsed.seen)
    return Outcomes(confidence, rehearsed.right, rehearsed.offered, rehearsed.weights(Mix().real))


def _thresholds(outcomes: Outcomes, target: float, own: dict[str, float]) -> Thresholds:
    answer = answer_from(outcomes, target)
    stricter = {intent: answer_from(outcomes, wanted) for intent, wanted in own.items() if wanted > target}
    return Thresholds(answer, ask_from(outcomes, answer), stricter)


def _report(
    lessons: Lessons, rehearsed: Rehearsed, outcomes: Outcomes, thresholds: Thresholds, seconds: float
) -> Report:
    counts = Counter(rehearsed.kind.tolist())
    strange = outcomes.confidence[rehearsed.kind == 2]
    return Report(
        entries=lessons.count,
        examples=int((lessons.owners < lessons.count).sum()),
        heldout=counts[0],
        accuracy=float(rehearsed.right.sum()) / max(counts[0], 1),
        precision=outcomes.precision(thresholds.answer),
        coverage=outcomes.coverage(thresholds.answer),
        calibration_error=outcomes.calibration_error(),
        strangers_refused=float((strange < thresholds.answer).sum()) / max(len(strange), 1),
        seconds=seconds,
    )
