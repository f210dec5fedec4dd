"""What an evaluation found, as it is told: one JSON object for programs, tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

from bot.commands.ground import out
from bot.intents.curves import Grown, reliability
from bot.intents.evaluation import Blame, Evaluated, Exam, blame, broke_its_promise
from bot.intents.measuring import all_known, outside_by_kind
from bot.knowledge.confusions import Pair

MOST_PAIRS, MOST_TEXTS = 10, 3
WORDS = {
    "train_texts": ("texts taught", "训练文本"),
    "labels": ("intents", "意图"),
    "test_texts": ("texts asked", "测试文本"),
    "oos_texts": ("out-of-scope texts asked", "范围外文本"),
    "accuracy": ("first intent right", "首选准确率"),
    "macro_f1": ("macro F1", "宏平均 F1"),
    "auroc_oos": ("AUROC, known against out of scope", "范围外 AUROC"),
    "fpr_at_95_tpr": ("out of scope passing where 95 % of known do", "误放率"),
    "oos_answered": ("out of scope answered all the same", "范围外仍作答"),
    "coverage_at_precision": ("answered without asking", "直接作答比例"),
    "precision_answered": ("of those answers, right", "作答准确率"),
    "ece": ("calibration error", "校准误差"),
    "train_seconds": ("seconds of training", "训练秒数"),
    "ms_per_text": ("milliseconds per text", "每条毫秒"),
    "memory_mb": ("megabytes at the most", "最多占用 MB"),
}
"""The figures that are shown, in English and in Chinese."""
OUTSIDE_WORDS = {
    "texts": ("{kind}: texts asked", "{kind}：文本"),
    "auroc": ("{kind}: AUROC", "{kind}：AUROC"),
    "fpr_at_95_tpr": ("{kind}: passing where 95 % of known do", "{kind}：误放率"),
    "answered": ("{kind}: answered all the same", "{kind}：仍作答"),
}
CHINESE = {"near": "近域", "far": "远域"}
"""What the usual kinds of out-of-scope texts are called."""
_COUNTS = ("train_texts", "labels", "test_texts", "oos_texts", "texts")
_TIMES = ("train_seconds", "ms_per_text")


@dataclass(frozen=True, slots=True)
class Measured:
    """One engine's results. mixed: the pairs most worth looking at, with the texts to blame. grown: its learning
    curve, if that was asked for."""

    engine: str
    evaluated: Evaluated
    mixed: Sequence[tuple[Pair, Sequence[Blame]]]
    grown: Sequence[Grown] = field(default=())


def measured(engine: str, evaluated: Evaluated, exam: Exam, grown: Sequence[Grown] = ()) -> Measured:
    mixed = [(one, list(blame(one, evaluated, exam.rows, MOST_TEXTS))) for one in worst(evaluated)]
    return Measured(engine, evaluated, mixed, grown)


def worst(evaluated: Evaluated) -> list[Pair]:
    """The pairs most worth looking at."""
    return [pair for pair in evaluated.mixed[:MOST_PAIRS] if len(pair.found) > 1]


def as_json(found: Sequence[Measured]) -> dict[str, Any]:
    """The first engine's figures, and those of all engines where there are several."""
    all_of_them = [_one(one) for one in found]
    return all_of_them[0] | ({"engines": all_of_them} if len(found) > 1 else {})


def _one(found: Measured) -> dict[str, Any]:
    evaluated = found.evaluated
    kinds = outside_by_kind(evaluated.sittings)
    return {
        "engine": found.engine,
        "target_precision": evaluated.target_precision,
        "labels": evaluated.labels,
        "train_texts": evaluated.train_texts,
        "untaught": evaluated.untaught,
        "promise_broken": broke_its_promise(evaluated),
        **rounded(asdict(evaluated.figures)),
        "out_of_scope": {kind: rounded(asdict(outside)) for kind, outside in kinds.items()},
        "reliability": [rounded(asdict(one)) for one in reliability(all_known(evaluated.sittings))],
        "confused": [
            {"entries": pair.entries, "times": len(pair.found), "texts": [_blamed(one) for one in blamed]}
            for pair, blamed in found.mixed
        ],
        "learning_curve": [rounded(asdict(one)) for one in found.grown],
    }


def rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in figures.items()}


