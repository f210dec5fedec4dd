"""Fitting the linear head: multinomial logistic regression on meaning and letters together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.intents.understanding.descent import Point, lowest
from bot.intents.understanding.encoder import Vectors
from bot.intents.understanding.model import Head, Scores
from bot.intents.understanding.ngrams import Grams

LETTERS_SHARE = 0.6
PENALTY = 1 / 30
_GAIN = 3e-4  # on held-out texts no worse than going on to 1e-5, in two thirds of the time


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


def views(vectors: Vectors, grams: Sequence[Grams], known: int) -> Views:
    """`known`: how many n-grams are. They count LETTERS_SHARE as much as the meaning while the head is fitted."""
    from scipy.sparse import csr_array

    ends = np.cumsum([0, *(len(read.places) for read in grams)])
    columns = np.concatenate([read.places for read in grams])
    weights = np.concatenate([read.weights for read in grams])
    return Views(vectors, csr_array((weights, columns, ends), shape=(len(grams), known), dtype=np.float32))


def fit(seen: Views, intents: npt.NDArray[np.intp], count: int) -> Head:
    """The head that tells `count` intents apart; `intents` holds the right one per text. Always the same result.

    The last intent's texts, however many they are, weigh no more than all others together.
    """
    task = _Task(Views(seen.meaning, (seen.letters * np.float32(LETTERS_SHARE)).tocsr()), intents, count)
    meaning, letters, bias = task.parts(lowest(task.loss, np.zeros(task.size, np.float32), _GAIN))
    return Head(meaning, letters * np.float32(LETTERS_SHARE), bias)


class _Task:
    """What is minimised: the texts' log loss, and large weights."""

    def __init__(self, seen: Views, intents: npt.NDArray[np.intp], count: int) -> None:
        self._seen = seen
        self._turned = seen.letters.T.tocsr()
        self._places = (np.arange(len(intents)), intents)
        self._weights = _weights(intents == count - 1)
        self._count = count
        self._dimensions = seen.meaning.shape[1]
        self._rows = self._dimensions + seen.letters.shape[1] + 1
        self.size = self._rows * count

    def parts(self, flat: Point) -> tuple[Vectors, Vectors, Scores]:
        table = flat.reshape(self._rows, self._count)
        return table[: self._dimensions], table[self._dimensions : -1], table[-1]

    def loss(self, flat: Point) -> tuple[float, Point]:
        """The loss and its slope."""
        meaning, letters, bias = self.parts(flat)
        scores = self._seen.scores(Head(meaning, letters, bias))
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        sums = chances.sum(axis=1, keepdims=True)
        surprise = float((np.log(sums[:, 0]) - scores[self._places]) @ self._weights)
        chances /= sums
        chances[self._places] -= 1
        chances *= self._weights[:, None]
        slope = flat * np.float32(PENALTY)
        to_meaning, to_letters, to_bias = self.parts(slope)
        to_meaning += self._seen.meaning.T @ chances
        to_letters += self._turned @ chances
        to_bias[:] = chances.sum(axis=0)
        weights = flat[: -self._count]
        return surprise + PENALTY / 2 * float(weights @ weights), slope


def _weights(strange: npt.NDArray[np.bool_]) -> Scores:
    strangers = int(strange.sum())
    own = len(strange) - strangers
    return np.where(strange, min(1.0, own / max(strangers, 1)), 1.0).astype(np.float32)
