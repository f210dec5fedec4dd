"""Rehearsing: how would the model do on texts, entries and topics that it has not seen?

Each text is understood once by a model trained without it; once, where there are entries enough, by a model trained
without its whole entry, so that questions near the topic which no entry answers are met; and the texts of
elsewhere.yaml likewise by models trained without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bot.intents.understanding.calibration import evidence
from bot.intents.understanding.fitting import Rehearsed
from bot.intents.understanding.head import Views, fit
from bot.intents.understanding.model import Examples

Rows = npt.NDArray[np.intp]
_SEED = 20_240_607
_FEW, _MANY = 2_000, 6_000
_FOLDS = 5
_OFFERED = 3


@dataclass(frozen=True, slots=True)
class Lessons:
    """Texts in order of their intents, the last being about something else; `owners` has the intent of each."""

    views: Views
    owners: Rows
    count: int

    def of(self, rows: Rows) -> Lessons:
        return Lessons(self.views.of(rows), self.owners[rows], self.count)

    def only(self, intents: Rows) -> Lessons:
        """The lessons of these intents, which are counted anew, and of something else."""
        number = np.full(self.count + 1, -1)
        number[[*intents, self.count]] = np.arange(len(intents) + 1)
        rows = np.flatnonzero(number[self.owners] >= 0)
        return Lessons(self.views.of(rows), number[self.owners[rows]], len(intents))

    def examples(self) -> Examples:
        """The vectors of the intents' own texts."""
        own = self.owners < self.count
        starts = np.searchsorted(self.owners[own], np.arange(self.count))
        return Examples(self.views.meaning[own], starts.astype(np.int32))


def rehearse(lessons: Lessons) -> Iterator[tuple[float, Rehearsed]]:
    """The share of the work that is done, and what it showed."""
    rounds = [turn for turn in (*_texts_out(lessons), *_entries_out(lessons)) if len(turn[1].owners)]
    for done, (taught, asked, kinds) in enumerate(rounds, start=1):
        yield done / len(rounds), _examine(taught, asked, kinds)


def joined(parts: list[Rehearsed]) -> Rehearsed:
    """All that was rehearsed, as one."""
    return Rehearsed(
        np.concatenate([part.seen for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.offered for part in parts]),
        np.concatenate([part.kind for part in parts]),
    )


def _texts_out(lessons: Lessons) -> Iterator[tuple[Lessons, Lessons, Rows]]:
    """Every fifth text of each intent held out; an intent's only text never is."""
    folds = _folds(lessons.owners)
    for fold in range(_rounds(len(folds))):
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
        strangers = Lessons(asked.views, np.full(len(asked.owners), -1), lessons.count)
        yield lessons.only(np.flatnonzero(~gone)), strangers, np.ones(len(asked.owners), np.intp)


def _rounds(texts: int) -> int:
    """How many of the five folds are worth their time."""
    return _FOLDS if texts <= _FEW else 2 if texts <= _MANY else 1


def _folds(owners: Rows) -> Rows:
    """The fold (0 to 4) in which each text is held out, -1 for never: each intent's texts spread over all folds."""
    draw = np.random.default_rng(_SEED)
    folds = np.full(len(owners), -1)
    for intent in np.unique(owners):
        rows = draw.permutation(np.flatnonzero(owners == intent))
        if len(rows) > 1:
            folds[rows] = (np.arange(len(rows)) + intent) % _FOLDS
    return folds


def _examine(taught: Lessons, asked: Lessons, kinds: Rows) -> Rehearsed:
    head = fit(taught.views, taught.owners, taught.count + 1)
    scores = asked.views.scores(head)
    nearness = taught.examples().nearness(asked.views.meaning)
    best = np.argsort(-scores[:, :-1], axis=1, kind="stable")[:, :_OFFERED]
    hits = (best == asked.owners[:, None]) & (kinds == 0)[:, None]
    return Rehearsed(evidence(scores, nearness), hits[:, 0], hits.any(axis=1), kinds)
