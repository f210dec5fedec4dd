"""Cross-validation: predictions for texts by models that were not trained on them.

Each text is predicted by a model trained without it. With enough intents, each is also predicted by a model trained
without its whole intent, which simulates questions near the topic that no entry answers. Texts of elsewhere.yaml are
held out like the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from bot.intents.classifier.calibration import HeldOutResults, confidence_features
from bot.intents.classifier.linear_head import TextFeatures, fit
from bot.intents.classifier.model import ExampleVectors, LinearHead
from bot.intents.classifier.partial_fit import THREADS, Fit, neighbourhoods

Rows = npt.NDArray[np.intp]
# Sizes up to which all folds are computed; beyond them one fold has enough texts and costs minutes.
_SEED = 20_240_607  # any number; fixed so that training is deterministic
_FINE_FOLDS_UP_TO, _ALL_FOLDS_UP_TO = 1_100, 6_000
_FOLDS, _FINE_FOLDS = 5, 10
_OFFERED = 3  # choices when asking back
_MOST_INTENTS = 600  # of a larger base only this many are cross-validated
_MOST_ASKED = 6_000  # texts of a fold
_MOST_SCORES = 4_000_000  # texts times intents in one matrix, to bound memory


@dataclass(frozen=True, slots=True)
class TrainingTexts:
    """Training texts sorted by intent, out-of-scope texts last."""

    features: TextFeatures
    labels: Rows  # (n,) intent of each text; `count` for out of scope
    count: int  # intents
    places: Rows  # (n,) row of each text in the full training set
    fit: Fit  # how a head is fitted: at once or by parts

    def subset(self, rows: Rows) -> TrainingTexts:
        return replace(self, features=self.features.subset(rows), labels=self.labels[rows], places=self.places[rows])

    def of_intents(self, intents: Rows) -> TrainingTexts:
        """The texts of these intents, renumbered from 0, and the out-of-scope texts."""
        number = np.full(self.count + 1, -1)
        number[[*intents, self.count]] = np.arange(len(intents) + 1)
        rows = np.flatnonzero(number[self.labels] >= 0)
        return replace(self.subset(rows), labels=number[self.labels[rows]], count=len(intents))

    def fit_head(self) -> LinearHead:
        """A head trained on these texts."""
        return self.fit(self.features, self.labels, self.count + 1)

    def examples(self) -> ExampleVectors:
        own = self.labels < self.count
        starts = np.searchsorted(self.labels[own], np.arange(self.count))
        return ExampleVectors(self.features.meaning[own], starts.astype(np.int32))


def cross_validate(texts: TrainingTexts) -> Iterator[tuple[float, HeldOutResults]]:
    """Yields progress (0 to 1) and the results of each fold."""
    chosen = _sample_intents(texts)
    some = texts if len(chosen) == texts.count else texts.of_intents(chosen)
    rounds = [turn for turn in (*_hold_out_texts(some), *_hold_out_intents(some)) if len(turn[1].labels)]
    with ThreadPoolExecutor(THREADS if texts.fit is fit else 1) as threads:  # by parts, each fit has its own
        for done, part in enumerate(threads.map(_evaluate_fold, *zip(*rounds, strict=True)), start=1):
            yield done / len(rounds), replace(part, first=chosen[part.first])


def _sample_intents(texts: TrainingTexts) -> Rows:
    """Intents to cross-validate: of a large base a sample of whole neighbourhoods, so that each intent keeps the
    similar ones it is confused with."""
    if texts.count <= _MOST_INTENTS:
        return np.arange(texts.count)
    examples = texts.examples()
    sums = np.add.reduceat(examples.vectors, examples.starts, axis=0)
    groups = list(neighbourhoods(sums / np.linalg.norm(sums, axis=1, keepdims=True)))
    step = len(groups) * max(len(group) for group in groups) / _MOST_INTENTS
    return np.sort(np.concatenate([groups[int(place)] for place in np.arange(0, len(groups), max(step, 1.0))]))


def concatenate(parts: list[HeldOutResults]) -> HeldOutResults:
    columns = ([getattr(part, field.name) for part in parts] for field in fields(HeldOutResults))
    return HeldOutResults(*map(np.concatenate, columns))


def _hold_out_texts(texts: TrainingTexts) -> Iterator[tuple[TrainingTexts, TrainingTexts, Rows]]:
    """Folds (training texts, held-out texts, kinds) by text, in equal parts of each intent. An intent's only text is
    never held out."""
    count = _fold_count(texts)
    folds = k_fold(texts.labels, count)
    for fold in range(count if len(folds) <= _ALL_FOLDS_UP_TO else 1):
        asked = texts.subset(np.flatnonzero(folds == fold))
        kinds = np.where(asked.labels == texts.count, 2, 0)
        yield texts.subset(np.flatnonzero(folds != fold)), asked, kinds


def _hold_out_intents(texts: TrainingTexts) -> Iterator[tuple[TrainingTexts, TrainingTexts, Rows]]:
    """Folds that hold out a third of the intents with all their texts; none with fewer than six intents."""
    if texts.count < 6:
        return
    order = np.random.default_rng(_SEED).permutation(texts.count)
    for third in range(3 if len(texts.labels) <= _ALL_FOLDS_UP_TO else 1):
        gone = np.isin(np.arange(texts.count), order[third::3])
        asked = texts.subset(np.flatnonzero(np.append(gone, False)[texts.labels]))
        # -1 matches no intent: every answer to these texts is wrong.
        out_of_scope = replace(asked, labels=np.full(len(asked.labels), -1))
        yield texts.of_intents(np.flatnonzero(~gone)), out_of_scope, np.ones(len(asked.labels), np.intp)


def _fold_count(texts: TrainingTexts) -> int:
    """The median number of texts per intent, 2 to 10: then most intents lose one text per fold and none is at a
    disadvantage."""
    own = texts.labels[texts.labels < texts.count]
    most = _FINE_FOLDS if len(texts.labels) <= _FINE_FOLDS_UP_TO else _FOLDS
    return int(np.clip(np.median(np.bincount(own)), 2, most))


def k_fold(labels: Rows, count: int, strata: Rows | None = None) -> Rows:
    """Stratified k-fold split: the fold of each text, 0 to count - 1, or -1 for never held out. Deterministic.

    labels: (n,) intent of each text. strata: (n,) a second key to balance over folds, such as the language. An intent's
    only text is never held out: nothing could be learned about the intent.
    """
    draw = np.random.default_rng(_SEED)
    folds = np.full(len(labels), -1)
    for intent in np.unique(labels):
        rows = draw.permutation(np.flatnonzero(labels == intent))
        if strata is not None:
            rows = rows[np.argsort(strata[rows], kind="stable")]
        if len(rows) > 1:  # each intent begins at another fold, so that small ones do not all fill the first
            folds[rows] = (np.arange(len(rows)) + intent) % count
    return folds


def _evaluate_fold(training: TrainingTexts, test: TrainingTexts, kinds: Rows) -> HeldOutResults:
    head, examples = training.fit_head(), training.examples()
    # More than _MOST_ASKED texts add little evidence, and in a large base cost more than all else.
    chosen = np.sort(np.random.default_rng(_SEED).permutation(len(kinds))[:_MOST_ASKED])
    pieces = np.array_split(chosen, len(chosen) * training.count // _MOST_SCORES + 1)
    return concatenate([_predict(head, examples, test.subset(rows), kinds[rows]) for rows in pieces])


def _predict(head: LinearHead, examples: ExampleVectors, test: TrainingTexts, kinds: Rows) -> HeldOutResults:
    scores = test.features.scores(head)
    similarity = examples.similarity(test.features.meaning)
    best = np.argsort(-scores[:, :-1], axis=1, kind="stable")[:, :_OFFERED]
    hits = (best == test.labels[:, None]) & (kinds == 0)[:, None]
    return HeldOutResults(
        confidence_features(scores, similarity), hits[:, 0], hits.any(axis=1), kinds, test.places, best[:, 0]
    )
