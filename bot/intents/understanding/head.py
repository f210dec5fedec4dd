"""Fitting the linear head: multinomial logistic regression on meaning and letters together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.intents.understanding.encoder import DIMENSIONS, Vectors
from bot.intents.understanding.model import Head, Scores
from bot.intents.understanding.ngrams import Grams

LETTERS_SHARE = 0.6
_PENALTY = 1 / 30
_STEPS = 200
_TOLERANCE = 1e9


@dataclass(frozen=True, slots=True)
class Views:
    """Texts as the head sees them: sentence vectors, and n-grams as a sparse matrix (rows are texts)."""

    meaning: Vectors
    letters: Any

    def of(self, rows: npt.NDArray[np.intp]) -> Views:
        return Views(self.meaning[rows], self.letters[rows])

    def scores(self, head: Head) -> Scores:
        scores: Scores = self.meaning @ head.meaning + self.letters @ head.letters + head.bias
        return scores


def views(vectors: Vectors, grams: Sequence[Grams], buckets: int) -> Views:
    """The letters count LETTERS_SHARE as much as the meaning while the head is fitted."""
    from scipy.sparse import csr_array

    ends = np.cumsum([0, *(len(read.buckets) for read in grams)])
    columns = np.concatenate([read.buckets for read in grams])
    weights = np.concatenate([read.weights for read in grams])
    return Views(vectors, csr_array((weights, columns, ends), shape=(len(grams), buckets), dtype=np.float32))


def fit(seen: Views, intents: npt.NDArray[np.intp], count: int) -> Head:
    """The head that tells `count` intents apart; `intents` holds the right one per text. Always the same result."""
    from scipy.optimize import fmin_l_bfgs_b

    task = _Task(Views(seen.meaning, (seen.letters * np.float32(LETTERS_SHARE)).tocsr()), intents, count)
    found, _, _ = fmin_l_bfgs_b(task.loss, np.zeros(task.size), m=6, maxiter=_STEPS, factr=_TOLERANCE, pgtol=1e-3)
    meaning, letters, bias = task.parts(found)
    return Head(meaning, letters * np.float32(LETTERS_SHARE), bias)


class _Task:
    """What is minimised: the texts' log loss, and large weights."""

    def __init__(self, seen: Views, intents: npt.NDArray[np.intp], count: int) -> None:
        self._seen = seen
        self._turned = seen.letters.T.tocsr()
        self._places = (np.arange(len(intents)), intents)
        self._count = count
        self._rows = DIMENSIONS + seen.letters.shape[1] + 1
        self.size = self._rows * count

    def parts(self, flat: npt.NDArray[np.float64]) -> tuple[Vectors, Vectors, Scores]:
        table = flat.astype(np.float32).reshape(self._rows, self._count)
        return table[:DIMENSIONS], table[DIMENSIONS:-1], table[-1]

    def loss(self, flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        """The loss and its slope."""
        meaning, letters, bias = self.parts(flat)
        scores = self._seen.scores(Head(meaning, letters, bias))
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        sums = chances.sum(axis=1, keepdims=True)
        surprise = float((np.log(sums[:, 0]) - scores[self._places]).sum(dtype=np.float64))
        chances /= sums
        chances[self._places] -= 1
        slopes = (
            self._seen.meaning.T @ chances + _PENALTY * meaning,
            self._turned @ chances + _PENALTY * letters,
            chances.sum(axis=0, keepdims=True),
        )
        weight = float(np.square(flat[: -self._count]).sum())
        return surprise + _PENALTY / 2 * weight, np.concatenate(slopes).ravel().astype(np.float64)
