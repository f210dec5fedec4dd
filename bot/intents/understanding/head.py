"""Fitting the linear head: multinomial logistic regression on meaning and letters together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.intents.understanding.descent import Place, Point, lowest
from bot.intents.understanding.encoder import Vectors
from bot.intents.understanding.model import Head, Scores
from bot.intents.understanding.ngrams import Grams
from bot.intents.understanding.surprise import surprise

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
    return task.head(lowest(task.loss, np.zeros(task.size, np.float32), _GAIN, task.measured))


class _Task:
    """What is minimised: the texts' log loss, and large weights.

    The best weights are a sum of the texts, each times how much every intent wants it: so the shares (texts, intents)
    are looked for, which are far fewer numbers than the weights of all letters. The bias stands behind them.
    """

    def __init__(self, seen: Views, intents: npt.NDArray[np.intp], count: int) -> None:
        self._seen = seen
        self._turned = seen.letters.T.tocsr()
        self._intents = intents
        self._weights = _weights(intents == count - 1)
        self._count = count
        self.size = (len(intents) + 1) * count

    def head(self, point: Point) -> Head:
        shares, bias = self._parts(point)
        return Head(self._seen.meaning.T @ shares, self._turned @ shares * np.float32(LETTERS_SHARE), bias)

    def measured(self, point: Point) -> Place:
        """What the shares come to: in the second row, how all texts score by them."""
        shares, bias = self._parts(point)
        scores = self._seen.meaning @ (self._seen.meaning.T @ shares)
        scores += self._seen.letters @ (self._turned @ shares)
        return np.stack([point, np.append(scores, bias)])

    def loss(self, place: Place) -> tuple[float, Point]:
        """The loss and its slope."""
        (shares, bias), (scores, _) = map(self._parts, place)
        lost, chances = surprise(scores + bias, self._intents)
        chances *= self._weights[:, None]
        size = PENALTY / 2 * float(shares.ravel() @ scores.ravel())
        slope = np.append(np.float32(PENALTY) * shares + chances, chances.sum(axis=0))
        return float(lost @ self._weights) + size, slope

    def _parts(self, point: Point) -> tuple[Scores, Scores]:
        table = point.reshape(-1, self._count)
        return table[:-1], table[-1]


def _weights(strange: npt.NDArray[np.bool_]) -> Scores:
    strangers = int(strange.sum())
    own = len(strange) - strangers
    return np.where(strange, min(1.0, own / max(strangers, 1)), 1.0).astype(np.float32)
