"""Training: from a knowledge base to a model, and to the thresholds that keep the promised precision."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import NamedTuple, TypeAlias

import numpy as np
import yaml

from bot.errors import Mistake, SettingError
from bot.intents.understanding.calibration import Calibration
from bot.intents.understanding.encoder import Vectors, shared_encoder
from bot.intents.understanding.fitting import Mix, Rehearsed, calibrate
from bot.intents.understanding.head import views
from bot.intents.understanding.heldout import Lessons, joined, rehearse
from bot.intents.understanding.model import CONTESTED, Head, Model, Standpoint, standpoint
from bot.intents.understanding.ngrams import Letters, learned
from bot.intents.understanding.ngrams import count as grams_in
from bot.intents.understanding.normalise import plain
from bot.intents.understanding.refit import way_to_fit
from bot.intents.understanding.thresholds import Outcomes, Step, keeping
from bot.knowledge.confusions import Confusion
from bot.knowledge.content import LANGUAGES
from bot.knowledge.editions import Thresholds
from bot.knowledge.entries import Base, Entry
from bot.knowledge.sameness import same_form

Progress: TypeAlias = Callable[[str, float], None]
Encode: TypeAlias = Callable[[Sequence[str]], Vectors]
Taught: TypeAlias = Sequence[tuple[str, Sequence[str]]]
_TOO_NEAR, _IN_COMMON = 0.55, 0.165208  # as the bundled encoder sees the texts of elsewhere.yaml
_KEPT = 20
_PIECE = 256
_MOST_GRAMS, _MOST_WEIGHTS = 60_000, 6_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """What training showed, on texts that the models asked had not seen; shares are 0 to 1.

    accuracy: first intent right, of questions that an entry answers. precision, coverage: of answers from the answer
    threshold on, in the assumed mix of messages. calibration_error: expected, in 15 bins. strangers_refused: of
    questions about something else, those below the answer threshold. curve: what other thresholds would buy.
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
    curve: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Trained:
    """confusions: the held-out texts that were taken for another intent than their own."""

    model: bytes
    thresholds: Thresholds
    report: Report
    confusions: tuple[Confusion, ...]


def train(
    base: Base,
    target_precision: float,
    progress: Progress = lambda _stage, _done: None,
    encode: Encode | None = None,
) -> Trained:
    """Learn all entries of a base. The same base gives the same bytes. encode: reads texts; else the bundled encoder.

    `progress` is told the stage ('reading', 'rehearsing', 'learning') and how much of it is done, 0 to 1. Raises
    SettingError for a base without entries.
    """
    if not base.entries:
        raise SettingError(Mistake("knowledge base", 0, "entries", "there are none", "write at least one"))
    own = {entry.id: entry.target_precision for entry in base.entries.values() if entry.target_precision}
    taught = [(entry.id, ways_to_ask(entry)) for entry in base.entries.values()]
    return learn(taught, target_precision, own, progress, encode, tuple(base.out_of_scope))


def learn(
    taught: Taught,
    target_precision: float,
    own_precision: dict[str, float] | None = None,
    progress: Progress = lambda _stage, _done: None,
    encode: Encode | None = None,
    outside: Sequence[str] = (),
) -> Trained:
    """Learn intents from their texts. `own_precision`: the intents that ask for another precision than the target.
    outside: texts that stand for none of them, near as they may be."""
    began = time.monotonic()
    texts = _texts(taught)
    read = _Reader(progress, encode or shared_encoder().encode).encode
    lessons, letters, middle = _lessons(texts, len(taught), read, outside)
    rehearsed = _rehearsed(lessons, progress)
    progress("learning", 0.0)
    calibration = calibrate(rehearsed, len(texts) / len(taught))
    model = replace(_model(taught, lessons, (letters, middle), calibration), outside=frozenset(map(same_form, outside)))
    outcomes = _outcomes(rehearsed, calibration)
    thresholds = keeping(outcomes, target_precision, own_precision or {}, rehearsed.weights(Mix().unsure))
    progress("learning", 1.0)
    report = _report(lessons, rehearsed, outcomes, thresholds, time.monotonic() - began)
    confusions = tuple(_confusions(taught, texts, rehearsed, outcomes))
    return Trained(model.to_bytes(), thresholds, report, confusions)


def ways_to_ask(entry: Entry) -> list[str]:
    """Everything that is taught of an entry: its examples and titles."""
    examples = [text for language in LANGUAGES for text in entry.examples.asked_in(language)]
    return [*examples, *(entry.title.said_in(language) for language in LANGUAGES)]


class _Reader:
    """Encodes texts in pieces, so that progress shows."""

    def __init__(self, progress: Progress, encode: Encode) -> None:
        self._progress = progress
        self._encode = encode

    def encode(self, texts: Sequence[str]) -> Vectors:
        pieces = [self._encode(texts[:0])]
        for start in range(0, len(texts), _PIECE):
            self._progress("reading", start / len(texts))
            pieces.append(self._encode(texts[start : start + _PIECE]))
        return np.concatenate(pieces)


