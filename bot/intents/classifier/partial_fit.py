"""Fits some columns of a head while the others stay fixed.

The loss is that of `linear_head.fit`. The scores of fixed columns are constants of each text, and only texts for which
the fitted intents compete are used, so changing one entry costs the same in a large base. A base too large for `fit`
(time grows with texts times intents) is fitted neighbourhood by neighbourhood from class means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bot.intents.classifier.encoder import Vectors
from bot.intents.classifier.linear_head import NGRAM_WEIGHT, PENALTY, TextFeatures, fit
from bot.intents.classifier.loss_minimisation import Point, cross_entropy, log_sum_exp, minimise
from bot.intents.classifier.model import LinearHead, Scores

Rows: TypeAlias = npt.NDArray[np.intp]
Fit: TypeAlias = Callable[[TextFeatures, Rows, int], LinearHead]
NEIGHBOURHOOD = 96  # intents fitted together
RIVALS = 12  # competitors considered per text
MANY = 4_000_000  # texts times intents; a larger base is fitted by parts
_SCALES = (2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0, 20.0)  # of class means; the one with the lowest loss is taken
_TOLERANCES = (1e-3, 3e-4)  # of the two passes: a rough one to find the competitors, then a precise one
_MARGIN = 5.0  # logits; a competitor whose odds are below exp(-5) is none
_BATCH = 256  # texts scored by a thread; larger matrices are bound by memory bandwidth
_SAMPLE = 2048  # texts
THREADS = 2
_POWER_ITERATIONS = 12  # enough to tell halves apart; the exact direction does not matter


@dataclass(frozen=True, slots=True)
class Competitors:
    """The intents most likely to be chosen for each text."""

    rivals: Rows  # (n, RIVALS) intent indices
    total: Scores  # (n,) log-sum-exp of all logits


def choose_fit(texts: int, count: int) -> Fit:
    """The function that fits a head of this size in seconds; its cross-validation uses the same."""
    return fit_by_parts if texts * count > MANY else fit


def fit_by_parts(features: TextFeatures, labels: Rows, count: int) -> LinearHead:
    """A head with `count` columns, the last one out of scope. Deterministic."""
    head = _class_mean_head(features, labels, count)
    groups = [*neighbourhoods(head.meaning[:, :-1].T), np.array([count - 1])]
    for gain in _TOLERANCES:
        competitors = find_competitors(features, head)
        with ThreadPoolExecutor(THREADS) as threads:
            parts = list(threads.map(partial(_refit_neighbourhood, features, labels, head, competitors, gain), groups))
        for some, found in parts:
            assign_columns(head, some, found)
    return head


def _refit_neighbourhood(
    features: TextFeatures, labels: Rows, head: LinearHead, competitors: Competitors, gain: float, some: Rows
) -> tuple[Rows, LinearHead]:
    rows = _relevant_rows(labels, competitors, some, head.bias.shape[0])
    return some, refit_columns(features.subset(rows), labels[rows], head, competitors.total[rows], some, gain)


def refit_columns(
    features: TextFeatures, labels: Rows, head: LinearHead, total: Scores, some: Rows, gain: float = _TOLERANCES[-1]
) -> LinearHead:
    """Refit the columns `some` to these texts.

    labels: (n,) intent of each text. total: (n,) log-sum-exp of all logits under `head`. gain: tolerance of `minimise`.
    """
    start = select_columns(head, some)
    task = _ColumnsLoss(
        features.weighted(),
        _local_labels(labels, some),
        start,
    )
    rest = _log_sum_without(total, features.scores(start))
    found = minimise(lambda place: task.loss(rest, place[0]), task.flat(start), gain)
    meaning, letters, bias = task.parts(found)
    return LinearHead(meaning, letters * np.float32(NGRAM_WEIGHT), bias)


def select_columns(head: LinearHead, some: Rows) -> LinearHead:
    return LinearHead(head.meaning[:, some], head.letters[:, some], head.bias[some])


def assign_columns(head: LinearHead, some: Rows, fitted: LinearHead) -> None:
    """Write fitted columns to `head`, in place."""
    head.meaning[:, some] = fitted.meaning
    head.letters[:, some] = fitted.letters
    head.bias[some] = fitted.bias


def find_competitors(features: TextFeatures, head: LinearHead) -> Competitors:
    starts = range(0, len(features.meaning), _BATCH)
    with ThreadPoolExecutor(THREADS) as threads:
        parts = list(threads.map(partial(_score_batch, features, head), starts))
    return Competitors(np.concatenate([rivals for rivals, _ in parts]), np.concatenate([total for _, total in parts]))


def _score_batch(features: TextFeatures, head: LinearHead, start: int) -> tuple[Rows, Scores]:
    scores = features.subset(np.arange(start, min(start + _BATCH, len(features.meaning)))).scores(head)
    wanted = min(RIVALS, scores.shape[1])
    rivals = np.argpartition(scores, -wanted, axis=1)[:, -wanted:]
    theirs = np.take_along_axis(scores, rivals, axis=1)
    best = np.take_along_axis(rivals, theirs.argmax(axis=1)[:, None], axis=1)
    return np.where(theirs >= theirs.max(axis=1, keepdims=True) - _MARGIN, rivals, best), log_sum_exp(scores)


def _log_sum_without(total: Scores, own: Scores) -> Scores:
    """Log-sum-exp of the other columns, given that of all and the logits `own`."""
    # Rounding can make the share of `own` 1 or more, of which log1p has no value.
    share = np.minimum(log_sum_exp(own) - total, np.float32(-1e-6))
    rest: Scores = total + np.log1p(-np.exp(share)).astype(np.float32)
    return rest


def _relevant_rows(labels: Rows, competitors: Competitors, some: Rows, count: int) -> Rows:
    """Rows of the texts of these intents, and of texts for which they compete."""
    among = np.zeros(count, np.bool_)
    among[some] = True
    return np.flatnonzero(among[labels] | among[competitors.rivals].any(axis=1))


def _local_labels(labels: Rows, some: Rows) -> Rows:
    """Index of each text's intent among `some`; len(some) for any other."""
    order = np.argsort(some)
    found = np.minimum(np.searchsorted(some, labels, sorter=order), len(some) - 1)
    return np.where(some[order[found]] == labels, order[found], len(some))


