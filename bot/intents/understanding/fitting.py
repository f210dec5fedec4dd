"""Fitting how sure to be: few numbers, from what was right and wrong on texts that were held out, and from experience.

Few texts move the numbers little: they start from experience and leave it as evidence comes in. Draws of 1 to 10
examples from the training parts of BANKING77, CLINC150 and SMP2017 taught it, asked with their development parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bot.intents.understanding.calibration import EVIDENCE, Calibration, Evidence

_WITH_ONE = np.array([1.0, -0.4, 0.25, 0.3, 1.35, 0.45])
_WITH_SEVERAL = np.array([1.5, -0.2, 0.1, -0.2, 1.05, 0.6])
_TRUST = 20.0
_ROUNDS = 25

Flags = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Texts understood by models that had not seen them.

    right: the first intent was meant. offered: what was meant is among the first three. kind: 0 a question that an
    entry answers, 1 one whose entry was left out, 2 one about something else. place: which of the lessons' texts it
    is. first: the number of the intent it was taken for, among those that its model knew.
    """

    seen: Evidence
    right: Flags
    offered: Flags
    kind: npt.NDArray[np.int64]
    place: npt.NDArray[np.intp]
    first: npt.NDArray[np.intp]

    def weights(self, shares: tuple[float, float, float]) -> Weights:
        """The weight of each text if the three kinds are to have these shares; about 1 for the first kind."""
        counts = np.maximum(np.bincount(self.kind, minlength=3), 1)
        weights: Weights = (np.array(shares) / counts)[self.kind] * counts[0] / shares[0]
        return weights


@dataclass(frozen=True, slots=True)
class Mix:
    """How common the three kinds of texts are taken to be: while telling them apart, among real messages, and among
    those that the bot might ask back about."""

    apart: tuple[float, float, float] = (0.6, 0.2, 0.2)
    real: tuple[float, float, float] = (0.96, 0.02, 0.02)
    unsure: tuple[float, float, float] = (0.85, 0.075, 0.075)


def experience(examples: float) -> Weights:
    """What evidence is worth before anything was rehearsed, with so many examples per intent: of one, no other was
    ever held out, so that what it is worth comes from experience alone."""
    several = min(max(examples - 1.0, 0.0), 1.0)
    worth: Weights = _WITH_ONE + several * (_WITH_SEVERAL - _WITH_ONE)
    return worth


def calibrate(rehearsed: Rehearsed, examples: float, mix: Mix | None = None) -> Calibration:
    """From texts held out of a base with so many `examples` per intent.

    First what tells right from wrong, with both kinds of strangers well represented; then how sure that makes."""
    mix = mix or Mix()
    direction = logistic(rehearsed.seen, rehearsed.right, rehearsed.weights(mix.apart), experience(examples))
    line = np.stack([rehearsed.seen @ direction, np.ones(len(rehearsed.seen))], axis=1)
    slope, offset = logistic(line, rehearsed.right, rehearsed.weights(mix.real), np.array([1.0, 0.0]))
    weights = direction * max(float(slope), 0.05)
    weights[EVIDENCE.index("always")] += offset
    return Calibration(weights)


def logistic(seen: Evidence, right: Flags, weights: Weights, prior: Weights) -> Weights:
    """Logistic regression by Newton's method, drawn to `prior` as if by _TRUST texts."""
    found = prior.astype(np.float64).copy()
    pull = np.eye(len(prior)) * _TRUST / 4
    for _ in range(_ROUNDS):
        sure = 1 / (1 + np.exp(-np.clip(seen @ found, -30, 30)))
        slope = seen.T @ (weights * (sure - right)) + pull @ (found - prior)
        bend = (seen * (weights * sure * (1 - sure))[:, None]).T @ seen + pull
        step = np.linalg.solve(bend, slope)
        found -= step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
    return found
