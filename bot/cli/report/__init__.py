"""The report of `yingda evaluate`: one HTML page with charts, in Chinese and English, that loads nothing else.

Also the chart that `yingda train` draws: coverage (share answered by the bot) and precision at each threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from bot.cli.report.svg import (
    CANVAS,
    Canvas,
    Frame,
    axes,
    bars,
    bilingual,
    element,
    file,
    grid,
    line,
    mark,
    percents,
    span,
    straight,
    svg,
    text,
)
from bot.cli.report.tables import Measured, kind_name, rows
from bot.errors import ConfigProblem, SettingError
from bot.evaluation.learning_curves import LearningPoint, precision_by_coverage, reliability
from bot.evaluation.metrics import Prediction, in_scope_predictions, out_of_scope_predictions
from bot.i18n import Message, message, translate
from bot.intents.classifier.training import TrainingReport

_BARS = 20  # of a histogram: one for each 0.05 of confidence
_ROW = 62  # pixels from one histogram to the next
_NUMBERS = 12  # rows of the table below a curve of many points


def write_report(path: Path, found: Sequence[Measured], about: Message, language: str) -> None:
    """Write the page. about: what was asked. language: shown first, 'zh' or 'en'.

    Raises SettingError for a file that cannot be written.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made = datetime.now().astimezone()
    environment.globals |= {
        "say": _bilingual,
        "text": lambda name, **values: _bilingual(message(f"evaluation.report.{name}", **values)),
    }
    title = translate("evaluation.report.title", language)
    page = environment.get_template("page.html").render(
        about=about, found=found, rows=rows(found), charts=charts(found), language=language, title=title, made=made
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as refused:
        problem = ConfigProblem.of(path, 0, "--report", "problem.file_not_written", reason=refused.strerror)
        raise SettingError(problem) from refused


def _bilingual(words: Message | str) -> Markup:
    """A text in both languages, of which the page shows one; a string is the same in both."""
    if isinstance(words, str):
        return escape(words)
    english = Markup('<span class="en" lang="en">{}</span>').format(words.text("en"))
    return english + Markup('<span class="zh" lang="zh-CN">{}</span>').format(words.text("zh"))


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture with the numbers that it shows; page.html lays it out."""

    id: str  # of its HTML element
    title: Message
    says: Message  # what it shows
    picture: Markup
    heads: Sequence[Message]  # of the table of numbers
    rows: Sequence[Sequence[str | Message]]
    legend: Sequence[str] = ()  # engines; each has the style s0, s1, ... of its place


def _text(name: str, **values: object) -> Message:
    return message(f"evaluation.chart.{name}", **values)


def charts(found: Sequence[Measured]) -> list[Chart]:
    """All charts of a report, in order."""
    grown = [_grown(found)] if found[0].learning_curve else []
    return [_trade(found), _reliability(found), *(_histogram(one, place) for place, one in enumerate(found)), *grown]


def _reliability(found: Sequence[Measured]) -> Chart:
    """How often answers of each confidence are right; on the diagonal, confidence is honest."""
    frame, name = Frame(), "reliability"
    bins = [reliability(in_scope_predictions(one.evaluated.runs)) for one in found]
    most = max(one.texts for some in bins for one in some)
    parts = [
        axes(frame, percents(0, 1, 0.2), percents(0, 1, 0.2), (_text("confidence"), _text("really_right"))),
        straight(frame, (0, 0), (1, 1)),
    ]
    for series, some in enumerate(bins):
        parts.append(line(frame, [(one.confidence, one.right) for one in some], series))
        for one in some:
            hover = f"{one.confidence:.2f} → {one.right:.2f} ({one.texts})"
            # the area of a point grows with the number of its texts
            parts.append(mark(frame, (one.confidence, one.right), series, 2.5 + 4.5 * (one.texts / most) ** 0.5, hover))
    rows = [
        [one.engine, f"{bin_.confidence:.3f}", f"{bin_.right:.3f}", f"{bin_.texts:,}"]
        for one, some in zip(found, bins, strict=True)
        for bin_ in some
    ]
    return Chart(
        name,
        _text("reliability"),
        _text("reliability_about"),
        svg(parts, f"{name}-title"),
        [_text("engine"), _text("confidence"), _text("right"), _text("texts")],
        rows,
        [one.engine for one in found],
    )


def _trade(found: Sequence[Measured]) -> Chart:
    """Precision against coverage at every threshold, with the chosen one marked."""
    name, target = "trade", found[0].evaluated.target_precision
    curves = [precision_by_coverage(in_scope_predictions(one.evaluated.runs)) for one in found]
    low = min(int(min(target, *(one.precision for some in curves for one in some)) * 10) / 10, 0.9)
    frame = Frame((0, low), (1, 1))
    up = percents(low, 1, 0.1 if low < 0.8 else 0.05)
    names = (_text("trade_coverage"), _text("trade_precision"))
    parts = [axes(frame, percents(0, 1, 0.2), up, names), straight(frame, (0, target), (1, target))]
    for series, (one, some) in enumerate(zip(found, curves, strict=True)):
        figures = one.evaluated.metrics
        chosen = (figures.coverage_at_precision, max(figures.precision_answered, low))
        parts.append(line(frame, [(kept.coverage, kept.precision) for kept in some], series))
        parts.append(mark(frame, chosen, series, 6, f"{chosen[0]:.1%}, {chosen[1]:.1%}"))
    return Chart(
        name,
        _text("trade"),
        _text("trade_about", target=target),
        svg(parts, f"{name}-title"),
        [_text("engine"), _text("answered"), _text("right")],
        [
            [one.engine, f"{k.coverage:.3f}", f"{k.precision:.3f}"]
            for one, some in zip(found, curves, strict=True)
            for k in some[max(len(some) // _NUMBERS, 1) - 1 :: max(len(some) // _NUMBERS, 1)]
        ],
        [one.engine for one in found],
    )


def _histogram(found: Measured, place: int) -> Chart:
    """How confident one engine is: right answers, mistakes, out-of-scope texts. place: its number in the report."""
    name = f"spread-{place}"
    groups = list(_groups(found))
    parts: list[Markup] = []
    rows: list[list[str | Message]] = []
    for number, (words, kind, guesses) in enumerate(groups):
        counts, top = _counted(guesses), 18 + number * _ROW
        parts += [bilingual((CANVAS.left, top - 5), words, "start"), bars(counts, top, _ROW - 22, kind)]
        rows += [[words, f"{at / _BARS:.2f}", f"{count:,}"] for at, count in enumerate(counts) if count]
    height = 18 + len(groups) * _ROW + 34
    frame = Frame()
    for at, shown in percents(0, 1, 0.2):
        parts.append(text((frame.place((at, 0))[0], height - 30), shown, "middle"))
    parts.append(bilingual((frame.place((0.5, 0))[0], height - 8), _text("confidence")))
    return Chart(
        name,
        _text("spread", engine=found.engine),
        _text("spread_about"),
        svg(parts, f"{name}-title", height),
        [_text("group"), _text("confidence_from"), _text("texts")],
        rows,
    )


def _groups(found: Measured) -> Iterator[tuple[Message, str, list[Prediction]]]:
    """Title, CSS class and texts of each histogram."""
    known, strange = in_scope_predictions(found.evaluated.runs), out_of_scope_predictions(found.evaluated.runs)
    yield _text("understood"), "good", [guess for guess in known if guess.right]
    yield _text("misunderstood"), "bad", [guess for guess in known if not guess.right]
    for kind in dict.fromkeys(guess.kind for guess in strange):
        words = _text("out_of_scope_kind", kind=kind_name(kind)) if kind else _text("out_of_scope")
        yield words, "strange", [guess for guess in strange if guess.kind == kind]


def _counted(guesses: Sequence[Prediction]) -> list[int]:
    """The number of guesses in each of _BARS steps of confidence."""
    counts = [0] * _BARS
    for guess in guesses:
        counts[min(int(guess.confidence * _BARS), _BARS - 1)] += 1
    return counts


def _grown(found: Sequence[Measured]) -> Chart:
    """The learning curve: accuracy by the number of examples per intent."""
    name, steps = "grown", found[0].learning_curve
    low = int(min(step.lowest for one in found for step in one.learning_curve) * 10) / 10
    low = min(low, 0.9)
    frame = Frame((0, low), (max(len(steps) - 1, 1), 1))
    across = [(place, str(step.examples or "∞")) for place, step in enumerate(steps)]
    names = (_text("growth_examples"), message("evaluation.figures.accuracy"))
    parts = [axes(frame, across, percents(low, 1, 0.1), names)]
    for series, one in enumerate(found):
        parts.append(line(frame, [(place, step.accuracy) for place, step in enumerate(one.learning_curve)], series))
        for place, step in enumerate(one.learning_curve):
            parts += [
                span(frame, place, step.lowest, step.highest, series),
                mark(frame, (place, step.accuracy), series, 4, f"{step.accuracy:.3f}"),
            ]
    return Chart(
        name,
        _text("growth"),
        _text("growth_about"),
        svg(parts, f"{name}-title"),
        [_text(name) for name in ("engine", "examples", "right", "worst", "best", "answered")],
        [[one.engine, *_step(step)] for one in found for step in one.learning_curve],
        [one.engine for one in found],
    )


def _step(step: LearningPoint) -> list[str | Message]:
    shares = (step.accuracy, step.lowest, step.highest, step.answered)
    return [
        str(step.examples) if step.examples else message("evaluation.curve.all"),
        *(f"{share:.3f}" for share in shares),
    ]


_CANVAS = Canvas(width=640, height=400, left=70, right=30, top=92, bottom=60)
_STEP = 0.05  # of precision, between the lines across; twice as much if the plot begins below _LOW
_LOW = 0.6
_STYLE = Markup("""
svg { background: #fbfaf7; font: 14px system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
text { fill: #5c6470; } .title { fill: #22262b; font-size: 17px; } .grid { stroke: #dfdcd4; }
.ideal { stroke: #a1440b; stroke-dasharray: 6 4; stroke-width: 1.5; } .promise { fill: #a1440b; }
.line { fill: none; stroke: #0b6b4f; stroke-width: 2.5; } .mark { fill: #0b6b4f; } .kept { fill: #0b6b4f22; }
@media (prefers-color-scheme: dark) {
svg { background: #14171a; } text { fill: #a8afb8; } .title { fill: #e9e7e1; } .grid { stroke: #343a41; }
.ideal { stroke: #f0a56a; } .promise { fill: #f0a56a; } .line { stroke: #5fd3aa; } .mark { fill: #5fd3aa; }
.kept { fill: #5fd3aa22; } }
""")


def write_threshold_chart(folder: Path, number: int, report: TrainingReport, target: float) -> Path:
    """Draw the chart of edition `number` into a file of `folder`. Returns its path. target: the precision promised."""
    path = folder / f"promise-{number}.svg"
    path.write_text(picture(report, target), encoding="utf-8")
    return path


def picture(report: TrainingReport, target: float) -> str:
    """The text of an SVG file in both languages, with light and dark colours."""
    low = min([0.9, target - 0.05, *(step.precision for step in report.curve)])
    low = floor(low / _STEP + 1e-9) * _STEP  # 1e-9: 0.6 / 0.05 is 11.999...
    frame = Frame((0.0, low), (1.0, 1.0), _CANVAS)
    x, y = frame.place((report.coverage, report.precision))
    left, ground = frame.place(frame.low)
    at_target = frame.place((0, target))
    aim = _both_languages("target", target=target)
    chosen = _both_languages("chosen", coverage=report.coverage, precision=report.precision)
    parts = [
        *(text((_CANVAS.left, 28 + 22 * line), translate("evaluation.picture.title", language), "start", "title")
          for line, language in enumerate(("en", "zh"))),
        grid(frame, percents(0, 1, 0.2), percents(low, 1, _STEP * (1 + (low < _LOW)))),
        text(((_CANVAS.left + _CANVAS.width) / 2, _CANVAS.height - 14), _both_languages("coverage"), "middle"),
        text((_CANVAS.left, _CANVAS.top - 14), _both_languages("precision"), "start"),
        straight(frame, (0, target), (1, target)),
        text((at_target[0] + 8, at_target[1] + 18), aim, "start", "promise"),
        line(frame, [(step.coverage, step.precision) for step in report.curve], 0),
        # what the chosen threshold keeps: the area under its point
        element("rect", {"class": "kept", "x": left, "y": y, "width": x - left, "height": ground - y}),
        mark(frame, (report.coverage, report.precision), 0, 6),
        text((left + 8, ground - 14), chosen, "start"),
    ]  # fmt: skip
    return f"{file(parts, f'{aim}; {chosen}', _STYLE, _CANVAS)}\n"


def _both_languages(name: str, **values: float) -> str:
    return " · ".join(translate(f"evaluation.picture.{name}", language, **values) for language in ("en", "zh"))
