"""Fitting a head piece by piece: some intents' columns at a time, while all others stay as they are.

The loss is the whole head's (`head.fit`): what the other intents score is a constant of each text, and of all texts
only those are looked at for which these intents are in the running. A change of one entry costs its own neighbourhood,
however large the base. And a base too large for `head.fit` (its time grows with texts times intents) is learned so,
neighbourhood after neighbourhood, starting from the mean of each intent's texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bot.intents.understanding.descent import Point, lowest
from bot.intents.understanding.encoder import Vectors
from bot.intents.understanding.head import LETTERS_SHARE, PENALTY, Views, fit
from bot.intents.understanding.model import Head, Scores
from bot.intents.understanding.surprise import surprise

Rows: TypeAlias = npt.NDArray[np.intp]
Fit: TypeAlias = Callable[[Views, Rows, int], Head]
TOGETHER = 96  # intents of a neighbourhood
RIVALS = 12  # intents that are in the running for a text, besides its own
MANY = 4_000_000  # texts times intents; more are learned by parts
_SCALES = (2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0, 20.0)
_GAINS = (1e-3, 3e-4)  # of the descent: first roughly, to see who the rivals are, then well
_FAR = 5.0  # a rival whose odds are less than a hundredth is none
_CHUNK = 256  # texts scored at once by a thread; with more, memory is what takes the time
_SAMPLE = 2048  # texts
THREADS = 2
_TURNS = 12


@dataclass(frozen=True, slots=True)
class Running:
    """For each text the intents in the running (texts, RIVALS), and the log of the sum of all intents' odds."""

    rivals: Rows
    total: Scores


def way_to_fit(texts: int, count: int) -> Fit:
    """How to find the head that tells `count` intents apart, in seconds. Its rehearsals, though smaller, go the same
    way."""
    return fit_by_parts if texts * count > MANY else fit


def fit_by_parts(seen: Views, owners: Rows, count: int) -> Head:
    """The head that tells `count` intents apart, the last being about something else. Always the same result."""
    head = _from_means(seen, owners, count)
    hoods = [*neighbourhoods(head.meaning[:, :-1].T), np.array([count - 1])]
    for gain in _GAINS:
        running = in_the_running(seen, head)
        with ThreadPoolExecutor(THREADS) as threads:
            parts = list(threads.map(partial(_one_part, seen, owners, head, running, gain), hoods))
        for some, found in parts:
            put(head, some, found)
    return head


def _one_part(seen: Views, owners: Rows, head: Head, running: Running, gain: float, some: Rows) -> tuple[Rows, Head]:
    rows = _concerned(owners, running, some, head.bias.shape[0])
    return some, refit(seen.of(rows), owners[rows], head, running.total[rows], some, gain)


def refit(seen: Views, owners: Rows, head: Head, total: Scores, some: Rows, gain: float = _GAINS[-1]) -> Head:
    """The columns of the intents `some`, fitted anew to these texts. total: as in Running, by `head` as it is."""
    start = columns(head, some)
    task = _Task(Views(seen.meaning, (seen.letters * np.float32(LETTERS_SHARE)).tocsr()), _places(owners, some), start)
    rest = _without(total, seen.scores(start))
    found = lowest(lambda place: task.loss(rest, place[0]), task.flat(start), gain)
    meaning, letters, bias = task.parts(found)
    return Head(meaning, letters * np.float32(LETTERS_SHARE), bias)


def columns(head: Head, some: Rows) -> Head:
    """The part of a head that scores these intents."""
    return Head(head.meaning[:, some], head.letters[:, some], head.bias[some])


def put(head: Head, some: Rows, fitted: Head) -> None:
    """Write the columns of these intents."""
    head.meaning[:, some] = fitted.meaning
    head.letters[:, some] = fitted.letters
    head.bias[some] = fitted.bias


def in_the_running(seen: Views, head: Head) -> Running:
    """Which intents each text is likeliest to be taken for."""
    starts = range(0, len(seen.meaning), _CHUNK)
    with ThreadPoolExecutor(THREADS) as threads:
        parts = list(threads.map(partial(_chunk_running, seen, head), starts))
    return Running(np.concatenate([rivals for rivals, _ in parts]), np.concatenate([total for _, total in parts]))


def _chunk_running(seen: Views, head: Head, start: int) -> tuple[Rows, Scores]:
    scores = seen.of(np.arange(start, min(start + _CHUNK, len(seen.meaning)))).scores(head)
    wanted = min(RIVALS, scores.shape[1])
    rivals = np.argpartition(scores, -wanted, axis=1)[:, -wanted:]
    theirs = np.take_along_axis(scores, rivals, axis=1)
    best = np.take_along_axis(rivals, theirs.argmax(axis=1)[:, None], axis=1)
    return np.where(theirs >= theirs.max(axis=1, keepdims=True) - _FAR, rivals, best), _log_sum(scores)


