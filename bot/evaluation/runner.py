"""Runs evaluations: training rounds, and the metrics of their test texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.evaluation.datasets import Labelled, folds, texts_by_label
from bot.evaluation.metrics import EvaluationRun, Metrics, compute_metrics, confusions, run_test
from bot.evaluation.trainers import Progress, Promise, SemanticTrainer, Trainer, no_progress, numbered
from bot.intents.classifier.encoder import shared_encoder
from bot.intents.classifier.features import plain
from bot.intents.classifier.thresholds import promise_broken
from bot.knowledge.checks import ConfusedPair, Confusion, confused_pairs, examples, out_of_scope_examples, titles
from bot.knowledge.entries import Base

_SEMANTIC = SemanticTrainer()


@dataclass(frozen=True, slots=True)
class EvaluationRound:
    """One training and its test texts."""

    train: Sequence[Labelled]
    known: Sequence[Labelled]  # in-scope test texts
    out_of_scope: Sequence[Labelled] = ()  # test texts
    outside: Sequence[Labelled] = ()  # trained as out of scope
    label_names: Sequence[Labelled] = ()  # names of the intents, trained as well but not counted as texts


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """The rounds of an evaluation."""

    promise: Promise
    rows: Sequence[Labelled]  # all texts trained in some round
    rounds: Sequence[EvaluationRound]

    @property
    def labels(self) -> int:
        return len({row.label for one in self.rounds for row in one.train})


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    target_precision: float
    labels: int  # intents trained
    train_texts: int
    untrained: int  # test texts whose label was not trained, which can only be wrong
    metrics: Metrics
    confused_pairs: list[ConfusedPair]  # confused pairs, most frequent first
    runs: tuple[EvaluationRun, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfusionExample:
    """A misclassified text and the training text of the predicted intent that is most similar."""

    confusion: Confusion
    at: str = ""  # file:line of the text
    most_similar: Labelled | None = None


def plan_from_files(
    train: Sequence[Labelled],
    known: Sequence[Labelled],
    out_of_scope: Sequence[Labelled],
    promise: Promise,
    outside: Sequence[Labelled] = (),
    label_names: Sequence[Labelled] = (),
) -> EvaluationPlan:
    """Train once, test once. outside, label_names: see EvaluationRound."""
    return EvaluationPlan(promise, train, [EvaluationRound(train, known, out_of_scope, outside, label_names)])


def plan_with_folds(
    rows: Sequence[Labelled],
    out_of_scope: Sequence[Labelled],
    promise: Promise,
    count: int,
    always: Sequence[Labelled] = (),
    outside: Sequence[Labelled] = (),
    label_names: Sequence[Labelled] = (),
) -> EvaluationPlan:
    """Cross-validation in at most `count` rounds: each row is tested once, by a model not trained on it.

    Out-of-scope texts are tested once each; those of `outside` are also trained in the other rounds. always:
    trained in every round.
    """
    parted = [(rest, asked) for rest, asked in folds(rows, count, always) if asked]
    turns = len(parted)
    rounds = [
        EvaluationRound(
            rest,
            asked,
            [*out_of_scope[turn::turns], *outside[turn::turns]],
            [row for place, row in enumerate(outside) if place % turns != turn],
            label_names,
        )
        for turn, (rest, asked) in enumerate(parted)
    ]
    return EvaluationPlan(promise, rows, rounds)


def plan_for_base(base: Base, out_of_scope: Sequence[Labelled], target: float, count: int) -> EvaluationPlan:
    """Cross-validation of a base's examples; titles are always trained."""
    return plan_with_folds(
        example_rows(base), out_of_scope, promise_of(base, target), count, title_rows(base), out_of_scope_rows(base)
    )


def training_rows(base: Base) -> list[Labelled]:
    """The texts that training takes from a base."""
    return [*example_rows(base), *title_rows(base)]


def out_of_scope_rows(base: Base) -> list[Labelled]:
    return [Labelled(one.text, "", one.at) for one in out_of_scope_examples(base)]


def example_rows(base: Base) -> list[Labelled]:
    return [Labelled(one.text, one.entry, one.at) for one in examples(base)]


def title_rows(base: Base) -> list[Labelled]:
    return [Labelled(one.text, one.entry, one.at) for one in titles(base)]


def promise_of(base: Base, target: float) -> Promise:
    own = {entry.id: entry.target_precision for entry in base.entries.values() if entry.target_precision}
    return Promise(target, own)


def evaluate(plan: EvaluationPlan, trainer: Trainer = _SEMANTIC, progress: Progress = no_progress) -> EvaluationResult:
    """Run a plan. Raises what the trainer and its engine raise, and ValueError for a plan without in-scope texts."""
    count = len(plan.rounds)
    runs = [
        run_round(one, plan.promise, trainer, numbered(progress, turn, count) if count > 1 else progress)
        for turn, one in enumerate(plan.rounds, start=1)
    ]
    untaught = 0
    for one in plan.rounds:
        trained = {row.label for row in one.train}
        untaught += sum(row.label not in trained for row in one.known)
    return result_of(runs, plan.promise.target, plan.labels, len(plan.rows), untaught)


def result_of(
    runs: Sequence[EvaluationRun], target: float, labels: int, train_texts: int, untaught: int = 0
) -> EvaluationResult:
    confused = confused_pairs(confusions(runs))
    return EvaluationResult(target, labels, train_texts, untaught, compute_metrics(runs), confused, tuple(runs))


def run_round(one: EvaluationRound, promise: Promise, trainer: Trainer, progress: Progress) -> EvaluationRun:
    with trainer.train(texts_by_label([*one.train, *one.label_names, *one.outside]), promise, progress) as learned:
        return run_test(learned, one.known, one.out_of_scope, progress)


def explain_confusions(
    pair: ConfusedPair, evaluated: EvaluationResult, rows: Sequence[Labelled], most: int
) -> Iterator[ConfusionExample]:
    """The `most` most confident confusions of a pair, each with the training text that explains it."""
    places = {(prediction.meant, prediction.text): prediction.at for run in evaluated.runs for prediction in run.known}
    rows_by_label = {label: [row for row in rows if row.label == label] for label in pair.entries}
    for confusion in pair.found[:most]:
        at = places.get((confusion.meant, confusion.text), "")
        yield ConfusionExample(confusion, at, _most_similar(confusion.text, rows_by_label[confusion.taken]))


def broke_promise(evaluated: EvaluationResult) -> bool:
    """Whether precision is below the target by more than chance."""
    metrics = evaluated.metrics
    answered = round(metrics.coverage_at_precision * metrics.test_texts)
    return promise_broken(answered, round(metrics.precision_answered * answered), evaluated.target_precision)


def _most_similar(text: str, candidates: Sequence[Labelled]) -> Labelled | None:
    if not candidates:
        return None
    vectors = shared_encoder().encode([plain(text), *(plain(one.text) for one in candidates)])
    return candidates[int((vectors[1:] @ vectors[0]).argmax())]
