"""Rehearsing: how would the model do on texts, entries and topics that it has not seen?

Each text is understood once by a model trained without it; once, where there are entries enough, by a model trained
without its whole entry, so that questions near the topic which no entry answers are met; and the texts of
elsewhere.yaml likewise by models trained without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bot.intents.understanding.calibration import evidence
from bot.intents.understanding.fitting import Rehearsed
from bot.intents.understanding.head import Views, fit
from bot.intents.understanding.model import Examples, Head
from bot.intents.understanding.refit import THREADS, Fit, neighbourhoods

Rows = npt.NDArray[np.intp]
_SEED = 20_240_607
_FEWEST, _FEW = 1_100, 6_000
_FOLDS, _FINE_FOLDS = 5, 10
_OFFERED = 3
_MOST_INTENTS = 600
_ASKED = 6_000  # texts in a round
_AT_ONCE = 4_000_000  # texts times intents


@dataclass(frozen=True, slots=True)
class Lessons:
    """Texts in order of their intents, the last being about something else; `owners` has the intent of each.

    places: which of all texts each is, where these are a part of them. fit: how they are learned, all or a part.
    """

    views: Views
    owners: Rows
    count: int
    places: Rows
    fit: Fit

    def of(self, rows: Rows) -> Lessons:
        return replace(self, views=self.views.of(rows), owners=self.owners[rows], places=self.places[rows])

    def only(self, intents: Rows) -> Lessons:
        """The lessons of these intents, which are counted anew, and of something else."""
        number = np.full(self.count + 1, -1)
        number[[*intents, self.count]] = np.arange(len(intents) + 1)
        rows = np.flatnonzero(number[self.owners] >= 0)
        return replace(self.of(rows), owners=number[self.owners[rows]], count=len(intents))

    def learned(self) -> Head:
        """What tells the intents apart."""
        return self.fit(self.views, self.owners, self.count + 1)

    def examples(self) -> Examples:
        """The vectors of the intents' own texts."""
        own = self.owners < self.count
        starts = np.searchsorted(self.owners[own], np.arange(self.count))
        return Examples(self.views.meaning[own], starts.astype(np.int32))


def rehearse(lessons: Lessons) -> Iterator[tuple[float, Rehearsed]]:
    """The share of the work that is done, and what it showed."""
    chosen = _chosen(lessons)
    some = lessons if len(chosen) == lessons.count else lessons.only(chosen)
    rounds = [turn for turn in (*_texts_out(some), *_entries_out(some)) if len(turn[1].owners)]
    with ThreadPoolExecutor(THREADS if lessons.fit is fit else 1) as threads:  # by parts, each fit has its own
        for done, part in enumerate(threads.map(_examine, *zip(*rounds, strict=True)), start=1):
            yield done / len(rounds), replace(part, first=chosen[part.first])


def _chosen(lessons: Lessons) -> Rows:
    """The intents that are rehearsed: of a large base whole neighbourhoods here and there, so that each still has the
    others beside it that it is mixed up with."""
    if lessons.count <= _MOST_INTENTS:
        return np.arange(lessons.count)
    examples = lessons.examples()
    sums = np.add.reduceat(examples.vectors, examples.starts, axis=0)
    hoods = list(neighbourhoods(sums / np.linalg.norm(sums, axis=1, keepdims=True)))
    step = len(hoods) * max(len(hood) for hood in hoods) / _MOST_INTENTS
    return np.sort(np.concatenate([hoods[int(place)] for place in np.arange(0, len(hoods), max(step, 1.0))]))


def joined(parts: list[Rehearsed]) -> Rehearsed:
    """All that was rehearsed, as one."""
    return Rehearsed(
        np.concatenate([part.seen for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.offered for part in parts]),
        np.concatenate([part.kind for part in parts]),
        np.concatenate([part.place for part in parts]),
        np.concatenate([part.first for part in parts]),
    )


def _texts_out(lessons: Lessons) -> Iterator[tuple[Lessons, Lessons, Rows]]:
    """Every fifth text of each intent held out, of few texts up to every tenth, as each taught counts; an intent's only
    text never is."""
    count = _fold_count(lessons)
    folds = _folds(lessons.owners, count)
    for fold in range(_rounds(len(folds), count)):
        asked = lessons.of(np.flatnonzero(folds == fold))
        kinds = np.where(asked.owners == lessons.count, 2, 0)
        yield lessons.of(np.flatnonzero(folds != fold)), asked, kinds


def _entries_out(lessons: Lessons) -> Iterator[tuple[Lessons, Lessons, Rows]]:
    """Every third entry held out with all its texts; not with fewer than six entries."""
    if lessons.count < 6:
        return
    order = np.random.default_rng(_SEED).permutation(lessons.count)
    for third in range(3 if len(lessons.owners) <= _FEW else 1):
        gone = np.isin(np.arange(lessons.count), order[third::3])
        asked = lessons.of(np.flatnonzero(np.append(gone, False)[lessons.owners]))
        strangers = replace(asked, owners=np.full(len(asked.owners), -1))
        yield lessons.only(np.flatnonzero(~gone)), strangers, np.ones(len(asked.owners), np.intp)


def _fold_count(lessons: Lessons) -> int:
    """As many as most intents have texts: so each gives one text, and none is put at a disadvantage to its rivals."""
    own = lessons.owners[lessons.owners < lessons.count]
    most = _FINE_FOLDS if len(lessons.owners) <= _FEWEST else _FOLDS
    return int(np.clip(np.median(np.bincount(own)), 2, most))


def _rounds(texts: int, folds: int) -> int:
    """How many of the folds are worth their time: of many texts one holds more than a thousand, which is enough."""
    return folds if texts <= _FEW else 1


def _folds(owners: Rows, count: int) -> Rows:
    """The fold in which each text is held out, -1 for never: each intent's texts spread over all `count` folds."""
    draw = np.random.default_rng(_SEED)
    folds = np.full(len(owners), -1)
    for intent in np.unique(owners):
        rows = draw.permutation(np.flatnonzero(owners == intent))
        if len(rows) > 1:
            folds[rows] = (np.arange(len(rows)) + intent) % count
    return folds


def _examine(taught: Lessons, asked: Lessons, kinds: Rows) -> Rehearsed:
    """More texts than _ASKED prove little more, and of a large base cost more than all else."""
    head, examples = taught.learned(), taught.examples()
    chosen = np.sort(np.random.default_rng(_SEED).permutation(len(kinds))[:_ASKED])
    pieces = np.array_split(chosen, len(chosen) * taught.count // _AT_ONCE + 1)
    return joined([_asked(head, examples, asked.of(rows), kinds[rows]) for rows in pieces])


def _asked(head: Head, examples: Examples, asked: Lessons, kinds: Rows) -> Rehearsed:
    scores = asked.views.scores(head)
    nearness = examples.nearness(asked.views.meaning)
    best = np.argsort(-scores[:, :-1], axis=1, kind="stable")[:, :_OFFERED]
    hits = (best == asked.owners[:, None]) & (kinds == 0)[:, None]
    return Rehearsed(evidence(scores, nearness), hits[:, 0], hits.any(axis=1), kinds, asked.places, best[:, 0])