def _log_sum(scores: Scores) -> Scores:
    peak = scores.max(axis=1)
    total: Scores = peak + np.log(np.exp(scores - peak[:, None]).sum(axis=1))
    return total


def _without(total: Scores, own: Scores) -> Scores:
    """The log of the odds of all others, where `total` holds these as well."""
    share = np.minimum(_log_sum(own) - total, np.float32(-1e-6))
    rest: Scores = total + np.log1p(-np.exp(share)).astype(np.float32)
    return rest


def _concerned(owners: Rows, running: Running, some: Rows, count: int) -> Rows:
    """The texts of these intents, and those that might be taken for one of them."""
    among = np.zeros(count, np.bool_)
    among[some] = True
    return np.flatnonzero(among[owners] | among[running.rivals].any(axis=1))


def _places(owners: Rows, some: Rows) -> Rows:
    """Each text's intent as its place among `some`; behind them all, if it is another."""
    order = np.argsort(some)
    found = np.minimum(np.searchsorted(some, owners, sorter=order), len(some) - 1)
    return np.where(some[order[found]] == owners, order[found], len(some))


def _from_means(seen: Views, owners: Rows, count: int) -> Head:
    """Each intent scores by the distance to the mean of its texts, on the scale that tells most of them apart."""
    from scipy.sparse import csr_array

    sizes = np.bincount(owners, minlength=count).astype(np.float32)
    belongs = csr_array((1 / sizes[owners], (owners, np.arange(len(owners)))), shape=(count, len(owners)))
    meaning = np.asarray(belongs @ seen.meaning, np.float32)
    letters = np.asarray((belongs @ seen.letters).todense(), np.float32) * np.float32(LETTERS_SHARE**2)
    lengths = np.einsum("ij,ij->i", meaning, meaning) + np.einsum("ij,ij->i", letters, letters) / LETTERS_SHARE**2
    whole = Head(np.ascontiguousarray(meaning.T), np.ascontiguousarray(letters.T), -lengths.astype(np.float32) / 2)
    return _scaled(whole, np.float32(_best_scale(seen, owners, whole)))


def _scaled(head: Head, scale: np.float32) -> Head:
    return Head(head.meaning * scale, head.letters * scale, head.bias * scale)


def _best_scale(seen: Views, owners: Rows, head: Head) -> float:
    rows = np.linspace(0, len(owners) - 1, min(_SAMPLE, len(owners))).astype(np.intp)
    scores = seen.of(rows).scores(head)
    own = scores[np.arange(len(rows)), owners[rows]]
    return min(_SCALES, key=lambda scale: float((_log_sum(scores * np.float32(scale)) - own * scale).mean()))


def neighbourhoods(means: Vectors) -> Iterator[Rows]:
    """All intents parted into groups that resemble each other: halved along their longest direction, again and
    again."""
    waiting = [np.arange(len(means))]
    while waiting:
        some = waiting.pop()
        if len(some) <= TOGETHER:
            yield some
            continue
        order = some[np.argsort(_along(means[some]), kind="stable")]
        waiting += [order[len(order) // 2 :], order[: len(order) // 2]]


def _along(means: Vectors) -> Scores:
    """Where each lies along the direction in which they differ most (power iteration)."""
    apart = means - means.mean(axis=0)
    way = apart[0] + 1e-3
    for _ in range(_TURNS):
        way = apart.T @ (apart @ way)
        way /= max(float(np.linalg.norm(way)), 1e-12)
    lying: Scores = apart @ way
    return lying


class _Task:
    """What is minimised: the texts' log loss among some intents and all others together, and large weights."""

    def __init__(self, seen: Views, places: Rows, start: Head) -> None:
        self._seen = seen
        self._turned = seen.letters.T.tocsr()
        self._places = places
        self._dimensions, self._count = start.meaning.shape
        self._rows = self._dimensions + len(start.letters) + 1

    def flat(self, head: Head) -> Point:
        table = np.concatenate([head.meaning, head.letters / np.float32(LETTERS_SHARE), head.bias[None]])
        return np.ascontiguousarray(table, np.float32).ravel()

    def parts(self, flat: Point) -> tuple[Vectors, Vectors, Scores]:
        table = flat.reshape(self._rows, self._count)
        return table[: self._dimensions], table[self._dimensions : -1], table[-1]

    def loss(self, rest: Scores, flat: Point) -> tuple[float, Point]:
        """The loss and its slope. rest: what all others score together, per text."""
        scores = np.concatenate([self._seen.scores(Head(*self.parts(flat))), rest[:, None]], axis=1)
        lost, chances = surprise(scores, self._places)
        own = np.ascontiguousarray(chances[:, :-1])
        slope = flat * np.float32(PENALTY)
        to_meaning, to_letters, to_bias = self.parts(slope)
        to_meaning += self._seen.meaning.T @ own
        to_letters += self._turned @ own
        to_bias[:] = own.sum(axis=0)
        weights = flat[: -self._count]
        return float(lost.sum()) + PENALTY / 2 * float(weights @ weights), slope
