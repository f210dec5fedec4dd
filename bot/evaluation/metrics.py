"""Metrics of intent classification and out-of-scope detection on a labelled test set.

Engines are asked as the bot asks them: in the same batches, with the threshold that training chose.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bot.domain.decisions import Understanding, Utterance
from bot.evaluation.datasets import Labelled
from bot.evaluation.trainers import Progress, TrainedEngine, no_progress
from bot.intents.classifier.thresholds import Outcomes
from bot.knowledge.checks import Confusion
from bot.text import truncate
from bot.text.language import script_of

BATCH = 16  # texts of a call, as in serving
_TRUE_POSITIVE_RATE = 0.95  # the share of known texts that must pass while out_of_scope are counted
Confidences = npt.NDArray[np.float64]


class Prediction(NamedTuple):
    text: str
    meant: str  # intent; '' if out of scope
    taken: str
    confidence: float
    answered: bool  # confident enough to answer without asking back
    at: str = ""
    kind: str = ""

    @property
    def right(self) -> bool:
        return self.taken == self.meant


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """Predictions of one trained engine."""

    known: list[Prediction]
    out_of_scope: list[Prediction]
    training_seconds: float  # seconds
    inference_seconds: float  # seconds
    memory_mb: float | None = None  # peak in megabytes


@dataclass(frozen=True, slots=True)
class Metrics:
    """Shares are 0 to 1; metrics of out-of-scope texts are None without such texts."""

    test_texts: int  # in scope
    oos_texts: int
    accuracy: float  # of the first intent
    macro_f1: float
    auroc_oos: float | None  # probability that an in-scope text has more confidence than an out-of-scope one
    fpr_at_95_tpr: float | None  # share of out-of-scope texts at the confidence that 95 % of in-scope texts reach
    oos_answered: float | None  # share of out-of-scope texts that would be answered
    # share of in-scope texts answered, at the threshold that training chose for the target precision
    coverage_at_precision: float
    precision_answered: float  # share of right ones among those; 1 if there are none
    ece: float  # expected calibration error, 15 bins
    train_seconds: float  # wall clock, of all runs
    ms_per_text: float  # in batches of 16
    memory_mb: float | None  # peak of the largest run; None where the system does not tell


@dataclass(frozen=True, slots=True)
class OutOfScopeMetrics:
    """Metrics of one kind of out-of-scope texts; see Metrics."""

    texts: int
    auroc: float
    fpr_at_95_tpr: float
    answered: float


def run_test(
    learned: TrainedEngine,
    known: Sequence[Labelled],
    out_of_scope: Sequence[Labelled],
    progress: Progress = no_progress,
) -> EvaluationRun:
    """Predict all rows. progress: receives 'asking' and the share done, 0 to 1."""
    asked = [*known, *out_of_scope]
    began = time.perf_counter()
    understood = list(_understood(learned, asked, progress))
    asking = time.perf_counter() - began
    predictions = [_prediction(learned, row, one) for row, one in zip(asked, understood, strict=True)]
    return EvaluationRun(
        predictions[: len(known)], predictions[len(known) :], learned.seconds, asking, learned.peak_memory()
    )


def compute_metrics(runs: Sequence[EvaluationRun]) -> Metrics:
    """Metrics of all runs together. Raises ValueError without in-scope texts."""
    known, strange = in_scope_predictions(runs), out_of_scope_predictions(runs)
    if not known:
        raise ValueError("nothing was asked")
    sure, right = _confidences(known), np.array([prediction.right for prediction in known])
    answered = [prediction.right for prediction in known if prediction.answered]
    outside = _out_of_scope_metrics(sure, strange) if strange else None
    spent = sum(run.inference_seconds for run in runs)
    return Metrics(
        test_texts=len(known),
        oos_texts=len(strange),
        accuracy=float(right.mean()),
        macro_f1=macro_f1(known),
        auroc_oos=outside.auroc if outside else None,
        fpr_at_95_tpr=outside.fpr_at_95_tpr if outside else None,
        oos_answered=outside.answered if outside else None,
        coverage_at_precision=len(answered) / len(known),
        precision_answered=sum(answered) / len(answered) if answered else 1.0,
        ece=Outcomes(sure, right, right, np.ones(len(right))).calibration_error(),
        train_seconds=sum(run.training_seconds for run in runs),
        ms_per_text=spent / (len(known) + len(strange)) * 1000,
        memory_mb=max((run.memory_mb for run in runs if run.memory_mb), default=None),
    )


def out_of_scope_by_kind(runs: Sequence[EvaluationRun]) -> dict[str, OutOfScopeMetrics]:
    """Metrics of out-of-scope texts by kind, if they have kinds."""
    sure, strange = _confidences(in_scope_predictions(runs)), out_of_scope_predictions(runs)
    kinds = dict.fromkeys(prediction.kind for prediction in strange if prediction.kind)
    return {
        kind: _out_of_scope_metrics(sure, [prediction for prediction in strange if prediction.kind == kind])
        for kind in kinds
    }


def _out_of_scope_metrics(known: Confidences, out_of_scope: Sequence[Prediction]) -> OutOfScopeMetrics:
    sure = _confidences(out_of_scope)
    answered = sum(prediction.answered for prediction in out_of_scope) / len(out_of_scope)
    return OutOfScopeMetrics(len(out_of_scope), auroc(known, sure), fpr_at_tpr(known, sure), answered)


def in_scope_predictions(runs: Sequence[EvaluationRun]) -> list[Prediction]:
    return [prediction for run in runs for prediction in run.known]


def out_of_scope_predictions(runs: Sequence[EvaluationRun]) -> list[Prediction]:
    return [prediction for run in runs for prediction in run.out_of_scope]


def confusions(runs: Sequence[EvaluationRun]) -> list[Confusion]:
    """In-scope texts predicted as another intent."""
    return [
        Confusion(prediction.meant, prediction.taken, prediction.text, prediction.confidence)
        for prediction in in_scope_predictions(runs)
        if prediction.taken and not prediction.right
    ]


def auroc(inside: Confidences, outside: Confidences) -> float:
    """Probability that a value of `inside` is greater than one of `outside`; ties count half."""
    ranked = np.sort(outside)
    below = np.searchsorted(ranked, inside, "left")
    level = np.searchsorted(ranked, inside, "right") - below
    return float((below + level / 2).mean() / len(outside))


def fpr_at_tpr(inside: Confidences, outside: Confidences, kept: float = _TRUE_POSITIVE_RATE) -> float:
    """Share of `outside` at or above the value that the share `kept` of `inside` reaches."""
    lowest = np.sort(inside)[::-1][math.ceil(kept * len(inside)) - 1]
    return float((outside >= lowest).mean())


def macro_f1(predictions: Sequence[Prediction]) -> float:
    """Unweighted mean F1 over all intents that occur as label or prediction."""
    scores: dict[str, list[int]] = {}
    for prediction in predictions:
        for intent in {prediction.meant, prediction.taken} - {""}:
            hit, seen = scores.setdefault(intent, [0, 0])
            # F1 = 2 TP / (2 TP + FP + FN); a right prediction is visited once and counts 2 on both sides.
            scores[intent] = [hit + 2 * prediction.right, seen + 1 + prediction.right]
    return sum(hit / seen for hit, seen in scores.values()) / len(scores)


def _understood(learned: TrainedEngine, asked: Sequence[Labelled], progress: Progress) -> Iterator[Understanding]:
    for start in range(0, len(asked), BATCH):
        progress("asking", start / len(asked))
        texts = [row.text for row in asked[start : start + BATCH]]
        yield from learned.engine.understand(
            [Utterance(truncate(text), script_of(text), learned.edition) for text in texts]
        )


def _prediction(learned: TrainedEngine, row: Labelled, understood: Understanding) -> Prediction:
    if not understood.candidates:
        return Prediction(row.text, row.label, "", 0.0, False, row.at, row.kind)
    best = understood.candidates[0]
    answered = understood.exact or best.confidence >= learned.thresholds.answer_for(best.intent)
    return Prediction(row.text, row.label, best.intent, best.confidence, answered, row.at, row.kind)


def _confidences(predictions: Sequence[Prediction]) -> Confidences:
    return np.array([prediction.confidence for prediction in predictions])
