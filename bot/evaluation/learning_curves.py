"""Reliability, precision-coverage and learning curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from bot.evaluation.datasets import Labelled
from bot.evaluation.metrics import Prediction, compute_metrics
from bot.evaluation.runner import EvaluationPlan, EvaluationRound, run_round
from bot.evaluation.trainers import Progress, Trainer, no_progress, numbered

BINS = 10  # of confidence, of equal width
DRAWS = 3  # random subsets per number of examples
_STEPS = (1, 3, 5, 10, 20, 50, 100, 200)  # examples per intent
_SEED = 20_240_607
_POINTS = 200  # of a drawn curve


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    confidence: float  # mean
    right: float  # share
    texts: int


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    coverage: float  # share of in-scope texts at or above a confidence
    precision: float  # share of right ones among those


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """Results with at most `examples` texts per intent."""

    examples: int | None  # None: all
    train_texts: float  # mean number
    accuracy: float  # mean of all draws; then the worst and the best
    lowest: float
    highest: float
    answered: float  # coverage at the target precision
    draws: int


def reliability(predictions: Sequence[Prediction], bins: int = BINS) -> list[ReliabilityBin]:
    """Bins of equal width; empty ones are left out."""
    parted: dict[int, list[Prediction]] = {}
    for prediction in predictions:
        parted.setdefault(min(int(prediction.confidence * bins), bins - 1), []).append(prediction)
    return [
        ReliabilityBin(
            sum(one.confidence for one in some) / len(some), sum(one.right for one in some) / len(some), len(some)
        )
        for _, some in sorted(parted.items())
    ]


def precision_by_coverage(predictions: Sequence[Prediction], points: int = _POINTS) -> list[CoveragePoint]:
    """Precision-coverage curve from the highest confidence, in at most `points` points. Equal confidences are one
    point."""
    ranked = sorted(predictions, key=lambda prediction: -prediction.confidence)
    kept, right = [], 0
    for count, prediction in enumerate(ranked, start=1):
        right += prediction.right
        if count == len(ranked) or ranked[count].confidence < prediction.confidence:
            kept.append(CoveragePoint(count / len(ranked), right / count))
    return _thinned(kept, points)


def _thinned(kept: Sequence[CoveragePoint], points: int) -> list[CoveragePoint]:
    """Evenly chosen points with the first and the last."""
    if len(kept) <= points:
        return list(kept)
    return [kept[place * (len(kept) - 1) // (points - 1)] for place in range(points)]


def learning_curve(plan: EvaluationPlan, trainer: Trainer, progress: Progress = no_progress) -> list[LearningPoint]:
    """Metrics with 1, 3, 5, ... examples per intent (three draws each), and with all."""
    steps = [*_steps(plan), None]
    return [
        _learning_point(plan, trainer, step, numbered(progress, place + 1, len(steps), "curve "))
        for place, step in enumerate(steps)
    ]


def _steps(plan: EvaluationPlan) -> Iterator[int]:
    """Numbers of examples that are fewer than the largest intent has."""
    most = max(_counts(plan.rounds[0].train).values())
    yield from (step for step in _STEPS if step < most)


def _counts(rows: Sequence[Labelled]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row.label] = found.get(row.label, 0) + 1
    return found


def _learning_point(plan: EvaluationPlan, trainer: Trainer, step: int | None, progress: Progress) -> LearningPoint:
    """With several rounds each draw takes the next round, instead of all draws in all rounds."""
    draws = DRAWS if step else min(DRAWS, len(plan.rounds))
    rounds = [_sample_round(plan.rounds[draw % len(plan.rounds)], step, draw) for draw in range(draws)]
    found = [compute_metrics([run_round(one, plan.promise, trainer, progress)]) for one in rounds]
    shares = [one.accuracy for one in found]
    return LearningPoint(
        step,
        sum(len(one.train) for one in rounds) / draws,
        sum(shares) / draws,
        min(shares),
        max(shares),
        sum(one.coverage_at_precision for one in found) / draws,
        draws,
    )


def _sample_round(one: EvaluationRound, step: int | None, draw: int) -> EvaluationRound:
    """The round with at most `step` texts per intent, in their order, and no out-of-scope test texts."""
    if step is None:
        return replace(one, out_of_scope=())
    dealt = Random(_SEED + draw)  # noqa: S311 - nothing secret
    order = sorted(range(len(one.train)), key=lambda _: dealt.random())
    left = dict.fromkeys(_counts(one.train), step)
    chosen = []
    for place in order:
        label = one.train[place].label
        if left[label]:
            left[label] -= 1
            chosen.append(place)
    return replace(one, train=[one.train[place] for place in sorted(chosen)], out_of_scope=())
