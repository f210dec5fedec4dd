"""The results of an evaluation as JSON and as tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

from bot.cli.common import out, say, terminal_language
from bot.evaluation.learning_curves import LearningPoint, reliability
from bot.evaluation.metrics import in_scope_predictions, out_of_scope_by_kind
from bot.evaluation.runner import ConfusionExample, EvaluationPlan, EvaluationResult, broke_promise, explain_confusions
from bot.i18n import Message, message, translate
from bot.knowledge.checks import ConfusedPair

MOST_PAIRS, MOST_TEXTS = 10, 3  # shown: pairs of confused entries, texts of each
# the figures that are shown, in this order; for each kind of out-of-scope texts also OUTSIDE_FIGURES
FIGURES = (
    "train_texts",
    "labels",
    "test_texts",
    "oos_texts",
    "accuracy",
    "macro_f1",
    "auroc_oos",
    "fpr_at_95_tpr",
    "oos_answered",
    "coverage_at_precision",
    "precision_answered",
    "ece",
    "train_seconds",
    "ms_per_text",
    "memory_mb",
)
OUTSIDE_FIGURES = ("texts", "auroc", "fpr_at_95_tpr", "answered")
_COUNTS = ("train_texts", "labels", "test_texts", "oos_texts", "texts")
_TIMES = ("train_seconds", "ms_per_text")


@dataclass(frozen=True, slots=True)
class Measured:
    """One engine's results."""

    engine: str
    evaluated: EvaluationResult
    confusion_examples: Sequence[
        tuple[ConfusedPair, Sequence[ConfusionExample]]
    ]  # the worst pairs, with the texts that cause the confusion
    learning_curve: Sequence[LearningPoint] = field(default=())  # the learning curve, if it was asked for


def measured(
    engine: str, evaluated: EvaluationResult, plan: EvaluationPlan, grown: Sequence[LearningPoint] = ()
) -> Measured:
    mixed = [(one, list(explain_confusions(one, evaluated, plan.rows, MOST_TEXTS))) for one in worst(evaluated)]
    return Measured(engine, evaluated, mixed, grown)


def worst(evaluated: EvaluationResult) -> list[ConfusedPair]:
    """The pairs that are confused most often, and more than once."""
    return [pair for pair in evaluated.confused_pairs[:MOST_PAIRS] if len(pair.found) > 1]


def results_json(found: Sequence[Measured]) -> dict[str, Any]:
    """The first engine's figures, with those of all as `engines` if there are several."""
    results = [_engine_json(one) for one in found]
    return results[0] | ({"engines": results} if len(found) > 1 else {})


def _engine_json(found: Measured) -> dict[str, Any]:
    evaluated = found.evaluated
    kinds = out_of_scope_by_kind(evaluated.runs)
    return {
        "engine": found.engine,
        "target_precision": evaluated.target_precision,
        "labels": evaluated.labels,
        "train_texts": evaluated.train_texts,
        "untaught": evaluated.untrained,
        "promise_broken": broke_promise(evaluated),
        **rounded(asdict(evaluated.metrics)),
        "out_of_scope": {kind: rounded(asdict(outside)) for kind, outside in kinds.items()},
        "reliability": [rounded(asdict(one)) for one in reliability(in_scope_predictions(evaluated.runs))],
        "confused": [
            {"entries": pair.entries, "times": len(pair.found), "texts": [_blame_json(one) for one in blamed]}
            for pair, blamed in found.confusion_examples
        ],
        "learning_curve": [rounded(asdict(one)) for one in found.learning_curve],
    }


def rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in figures.items()}


def _blame_json(one: ConfusionExample) -> dict[str, Any]:
    # at: the file and line of the text; like: the most similar example of the other entry
    places = {
        "at": one.at or None,
        "like": one.most_similar.text if one.most_similar else None,
        "like_at": one.most_similar.at if one.most_similar else None,
    }
    return {**one.confusion._asdict(), **places}


def print_results(found: Sequence[Measured]) -> None:
    """Print the figures of all engines, then what each of them confused."""
    engines = ", ".join(one.engine for one in found)
    say("evaluation.heading", engines=engines, target=found[0].evaluated.target_precision)
    table = Table(show_header=len(found) > 1)
    for heading in ("", *(one.engine for one in found)):
        table.add_column(heading, justify="right" if heading else "left")
    for name, values in rows(found):
        table.add_row(name.text(terminal_language()), *values)
    out.print(table)
    if found[0].learning_curve:
        out.print(_curves(found))
    for one in found:
        if len(found) > 1:
            out.print(f"{one.engine}:", markup=False)
        _print_mistakes(one)


def rows(found: Sequence[Measured]) -> list[tuple[Message, list[str]]]:
    """The name of each figure, and its text for each engine; '–' for an engine without it."""
    columns = [_shown(one.evaluated) for one in found]
    names = {key: name for column in columns for key, (name, _) in column.items()}
    return [(name, [column[key][1] if key in column else "–" for column in columns]) for key, name in names.items()]


def _shown(evaluated: EvaluationResult) -> dict[str, tuple[Message, str]]:
    figures = {"train_texts": evaluated.train_texts, "labels": evaluated.labels, **asdict(evaluated.metrics)}
    if not evaluated.train_texts:  # the live edition, which was trained before
        figures |= {"train_texts": None, "train_seconds": figures["train_seconds"] or None}
    shown = {name: (message(f"evaluation.figures.{name}"), figure(name, figures[name])) for name in FIGURES}
    for kind, outside in out_of_scope_by_kind(evaluated.runs).items():
        for name in OUTSIDE_FIGURES:
            label = message(f"evaluation.outside.{name}", kind=kind_name(kind))
            shown[f"{kind} {name}"] = (label, figure(name, asdict(outside)[name]))
    return shown


def kind_name(kind: str) -> Message | str:
    """The title of a kind of out-of-scope texts; a kind of the user's own is its own title."""
    return message(f"evaluation.kind.{kind}") if kind in {"near", "far"} else kind


def figure(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name in _COUNTS:
        return f"{value:,}"
    if name == "memory_mb":
        return f"{value:,.0f}"
    return f"{value:.2f}" if name in _TIMES else f"{value:.3f}"


def _curves(found: Sequence[Measured]) -> Table:
    """One row for each number of examples: accuracy, with the worst and the best draw."""
    language = terminal_language()
    table = Table(translate("evaluation.curve.examples", language), *(one.engine for one in found))
    for steps in zip(*(one.learning_curve for one in found), strict=True):
        name = str(steps[0].examples or translate("evaluation.curve.all", language))
        table.add_row(name, *(f"{one.accuracy:.3f} ({one.lowest:.3f}–{one.highest:.3f})" for one in steps))
    return table


def _print_mistakes(found: Measured) -> None:
    evaluated = found.evaluated
    # labels that were never trained come first: they may explain all other mistakes
    if untaught := evaluated.untrained:
        say("evaluation.untaught_one" if untaught == 1 else "evaluation.untaught", count=untaught)
    if broke_promise(evaluated):
        precision = evaluated.metrics.precision_answered
        say("evaluation.below_target", precision=precision, target=evaluated.target_precision)
    for pair, blamed in found.confusion_examples:
        say("evaluation.confused", first=pair.entries[0], second=pair.entries[1], times=len(pair.found))
        for one in blamed:
            about = {
                "at": one.at,
                "text": one.confusion.text,
                "taken": one.confusion.taken,
                "confidence": one.confusion.confidence,
            }
            if one.most_similar:
                say("evaluation.blamed_like", **about, like=one.most_similar.text, like_at=one.most_similar.at)
            else:
                say("evaluation.blamed", **about)