class _Text(NamedTuple):
    """A text as it is understood, the number of its intent, and the text as somebody wrote it."""

    plain: str
    owner: int
    written: str


def _texts(taught: Taught) -> list[_Text]:
    """Each intent's texts, every one once; an intent without any is known by its name."""
    return [
        _Text(text, number, written)
        for number, (intent, ways) in enumerate(taught)
        for text, written in as_understood(intent, ways).items()
    ]


def as_understood(intent: str, ways: Iterable[str]) -> dict[str, str]:
    """The plain forms of an intent's texts, with what was written first; its name if it has none."""
    written: dict[str, str] = {}
    for way in ways:
        written.setdefault(plain(way), way)
    written.pop("", None)
    return written or {intent: intent}


def _lessons(
    known: Sequence[_Text], count: int, encode: Encode, outside: Sequence[str]
) -> tuple[Lessons, Letters, Standpoint]:
    """The texts of all `count` intents, in order, and then what is about something else."""
    own = encode([text.plain for text in known])
    strange_texts, strange = _strangers(own, encode, outside)
    texts = [*(text.plain for text in known), *strange_texts]
    counted = [grams_in(text) for text in texts]
    letters = learned(counted, min(_MOST_GRAMS, _MOST_WEIGHTS // (count + 1)))
    grams = [letters.weigh(one) for one in counted]
    middle = standpoint(own)
    seen = views(middle.look(np.concatenate([own, strange])), grams, len(letters.known))
    owners = np.array([*(text.owner for text in known), *[count] * len(strange_texts)])
    fit = way_to_fit(len(owners), count + 1)
    return Lessons(seen, owners, count, np.arange(len(owners)), fit), letters, middle


def _strangers(own: Vectors, encode: Encode, outside: Sequence[str]) -> tuple[list[str], Vectors]:
    """Texts about something else, without those that lie near to one of the base's own; and those `outside`, however
    near they lie: somebody wrote them for this base."""
    texts = [plain(text) for text in elsewhere()]
    vectors = encode(texts)
    nearest = (vectors @ own.T).max(axis=1)
    border = max(too_near(vectors), float(np.sort(nearest)[_KEPT - 1]))
    kept = np.flatnonzero(nearest <= border)
    near = as_strangers(outside)
    return [*(texts[row] for row in kept), *near], np.concatenate([vectors[kept], encode(near)])


def too_near(strangers: Vectors) -> float:
    """From which cosine on a text about something else is about the base after all.

    Encoders differ in how near they see texts that have nothing in common (0.17 the bundled one, 0.8 others): it is
    counted from there.
    """
    in_common = float(np.square(strangers.mean(axis=0)).sum())
    return 1 - (1 - _TOO_NEAR) * (1 - in_common) / (1 - _IN_COMMON)


def as_strangers(outside: Iterable[str]) -> list[str]:
    """The plain forms of texts out of scope, each once."""
    return list(dict.fromkeys(form for form in map(plain, outside) if form))


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


def _model(taught: Taught, lessons: Lessons, sight: tuple[Letters, Standpoint], calibration: Calibration) -> Model:
    head = lessons.learned()
    light = Head(head.meaning, head.letters.astype(np.float16), head.bias)
    intents = tuple(intent for intent, _ in taught)
    return Model(intents, _exact(taught), *sight, light, lessons.examples(), calibration)


def _exact(taught: Taught) -> dict[str, int]:
    """The intent of each same form, with and without courtesies; forms that two intents claim are CONTESTED."""
    claims: dict[str, set[int]] = {}
    for number, (_, ways) in enumerate(taught):
        for form in forms(ways):
            claims.setdefault(form, set()).add(number)
    return {form: numbers.pop() if len(numbers) == 1 else CONTESTED for form, numbers in claims.items()}


def forms(ways: Iterable[str]) -> Iterable[str]:
    """The same forms by which an intent's texts are known at once."""
    return dict.fromkeys(form for text in ways for form in (same_form(text), same_form(plain(text))) if form)


def _outcomes(rehearsed: Rehearsed, calibration: Calibration) -> Outcomes:
    confidence = calibration.confidence(rehearsed.seen)
    return Outcomes(confidence, rehearsed.right, rehearsed.offered, rehearsed.weights(Mix().real))


def _confusions(
    taught: Taught, texts: Sequence[_Text], rehearsed: Rehearsed, outcomes: Outcomes
) -> Iterator[Confusion]:
    for row in np.flatnonzero((rehearsed.kind == 0) & ~rehearsed.right):
        text = texts[rehearsed.place[row]]
        meant, taken = taught[text.owner][0], taught[rehearsed.first[row]][0]
        yield Confusion(meant, taken, text.written, round(float(outcomes.confidence[row]), 4))


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
        curve=outcomes.curve(),
    )
