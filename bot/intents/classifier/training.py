"""Trains a model on a knowledge base and chooses the thresholds that keep the target precision."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import NamedTuple, TypeAlias

import numpy as np
import yaml

from bot.errors import ConfigProblem, SettingError
from bot.intents.classifier.calibration import Calibration, HeldOutResults, Priors, calibrate
from bot.intents.classifier.cross_validation import TrainingTexts, concatenate, cross_validate
from bot.intents.classifier.embedding_cache import EmbeddingCache
from bot.intents.classifier.encoder import BundledEncoder, Vectors, shared_encoder
from bot.intents.classifier.features import NgramVocabulary, build_vocabulary, plain
from bot.intents.classifier.features import count_ngrams as grams_in
from bot.intents.classifier.linear_head import text_features
from bot.intents.classifier.model import CONTESTED, Centre, LinearHead, Model, centre_of
from bot.intents.classifier.partial_fit import choose_fit
from bot.intents.classifier.thresholds import Outcomes, ThresholdStep, choose_thresholds
from bot.knowledge.checks import Confusion
from bot.knowledge.content import LANGUAGES
from bot.knowledge.editions import Thresholds
from bot.knowledge.entries import Base, Entry
from bot.knowledge.similarity import same_form

Progress: TypeAlias = Callable[[str, float], None]  # receives the stage and the share of it that is done, 0 to 1
Encode: TypeAlias = Callable[[Sequence[str]], Vectors]
IntentTexts: TypeAlias = Sequence[tuple[str, Sequence[str]]]  # intents with their texts
# The second number is the mean cosine of elsewhere.yaml's texts under the bundled encoder.
_OVERLAP_COSINE, _BUNDLED_COMMON_COSINE = 0.55, 0.165208  # as the bundled encoder sees the texts of elsewhere.yaml
_FEWEST_OUT_OF_SCOPE = 20  # texts that stay in training however similar they are to the base
_BATCH = 256  # texts encoded between two progress reports
_MOST_GRAMS, _MOST_WEIGHTS = 60_000, 6_000_000  # and n-grams times intents: 12 MB in float16


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """Cross-validation results; shares are 0 to 1."""

    entries: int
    examples: int
    heldout: int
    accuracy: float  # first intent right, of questions that an entry answers
    precision: float  # of answers at the answer threshold, in the assumed mix of messages
    coverage: float  # share of messages answered at that threshold
    calibration_error: float  # expected, in 15 bins
    out_of_scope_refused: float  # share of out-of-scope questions below the answer threshold
    seconds: float
    curve: tuple[ThresholdStep, ...] = ()  # precision and coverage at other thresholds


@dataclass(frozen=True, slots=True)
class TrainedModel:
    model: bytes
    thresholds: Thresholds
    report: TrainingReport
    confusions: tuple[Confusion, ...]  # held-out texts that were predicted as another intent


def train(
    base: Base,
    target_precision: float,
    progress: Progress = lambda _stage, _done: None,
    encode: EmbeddingCache | None = None,
) -> TrainedModel:
    """Train on all entries of a base. Deterministic: the same base gives the same bytes.

    progress: receives the stage ('reading', 'rehearsing' or 'learning') and its share done, 0 to 1. encode: the
    encoder, None for the bundled one. Raises SettingError for a base without entries.
    """
    if not base.entries:
        raise SettingError(ConfigProblem.of("knowledge base", 0, "entries", "problem.no_examples_to_train"))
    own = {entry.id: entry.target_precision for entry in base.entries.values() if entry.target_precision}
    intent_texts = [(entry.id, texts_of_entry(entry)) for entry in base.entries.values()]
    return learn(intent_texts, target_precision, own, progress, encode, tuple(base.out_of_scope))


def learn(
    intent_texts: IntentTexts,
    target_precision: float,
    own_precision: dict[str, float] | None = None,
    progress: Progress = lambda _stage, _done: None,
    encode: EmbeddingCache | None = None,
    outside: Sequence[str] = (),
) -> TrainedModel:
    """Train on intents with their texts.

    own_precision: stricter targets of single intents. outside: out-of-scope questions of this base.
    """
    began = time.monotonic()
    texts = _texts(intent_texts)
    read = _ProgressEncoder(progress, encode or shared_encoder().encode).encode
    training_texts, vocabulary, centre = _training_texts(texts, len(intent_texts), read, outside)
    held_out = _cross_validated(training_texts, progress)
    progress("learning", 0.0)
    calibration = calibrate(held_out, len(texts) / len(intent_texts))
    model = replace(
        _model(intent_texts, training_texts, (vocabulary, centre), calibration),
        outside=frozenset(map(same_form, outside)),
        encoder="" if encode is None or encode.name == BundledEncoder.name else encode.name,
    )
    confidence = calibration.confidence(held_out.features)
    outcomes = Outcomes(confidence, held_out.right, held_out.offered, held_out.weights(Priors().real))
    thresholds = choose_thresholds(outcomes, target_precision, own_precision or {}, held_out.weights(Priors().unsure))
    progress("learning", 1.0)
    report = _report(training_texts, held_out, outcomes, thresholds, time.monotonic() - began)
    confusions = tuple(_confusions(intent_texts, texts, held_out, outcomes))
    return TrainedModel(model.to_bytes(), thresholds, report, confusions)


def texts_of_entry(entry: Entry) -> list[str]:
    """The texts that training takes from an entry: examples and titles."""
    examples = [text for language in LANGUAGES for text in entry.examples.in_language(language)]
    return [*examples, *(entry.title.in_language(language) for language in LANGUAGES)]


class _ProgressEncoder:
    """Encodes in batches and reports progress."""

    def __init__(self, progress: Progress, encode: Encode) -> None:
        self._progress = progress
        self._encode = encode

    def encode(self, texts: Sequence[str]) -> Vectors:
        pieces = [self._encode(texts[:0])]
        for start in range(0, len(texts), _BATCH):
            self._progress("reading", start / len(texts))
            pieces.append(self._encode(texts[start : start + _BATCH]))
        return np.concatenate(pieces)


class _Text(NamedTuple):
    plain: str  # normalised
    label: int  # index of the intent
    written: str  # as the editor wrote it


def _texts(intent_texts: IntentTexts) -> list[_Text]:
    return [
        _Text(text, number, written)
        for number, (intent, texts) in enumerate(intent_texts)
        for text, written in normalized_texts(intent, texts).items()
    ]


def normalized_texts(intent: str, texts: Iterable[str]) -> dict[str, str]:
    """Normalised texts of an intent, each once, with the original. An intent without readable texts is represented by
    its name."""
    written: dict[str, str] = {}
    for text in texts:
        written.setdefault(plain(text), text)
    written.pop("", None)
    return written or {intent: intent}


def _training_texts(
    known: Sequence[_Text], count: int, encode: Encode, outside: Sequence[str]
) -> tuple[TrainingTexts, NgramVocabulary, Centre]:
    """Features of all intents' texts in order, then of out-of-scope texts; the n-gram vocabulary; the centre."""
    own = encode([text.plain for text in known])
    out_of_scope_texts, strange = _out_of_scope_texts(own, encode, outside)
    texts = [*(text.plain for text in known), *out_of_scope_texts]
    counted = [grams_in(text) for text in texts]
    vocabulary = build_vocabulary(counted, min(_MOST_GRAMS, _MOST_WEIGHTS // (count + 1)))
    grams = [vocabulary.weigh(one) for one in counted]
    centre = centre_of(own)
    features = text_features(centre.centred(np.concatenate([own, strange])), grams, len(vocabulary.known))
    labels = np.array([*(text.label for text in known), *[count] * len(out_of_scope_texts)])
    fit = choose_fit(len(labels), count + 1)
    return TrainingTexts(features, labels, count, np.arange(len(labels)), fit), vocabulary, centre


def _out_of_scope_texts(own: Vectors, encode: Encode, outside: Sequence[str]) -> tuple[list[str], Vectors]:
    """Unrelated questions that are not similar to the base, and all of `outside`, which editors wrote for this base."""
    texts = [plain(text) for text in unrelated_questions()]
    vectors = encode(texts)
    nearest = (vectors @ own.T).max(axis=1)
    border = max(overlap_threshold(vectors), float(np.sort(nearest)[_FEWEST_OUT_OF_SCOPE - 1]))
    kept = np.flatnonzero(nearest <= border)
    near = normalized_out_of_scope(outside)
    return [*(texts[row] for row in kept), *near], np.concatenate([vectors[kept], encode(near)])


def overlap_threshold(unrelated: Vectors) -> float:
    """The cosine from which an unrelated question is taken to be about the base. unrelated: (n, dimensions).

    Encoders differ in the cosine of unrelated texts (0.17 for the bundled one, 0.8 for others), so the threshold is
    relative to the mean cosine among `unrelated`.
    """
    in_common = float(np.square(unrelated.mean(axis=0)).sum())
    return 1 - (1 - _OVERLAP_COSINE) * (1 - in_common) / (1 - _BUNDLED_COMMON_COSINE)


def normalized_out_of_scope(outside: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(form for form in map(plain, outside) if form))


def unrelated_questions() -> list[str]:
    """Questions of elsewhere.yaml, in both languages: about other things than nearly every brand's base."""
    file = resources.files("bot.intents.classifier") / "elsewhere.yaml"
    content: dict[str, list[str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [text for language in LANGUAGES for text in content[language]]


def _cross_validated(training_texts: TrainingTexts, progress: Progress) -> HeldOutResults:
    parts = []
    progress("rehearsing", 0.0)
    for done, part in cross_validate(training_texts):
        parts.append(part)
        progress("rehearsing", done)
    return concatenate(parts)


def _model(
    intent_texts: IntentTexts,
    training_texts: TrainingTexts,
    sight: tuple[NgramVocabulary, Centre],
    calibration: Calibration,
) -> Model:
    head = training_texts.fit_head()
    light = LinearHead(head.meaning, head.letters.astype(np.float16), head.bias)
    intents = tuple(intent for intent, _ in intent_texts)
    return Model(intents, _exact_intents(intent_texts), *sight, light, training_texts.examples(), calibration)


def _exact_intents(intent_texts: IntentTexts) -> dict[str, int]:
    """Intent index of each exact form, CONTESTED if several intents claim it."""
    claims: dict[str, set[int]] = {}
    for number, (_, texts) in enumerate(intent_texts):
        for form in exact_forms(texts):
            claims.setdefault(form, set()).add(number)
    return {form: numbers.pop() if len(numbers) == 1 else CONTESTED for form, numbers in claims.items()}


def exact_forms(texts: Iterable[str]) -> Iterable[str]:
    """Forms by which a text counts as an exact example: with and without courtesies."""
    return dict.fromkeys(form for text in texts for form in (same_form(text), same_form(plain(text))) if form)


def _confusions(
    intent_texts: IntentTexts, texts: Sequence[_Text], held_out: HeldOutResults, outcomes: Outcomes
) -> Iterator[Confusion]:
    for row in np.flatnonzero((held_out.kind == 0) & ~held_out.right):
        text = texts[held_out.place[row]]
        meant, taken = intent_texts[text.label][0], intent_texts[held_out.first[row]][0]
        yield Confusion(meant, taken, text.written, round(float(outcomes.confidence[row]), 4))


def _report(
    training_texts: TrainingTexts, held_out: HeldOutResults, outcomes: Outcomes, thresholds: Thresholds, seconds: float
) -> TrainingReport:
    counts = Counter(held_out.kind.tolist())
    strange = outcomes.confidence[held_out.kind == 2]
    return TrainingReport(
        entries=training_texts.count,
        examples=int((training_texts.labels < training_texts.count).sum()),
        heldout=counts[0],
        accuracy=float(held_out.right.sum()) / max(counts[0], 1),
        precision=outcomes.precision(thresholds.answer),
        coverage=outcomes.coverage(thresholds.answer),
        calibration_error=outcomes.calibration_error(),
        out_of_scope_refused=float((strange < thresholds.answer).sum()) / max(len(strange), 1),
        seconds=seconds,
        curve=outcomes.curve(),
    )
