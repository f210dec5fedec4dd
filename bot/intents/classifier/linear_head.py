"""Fit the linear head: multinomial logistic regression on sentence vectors and n-grams together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.intents.classifier.encoder import Vectors
from bot.intents.classifier.features import NgramFeatures
from bot.intents.classifier.loss_minimisation import MetricPoint, Point, cross_entropy, minimise
from bot.intents.classifier.model import LinearHead, Scores

NGRAM_WEIGHT = 0.6  # n-grams count this much of the sentence vector while fitting
PENALTY = 1 / 30  # L2, on the loss summed over texts
_TOLERANCE = 3e-4  # on held-out texts no worse than going on to 1e-5, in two thirds of the time


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Features of n texts."""

    meaning: Vectors  # (n, dimensions) float32, centred unit vectors
    letters: Any  # (n, n-grams) scipy.sparse.csr_array, float32

    def subset(self, rows: npt.NDArray[np.intp]) -> TextFeatures:
        return TextFeatures(self.meaning[rows], self.letters[rows])

    def weighted(self) -> TextFeatures:
        """With the n-grams weighted as in training."""
        return TextFeatures(self.meaning, (self.letters * np.float32(NGRAM_WEIGHT)).tocsr())

    def scores(self, head: LinearHead) -> Scores:
        """Logits, shape (n, columns of the head)."""
        scores: Scores = self.meaning @ head.meaning + self.letters @ head.letters + head.bias
        return scores


def text_features(vectors: Vectors, grams: Sequence[NgramFeatures], known: int) -> TextFeatures:
    """Features of texts with these sentence vectors and n-grams. known: size of the n-gram vocabulary."""
    # Imported here: serving needs no scipy.
    from scipy.sparse import csr_array

    ends = np.cumsum([0, *(len(read.places) for read in grams)])
    columns = np.concatenate([read.places for read in grams])
    weights = np.concatenate([read.weights for read in grams])
    return TextFeatures(vectors, csr_array((weights, columns, ends), shape=(len(grams), known), dtype=np.float32))


def fit(features: TextFeatures, intents: npt.NDArray[np.intp], count: int) -> LinearHead:
    """Fit a head with `count` columns. intents: (n,) column of each text. Deterministic.

    Texts of the last column (out of scope) weigh together no more than all others.
    """
    task = _HeadLoss(features.weighted(), intents, count)
    return task.head(minimise(task.loss, np.zeros(task.size, np.float32), _TOLERANCE, task.metric))


class _HeadLoss:
    """Cross-entropy with an L2 penalty, in the dual coordinates of the head.

    The optimal head is a linear combination of the texts (representer theorem), so the coefficients (texts, count) are
    the variables: far fewer than (n-grams, count). The last row of a point is the bias.
    """

    def __init__(self, features: TextFeatures, intents: npt.NDArray[np.intp], count: int) -> None:
        self._seen = features
        self._turned = features.letters.T.tocsr()
        self._intents = intents
        self._weights = _row_weights(intents == count - 1)
        self._count = count
        self.size = (len(intents) + 1) * count

    def head(self, point: Point) -> LinearHead:
        """The head (dimensions and n-grams by count) of a point."""
        shares, bias = self._parts(point)
        return LinearHead(self._seen.meaning.T @ shares, self._turned @ shares * np.float32(NGRAM_WEIGHT), bias)

    def metric(self, point: Point) -> MetricPoint:
        """The kernel metric: a point, and below it the scores of all texts."""
        shares, bias = self._parts(point)
        scores = self._seen.meaning @ (self._seen.meaning.T @ shares)
        scores += self._seen.letters @ (self._turned @ shares)
        return np.stack([point, np.append(scores, bias)])

    def loss(self, place: MetricPoint) -> tuple[float, Point]:
        """Loss and gradient; the gradient is in dual coordinates as well."""
        (shares, bias), (scores, _) = map(self._parts, place)
        losses, score_gradient = cross_entropy(scores + bias, self._intents)
        score_gradient *= self._weights[:, None]
        penalty = PENALTY / 2 * float(shares.ravel() @ scores.ravel())
        gradient = np.append(np.float32(PENALTY) * shares + score_gradient, score_gradient.sum(axis=0))
        return float(losses @ self._weights) + penalty, gradient

    def _parts(self, point: Point) -> tuple[Scores, Scores]:
        table = point.reshape(-1, self._count)
        return table[:-1], table[-1]


def _row_weights(outside: npt.NDArray[np.bool_]) -> Scores:
    """Weight of each text, (n,) float32. outside: whether a text is out of scope."""
    out_of_scope = int(outside.sum())
    own = len(outside) - out_of_scope
    return np.where(outside, min(1.0, own / max(out_of_scope, 1)), 1.0).astype(np.float32)
