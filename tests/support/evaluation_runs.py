"""Evaluates engine `semantic` on labelled texts."""

from __future__ import annotations

from collections.abc import Sequence

from bot.evaluation.datasets import Labelled, label_names
from bot.evaluation.runner import EvaluationResult, evaluate, plan_from_files
from bot.evaluation.trainers import Promise


def evaluate_files(
    train: Sequence[Labelled], known: Sequence[Labelled], out_of_scope: Sequence[Labelled], target: float
) -> EvaluationResult:
    """Train once and test; labels in words are trained as texts."""
    return evaluate(plan_from_files(train, known, out_of_scope, Promise(target), label_names=label_names(train)))
