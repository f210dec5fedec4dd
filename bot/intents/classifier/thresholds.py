"""Choose confidence thresholds that keep the promised precision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bot.intents.classifier.calibration import Flags, Weights, logistic_regression
from bot.knowledge.editions import Thresholds

# never answer or refuse to answer beyond these, whatever the held-out texts say
LOWEST_ANSWER, HIGHEST_ANSWER = 0.5, 0.985
_LOWEST_ASK = 0.15  # floor of the ask threshold
ENOUGH_HELD_OUT = 100  # texts from which observed precision is evidence
_STANDARD_ERRORS = 1.0  # by which observed precision has to exceed the target
_STEPS = 100  # points of the curve


@dataclass(frozen=True, slots=True)
class ThresholdStep:
    """One point of the precision-coverage curve."""

    threshold: float
    coverage: float  # share of texts at or above the threshold
    precision: float  # share of right ones among those


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Results of held-out texts; all arrays have shape (n,)."""

    confidence: npt.NDArray[np.float64]
    right: Flags  # the first intent is right
    offered: Flags  # the right intent is among the first three
    weights: Weights

    def precision(self, threshold: float) -> float:
        """Weighted share of right texts at or above `threshold`; 1 if there are none."""
        chosen = self.confidence >= threshold
        total = float(self.weights[chosen].sum())
        return float(self.weights[chosen & self.right].sum()) / total if total else 1.0

    def coverage(self, threshold: float) -> float:
        """Weighted share of texts at or above `threshold`; 0 without texts."""
        total = float(self.weights.sum())
        return float(self.weights[self.confidence >= threshold].sum()) / total if total else 0.0

    def curve(self, steps: int = _STEPS) -> tuple[ThresholdStep, ...]:
        """Precision-coverage curve from the highest confidence to all texts, in at most `steps` points."""
        if not len(self.confidence):
            return ()
        order = np.argsort(-self.confidence, kind="stable")
        total = np.cumsum(self.weights[order])
        right = np.cumsum((self.weights * self.right)[order])
        ends = np.unique(np.ceil(np.linspace(0, len(order), steps + 1)[1:]).astype(int)) - 1
        return tuple(
            ThresholdStep(
                float(self.confidence[order[end]]), float(total[end] / total[-1]), float(right[end] / total[end])
            )
            for end in ends
        )

    def calibration_error(self, bins: int = 15) -> float:
        """Expected calibration error: mean distance of confidence and accuracy in bins of equal width."""
        place = np.minimum((self.confidence * bins).astype(int), bins - 1)
        weight = np.bincount(place, self.weights, bins)
        gap = np.bincount(place, self.weights * (self.confidence - self.right), bins)
        return float(np.abs(gap).sum() / max(float(weight.sum()), 1e-12))


def choose_thresholds(outcomes: Outcomes, target: float, own: Mapping[str, float], unsure: Weights) -> Thresholds:
    """Thresholds for a target precision. own: stricter targets of single intents.

    unsure: weights (n,) for the ask threshold. Out-of-scope questions are more frequent among unanswered messages than
    among all, and should go to a person instead of being asked back.
    """
    answer = answer_threshold(outcomes, target)
    stricter = {intent: answer_threshold(outcomes, wanted) for intent, wanted in own.items() if wanted > target}
    return Thresholds(answer, ask_threshold(replace(outcomes, weights=unsure), answer), stricter)


def answer_threshold(outcomes: Outcomes, target: float) -> float:
    """Lowest confidence from which answers have precision `target`.

    Both must reach the target: observed precision less a standard error, and mean confidence. With fewer than
    ENOUGH_HELD_OUT texts the confidence of each single answer must reach it.
    """
    if outcomes.weights.sum() < ENOUGH_HELD_OUT:
        return min(target, HIGHEST_ANSWER)
    order = np.argsort(-outcomes.confidence, kind="stable")
    total = np.cumsum(outcomes.weights[order])
    right = np.cumsum((outcomes.weights * outcomes.right)[order]) / total
    sure = np.cumsum((outcomes.weights * outcomes.confidence)[order]) / total
    proved = right - _STANDARD_ERRORS * np.sqrt(right * (1 - right) / total)
    kept = np.flatnonzero(np.minimum(proved, sure) >= target)
    lowest = float(outcomes.confidence[order][kept[-1]]) if len(kept) else HIGHEST_ANSWER
    return min(max(lowest, LOWEST_ANSWER), HIGHEST_ANSWER)


def promise_broken(answered: int, right: int, target: float) -> bool:
    """Whether `right` of `answered` is below the target by more than two standard errors: the questions have drifted
    from the examples, and a new training is due."""
    return answered > 0 and right / answered < target - 2 * math.sqrt(target * (1 - target) / answered)


def ask_threshold(outcomes: Outcomes, answer: float) -> float:
    """Lowest confidence worth asking back: from there the right intent is among three choices at least half of the
    time."""
    unsure = outcomes.confidence < answer
    sure = np.clip(outcomes.confidence[unsure], 1e-6, 1 - 1e-6)
    line = np.stack([np.log(sure / (1 - sure)), np.ones(len(sure))], axis=1)
    slope, offset = logistic_regression(line, outcomes.offered[unsure], outcomes.weights[unsure], np.array([1.0, 1.0]))
    # Where the fitted probability of a helpful list crosses one half; the bounds keep exp from overflowing.
    even = 1 / (1 + math.exp(min(max(float(offset) / max(float(slope), 0.05), -30), 30)))
    return min(max(even, _LOWEST_ASK), answer)
