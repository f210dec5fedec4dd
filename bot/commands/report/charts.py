"""The pictures of an evaluation, each with the numbers that it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bot.commands.drawing import (
    SHEET,
    Frame,
    Words,
    axes,
    bars,
    both,
    line,
    mark,
    percents,
    span,
    straight,
    svg,
)
from bot.commands.measured import CHINESE, Measured
from bot.intents.curves import Grown, Kept, reliability, trade
from bot.intents.measuring import Guess, all_known, all_strange

_BARS = 20
_ROW = 62
_NUMBERS = 12  # rows of a table beside a curve of many points


@dataclass(frozen=True, slots=True)
class Chart:
    """legend: whose line is which, by the number of its style. heads, rows: the numbers, for whoever wants to read
    them."""

    id: str
    title: Words
    says: Words
    picture: Markup
    heads: Sequence[Words]
    rows: Sequence[Sequence[str]]
    legend: Sequence[str] = ()


def charts(found: Sequence[Measured]) -> list[Chart]:
    grown = [_grown(found)] if found[0].grown else []
    return [_trade(found), _reliability(found), *(_histogram(one, place) for place, one in enumerate(found)), *grown]


def _reliability(found: Sequence[Measured]) -> Chart:
    frame, name = Frame(), "reliability"
    bins = [reliability(all_known(one.evaluated.sittings)) for one in found]
    most = max(one.texts for some in bins for one in some)
    parts = [
        axes(frame, percents(0, 1, 0.2), percents(0, 1, 0.2), (("confidence", "置信度"), ("right", "实际正确"))),
        straight(frame, (0, 0), (1, 1)),
    ]
    for series, some in enumerate(bins):
        parts.append(line(frame, [(one.confidence, one.right) for one in some], series))
        for one in some:
            told = f"{one.confidence:.2f} → {one.right:.2f} ({one.texts})"
            parts.append(mark(frame, (one.confidence, one.right), series, 2.5 + 4.5 * (one.texts / most) ** 0.5, told))
    rows = [
        [one.engine, f"{bin_.confidence:.3f}", f"{bin_.right:.3f}", f"{bin_.texts:,}"]
        for one, some in zip(found, bins, strict=True)
        for bin_ in some
    ]
    return Chart(
        name,
        ("Does confidence tell the truth?", "置信度可信吗？"),
        (
            "On the dashed line, 0.9 is right nine times in ten. Below it the engine is too sure of itself, above it "
            "too modest. Bigger points stand for more texts.",
            "落在虚线上表示：0.9 的置信度十次对九次。线下是过于自信，线上是过于谨慎。点越大，文本越多。",
        ),
        svg(parts, f"{name}-title"),
        [("engine", "引擎"), ("confidence", "置信度"), ("right", "正确"), ("texts", "文本")],
        rows,
        [one.engine for one in found],
    )


def _trade(found: Sequence[Measured]) -> Chart:
    name, target = "trade", found[0].evaluated.target_precision
    curves = [trade(all_known(one.evaluated.sittings)) for one in found]
    low = min(int(min(target, *(one.precision for some in curves for one in some)) * 10) / 10, 0.9)
    frame = Frame((0, low), (1, 1))
    up = percents(low, 1, 0.1 if low < 0.8 else 0.05)
    names = (("answered without asking", "直接作答的比例"), ("of those, right", "其中正确"))
    parts = [axes(frame, percents(0, 1, 0.2), up, names), straight(frame, (0, target), (1, target))]
    for series, (one, some) in enumerate(zip(found, curves, strict=True)):
        figures = one.evaluated.figures
        chosen = (figures.coverage_at_precision, max(figures.precision_answered, low))
        parts.append(line(frame, [(kept.coverage, kept.precision) for kept in some], series))
        parts.append(mark(frame, chosen, series, 6, f"{chosen[0]:.1%}, {chosen[1]:.1%}"))
    return Chart(
        name,
        ("Coverage at the target precision", "目标准确率下的覆盖率"),
        (
            f"The target is {target:.0%} correct answers (dashed). The point is where the engine stands with "
            "the threshold that its training chose without seeing these texts.",
            f"目标是 {target:.0%} 的回答正确（虚线）。圆点是引擎的实际位置：阈值由训练选定，训练时没见过这些文本。",
        ),
        svg(parts, f"{name}-title"),
        [("engine", "引擎"), ("answered", "直接作答"), ("right", "正确")],
        [
            [one.engine, f"{k.coverage:.3f}", f"{k.precision:.3f}"]
            for one, some in zip(found, curves, strict=True)
            for k in _few(some)
        ],
        [one.engine for one in found],
    )


def _few(kept: Sequence[Kept]) -> Sequence[Kept]:
    step = max(len(kept) // _NUMBERS, 1)
    return [*kept[step - 1 :: step]]


def _histogram(found: Measured, place: int) -> Chart:
    name = f"spread-{place}"
    groups = list(_groups(found))
    parts, rows = [], []
    for number, (words, kind, guesses) in enumerate(groups):
        counts, top = _counted(guesses), 18 + number * _ROW
        parts += [both((SHEET.left, top - 5), words, "start"), bars(counts, top, _ROW - 22, kind)]
        rows += [
            [f"{words[0]} {words[1]}", f"{at / _BARS:.2f}", f"{count:,}"] for at, count in enumerate(counts) if count
        ]
    height = 18 + len(groups) * _ROW + 34
    frame = Frame()
    for at, shown in percents(0, 1, 0.2):
        parts.append(both((frame.place((at, 0))[0], height - 30), (shown, shown)))
    parts.append(both((frame.place((0.5, 0))[0], height - 8), ("confidence", "置信度")))
    return Chart(
        name,
        (f"How sure {found.engine} was", f"{found.engine} 有多确定"),
        (
            "What is understood rightly should stand on the right, everything else on the left. Each row has a scale "
            "of its own.",
            "理解正确的应靠右，其余应靠左。每一行各用自己的刻度。",
        ),
        svg(parts, f"{name}-title", height),
        [("group", "分组"), ("confidence from", "置信度自"), ("texts", "文本")],
        rows,
    )


def _groups(found: Measured) -> Iterator[tuple[Words, str, list[Guess]]]:
    known, strange = all_known(found.evaluated.sittings), all_strange(found.evaluated.sittings)
    yield ("understood rightly", "理解正确"), "good", [guess for guess in known if guess.right]
    yield ("misunderstood", "理解错误"), "bad", [guess for guess in known if not guess.right]
    for kind in dict.fromkeys(guess.kind for guess in strange):
        words = (f"out of scope {kind}".strip(), f"范围外 {CHINESE.get(kind, kind)}".strip())
        yield words, "strange", [guess for guess in strange if guess.kind == kind]


def _counted(guesses: Sequence[Guess]) -> list[int]:
    counts = [0] * _BARS
    for guess in guesses:
        counts[min(int(guess.confidence * _BARS), _BARS - 1)] += 1
    return counts


def _grown(found: Sequence[Measured]) -> Chart:
    name, steps = "grown", found[0].grown
    low = int(min(step.lowest for one in found for step in one.grown) * 10) / 10
    low = min(low, 0.9)
    frame = Frame((0, low), (max(len(steps) - 1, 1), 1))
    across = [(place, str(step.examples or "∞")) for place, step in enumerate(steps)]
    names = (("examples of each intent (∞: all)", "每个意图的例句数（∞：全部）"), ("first intent right", "首选准确率"))
    parts = [axes(frame, across, percents(low, 1, 0.1), names)]
    for series, one in enumerate(found):
        parts.append(line(frame, [(place, step.accuracy) for place, step in enumerate(one.grown)], series))
        for place, step in enumerate(one.grown):
            parts += [
                span(frame, place, step.lowest, step.highest, series),
                mark(frame, (place, step.accuracy), series, 4, f"{step.accuracy:.3f}"),
            ]
    return Chart(
        name,
        ("What more examples bring", "例句越多，效果如何"),
        (
            "The mean of three draws, with the worst and the best of them. Where the line still rises at its end, "
            "more examples will help.",
            "三次抽样的平均，竖线为最差与最好。曲线末端仍在上升，说明再加例句还有用。",
        ),
        svg(parts, f"{name}-title"),
        [
            ("engine", "引擎"),
            ("examples", "例句"),
            ("right", "正确"),
            ("worst", "最差"),
            ("best", "最好"),
            ("answered", "直接作答"),
        ],
        [[one.engine, *_step(step)] for one in found for step in one.grown],
        [one.engine for one in found],
    )


def _step(step: Grown) -> list[str]:
    shares = (step.accuracy, step.lowest, step.highest, step.answered)
    return [str(step.examples or "all 全部"), *(f"{share:.3f}" for share in shares)]
