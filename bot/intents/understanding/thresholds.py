"""From a promise to thresholds: the confidence from which answers are right as often as promised."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bot.intents.understanding.fitting import Flags, Weights, logistic
from bot.knowledge.editions import Thresholds

LOWEST_ANSWER, HIGHEST_ANSWER = 0.5, 0.985
_LOWEST_ASK = 0.15
PROVES = 100  # held-out texts; fewer prove little
_CAUTION = 1.0
_STEPS = 100


@dataclass(frozen=True, slots=True)
class Step:
    """What a threshold buys: the share of texts that are answered, and of those the share of right ones."""

    threshold: float
    coverage: float
    precision: float


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How held-out texts came out: confidence, whether the first or one of the first three was right, their weight."""

    confidence: npt.NDArray[np.float64]
    right: Flags
    offered: Flags
    weights: Weights

    def precision(self, threshold: float) -> float:
        """The share of right ones among those from `threshold` on; 1 if there are none."""
        chosen = self.confidence >= threshold
        return _share(self.right[chosen], self.weights[chosen])

    def coverage(self, threshold: float) -> float:
        """The share of all texts that lie from `threshold` on; 0 if there are no texts."""
        total = float(self.weights.sum())
        return float(self.weights[self.confidence >= threshold].sum()) / total if total else 0.0

    def curve(self, steps: int = _STEPS) -> tuple[Step, ...]:
        """What thresholds buy, from the surest texts to all of them; empty if there are no texts."""
        if not len(self.confidence):
            return ()
        order = np.argsort(-self.confidence, kind="stable")
        total = np.cumsum(self.weights[order])
        right = np.cumsum((self.weights * self.right)[order])
        ends = np.unique(np.ceil(np.linspace(0, len(order), steps + 1)[1:]).astype(int)) - 1
        return tuple(
            Step(float(self.confidence[order[end]]), float(total[end] / total[-1]), float(right[end] / total[end]))
            for end in ends
        )

    def calibration_error(self, bins: int = 15) -> float:
        """The expected calibration error: how far, on average, confidence and truth lie apart within equal bins."""
        place = np.minimum((self.confidence * bins).astype(int), bins - 1)
        weight = np.bincount(place, self.weights, bins)
        gap = np.bincount(place, self.weights * (self.confidence - self.right), bins)
        return float(np.abs(gap).sum() / max(float(weight.sum()), 1e-12))


def keeping(outcomes: Outcomes, target: float, own: Mapping[str, float], unsure: Weights) -> Thresholds:
    """The thresholds that keep the promise `target`, and the stricter ones that intents have of their `own`.

    unsure: what each text weighs when it comes to asking back. Questions about something else are a larger share of
    what is not answered than of all messages, and are better taken to a person at once.
    """
    answer = answer_from(outcomes, target)
    stricter = {intent: answer_from(outcomes, wanted) for intent, wanted in own.items() if wanted > target}
    return Thresholds(answer, ask_from(replace(outcomes, weights=unsure), answer), stricter)


def answer_from(outcomes: Outcomes, target: float) -> float:
    """The lowest confidence from which answers are right at `target`.

    Both have to say so: the outcomes, with a standard error to spare, and the confidences on the average. With less
    than a hundred held-out texts outcomes prove little, and each single confidence has to be `target`.
    """
    if outcomes.weights.sum() < PROVES:
        return min(target, HIGHEST_ANSWER)
    order = np.argsort(-outcomes.confidence, kind="stable")
    total = np.cumsum(outcomes.weights[order])
    right = np.cumsum((outcomes.weights * outcomes.right)[order]) / total
    sure = np.cumsum((outcomes.weights * outcomes.confidence)[order]) / total
    proved = right - _CAUTION * np.sqrt(right * (1 - right) / total)
    kept = np.flatnonzero(np.minimum(proved, sure) >= target)
    lowest = float(outcomes.confidence[order][kept[-1]]) if len(kept) else HIGHEST_ANSWER
    return min(max(lowest, LOWEST_ANSWER), HIGHEST_ANSWER)


def broken(answered: int, right: int, target: float) -> bool:
    """Whether so many right ones, of those answered, are too few for a promise of `target` to hold, by more than chance
    has it once in forty times: what is asked has drifted from what was taught, and training anew is due."""
    return answered > 0 and right / answered < target - 2 * math.sqrt(target * (1 - target) / answered)


def ask_from(outcomes: Outcomes, answer: float) -> float:
    """The lowest confidence worth asking back: every second time, what was meant is among three choices."""
    unsure = outcomes.confidence < answer
    sure = np.clip(outcomes.confidence[unsure], 1e-6, 1 - 1e-6)
    line = np.stack([np.log(sure / (1 - sure)), np.ones(len(sure))], axis=1)
    slope, offset = logistic(line, outcomes.offered[unsure], outcomes.weights[unsure], np.array([1.0, 1.0]))
    even = 1 / (1 + math.exp(min(max(float(offset) / max(float(slope), 0.05), -30), 30)))
    return min(max(even, _LOWEST_ASK), answer)


def _share(right: Flags, weights: Weights) -> float:
    total = float(weights.sum())
    return float(weights[right].sum()) / total if total else 1.0