def _class_mean_head(features: TextFeatures, labels: Rows, count: int) -> LinearHead:
    """A nearest-mean classifier as a linear head, on the scale with the lowest loss."""
    from scipy.sparse import csr_array

    sizes = np.bincount(labels, minlength=count).astype(np.float32)
    belongs = csr_array((1 / sizes[labels], (labels, np.arange(len(labels)))), shape=(count, len(labels)))
    meaning = np.asarray(belongs @ features.meaning, np.float32)
    letters = np.asarray((belongs @ features.letters).todense(), np.float32) * np.float32(NGRAM_WEIGHT**2)
    lengths = np.einsum("ij,ij->i", meaning, meaning) + np.einsum("ij,ij->i", letters, letters) / NGRAM_WEIGHT**2
    whole = LinearHead(
        np.ascontiguousarray(meaning.T), np.ascontiguousarray(letters.T), -lengths.astype(np.float32) / 2
    )
    scale = np.float32(_best_scale(features, labels, whole))
    return LinearHead(whole.meaning * scale, whole.letters * scale, whole.bias * scale)


def _best_scale(features: TextFeatures, labels: Rows, head: LinearHead) -> float:
    rows = np.linspace(0, len(labels) - 1, min(_SAMPLE, len(labels))).astype(np.intp)
    scores = features.subset(rows).scores(head)
    own = scores[np.arange(len(rows)), labels[rows]]
    return min(_SCALES, key=lambda scale: float((log_sum_exp(scores * np.float32(scale)) - own * scale).mean()))


def neighbourhoods(means: Vectors) -> Iterator[Rows]:
    """Partition of all intents into groups of similar ones, by repeated bisection along the principal direction."""
    waiting = [np.arange(len(means))]
    while waiting:
        some = waiting.pop()
        if len(some) <= NEIGHBOURHOOD:
            yield some
            continue
        order = some[np.argsort(_principal_projection(means[some]), kind="stable")]
        waiting += [order[len(order) // 2 :], order[: len(order) // 2]]


def _principal_projection(means: Vectors) -> Scores:
    """Projection (n,) on the direction of largest variance, by power iteration."""
    centred = means - means.mean(axis=0)
    # The offset keeps the start from being all zeros.
    direction = centred[0] + 1e-3
    for _ in range(_POWER_ITERATIONS):
        direction = centred.T @ (centred @ direction)
        direction /= max(float(np.linalg.norm(direction)), 1e-12)
    projected: Scores = centred @ direction
    return projected


class _ColumnsLoss:
    """Cross-entropy among some columns and all others as one class, with an L2 penalty."""

    def __init__(self, features: TextFeatures, places: Rows, start: LinearHead) -> None:
        self._seen = features
        self._turned = features.letters.T.tocsr()
        self._places = places
        self._dimensions, self._count = start.meaning.shape
        self._rows = self._dimensions + len(start.letters) + 1

    def flat(self, head: LinearHead) -> Point:
        table = np.concatenate([head.meaning, head.letters / np.float32(NGRAM_WEIGHT), head.bias[None]])
        return np.ascontiguousarray(table, np.float32).ravel()

    def parts(self, flat: Point) -> tuple[Vectors, Vectors, Scores]:
        table = flat.reshape(self._rows, self._count)
        return table[: self._dimensions], table[self._dimensions : -1], table[-1]

    def loss(self, rest: Scores, flat: Point) -> tuple[float, Point]:
        """Loss and gradient at a flat point. rest: (n,) log-sum-exp of the fixed columns."""
        scores = np.concatenate([self._seen.scores(LinearHead(*self.parts(flat))), rest[:, None]], axis=1)
        losses, score_gradient = cross_entropy(scores, self._places)
        own = np.ascontiguousarray(score_gradient[:, :-1])
        gradient = flat * np.float32(PENALTY)
        to_meaning, to_letters, to_bias = self.parts(gradient)
        to_meaning += self._seen.meaning.T @ own
        to_letters += self._turned @ own
        to_bias[:] = own.sum(axis=0)
        weights = flat[: -self._count]
        return float(losses.sum()) + PENALTY / 2 * float(weights @ weights), gradient
