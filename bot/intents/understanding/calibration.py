"""How sure to be: from the evidence that a text leaves, the probability that its first intent is what was meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Evidence: TypeAlias = npt.NDArray[np.float64]
EVIDENCE = ("chance", "lead", "support", "own nearness", "lead in nearness", "always")
_FLOOR = 1e-6
_REACH = 4.0
_STRANGE = 0.1


def evidence(scores: npt.NDArray[np.float32], nearness: npt.NDArray[np.float32]) -> Evidence:
    """One row per text, columns as in EVIDENCE, each about -3 to 3 and never beyond 4.

    scores: logits per intent, and in the last column of being about something else. nearness: cosine similarity, seen
    from the base's middle, to the nearest example per intent. Chance is the log odds of the first intent under the
    softmax, lead its distance to the next best, support the sum of all intents' scores (energy): it is small for texts
    that resemble nothing.
    """
    rows = np.arange(len(scores))
    logits = scores.astype(np.float64)
    first = logits[:, :-1].argmax(axis=1)
    peak = logits[rows, first]
    chance = np.clip(np.exp(peak - _total(logits)), _FLOOR, 1 - _FLOOR)
    own = nearness[rows, first].astype(np.float64)
    columns = (
        np.log(chance / (1 - chance)) / 2,
        (peak - _others(logits, first)) / 3,
        (_total(logits[:, :-1]) - np.log(nearness.shape[1])) / 3,
        (own - 0.4) / 0.2,
        (own - _others(nearness, first)) / 0.2,
        np.ones(len(rows)),
    )
    seen: Evidence = np.clip(np.stack(columns, axis=1), -_REACH, _REACH)
    return seen


def shares(scores: npt.NDArray[np.float32], confidence: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The confidence of every intent (columns), where the first one's is `confidence`; each row adds up to 1 at most.

    The others keep their proportion to the first, as far as the first leaves them room.
    """
    logits = scores[:, :-1].astype(np.float64)
    parts = np.exp(logits - _total(logits)[:, None])
    first = parts.argmax(axis=1)
    best = parts[np.arange(len(parts)), first]
    room = np.minimum(confidence / best, (1 - confidence) / np.maximum(1 - best, _FLOOR))
    shared: npt.NDArray[np.float64] = parts * room[:, None]
    shared[np.arange(len(parts)), first] = confidence
    return shared


def _total(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    peak = logits.max(axis=1)
    total: npt.NDArray[np.float64] = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1))
    return total


def _others(table: npt.NDArray[Any], columns: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """The highest number of each row outside its one column; how near strangers lie, where there is no other."""
    others = table.astype(np.float64)
    others[np.arange(len(others)), columns] = -np.inf if others.shape[1] > 1 else _STRANGE
    highest: npt.NDArray[np.float64] = others.max(axis=1)
    return highest


@dataclass(frozen=True, slots=True)
class Calibration:
    """`weights` of the evidence in the log odds of being right."""

    weights: npt.NDArray[np.float64]

    def confidence(self, seen: Evidence) -> npt.NDArray[np.float64]:
        """The probability, per text, that its first intent is right."""
        sure: npt.NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(seen @ self.weights, -30, 30)))
        return sure