def _blamed(one: Blame) -> dict[str, Any]:
    """at: where the text stands. like: the example of the other entry that is most like it."""
    places = {
        "at": one.at or None,
        "like": one.like.text if one.like else None,
        "like_at": one.like.at if one.like else None,
    }
    return {**one.confusion._asdict(), **places}


def tell(found: Sequence[Measured]) -> None:
    names = ", ".join(one.engine for one in found)
    out.print(f"engine {names}, target precision {found[0].evaluated.target_precision:.0%}", markup=False)
    out.print(_figures(found))
    if found[0].grown:
        out.print(_curves(found))
    for one in found:
        if len(found) > 1:
            out.print(f"{one.engine}:", markup=False)
        _tell_mistakes(one)


def rows(found: Sequence[Measured]) -> list[tuple[tuple[str, str], list[str]]]:
    """Every figure's name in both languages, and what each engine has of it."""
    columns = [_shown(one.evaluated) for one in found]
    names = {name: words for column in columns for name, (words, _) in column.items()}
    return [(words, [column.get(name, (words, "–"))[1] for column in columns]) for name, words in names.items()]


def _shown(evaluated: Evaluated) -> dict[str, tuple[tuple[str, str], str]]:
    figures = {"train_texts": evaluated.train_texts, "labels": evaluated.labels, **asdict(evaluated.figures)}
    if not evaluated.train_texts:  # an edition that was trained long ago
        figures |= {"train_texts": None, "train_seconds": figures["train_seconds"] or None}
    shown = {name: (words, figure(name, figures[name])) for name, words in WORDS.items()}
    for kind, outside in outside_by_kind(evaluated.sittings).items():
        for name, (english, chinese) in OUTSIDE_WORDS.items():
            words = (english.format(kind=kind), chinese.format(kind=CHINESE.get(kind, kind)))
            shown[f"{kind} {name}"] = (words, figure(name, asdict(outside)[name]))
    return shown


def figure(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name in _COUNTS:
        return f"{value:,}"
    if name == "memory_mb":
        return f"{value:,.0f}"
    return f"{value:.2f}" if name in _TIMES else f"{value:.3f}"


def _figures(found: Sequence[Measured]) -> Table:
    table = Table(show_header=len(found) > 1)
    for heading in ("", *(one.engine for one in found)):
        table.add_column(heading, justify="right" if heading else "left")
    for (english, chinese), values in rows(found):
        table.add_row(f"{english} {chinese}", *values)
    return table


def _curves(found: Sequence[Measured]) -> Table:
    """One row for each step: accuracy, with the worst and the best of its draws."""
    table = Table("examples of each intent 每个意图的例句", *(one.engine for one in found))
    for steps in zip(*(one.grown for one in found), strict=True):
        name = "all 全部" if steps[0].examples is None else str(steps[0].examples)
        table.add_row(name, *(f"{one.accuracy:.3f} ({one.lowest:.3f}–{one.highest:.3f})" for one in steps))
    return table


def _tell_mistakes(found: Measured) -> None:
    """Texts that could only be wrong come first: they may be all that is."""
    if found.evaluated.untaught:
        _tell_untaught(found.evaluated.untaught)
    if broke_its_promise(found.evaluated):
        out.print(
            f"! below the target: {found.evaluated.figures.precision_answered:.1%} of the answers were correct, the "
            f"target is {found.evaluated.target_precision:.0%}. The questions differ from the examples taught: add "
            "such questions as examples, and train / 低于目标准确率：提问已偏离例句，请补充例句后重新训练"
        )
    for pair, blamed in found.mixed:
        out.print(f"{' and '.join(pair.entries)} were confused {len(pair.found)} times / 互相混淆", markup=False)
        for one in blamed:
            out.print(_line(one), markup=False)


def _tell_untaught(count: int) -> None:
    texts = "1 text was" if count == 1 else f"{count} texts were"
    out.print(
        f"! {texts} asked whose label is not in the training data, and counted as wrong: are the labels spelt the "
        "same? / 有测试标签没有教过，只会算错：请核对标签"
    )


def _line(one: Blame) -> str:
    own = f"    {one.at}  “{one.confusion.text}” → {one.confusion.taken} ({one.confusion.confidence:.2f})"
    return own + (f", like “{one.like.text}” {one.like.at}" if one.like else "")
