"""The promise as a picture: how much the bot answers by itself against how often it is right, and the point chosen."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from pathlib import Path

from markupsafe import Markup

from bot.commands.drawing import Frame, Sheet, element, file, grid, line, mark, percents, straight, text
from bot.intents.understanding.training import Report

_SHEET = Sheet(width=640, height=400, left=70, right=30, top=92, bottom=60)
_STEP = 0.05  # between the lines across; twice as much where they would be many
_FAR_DOWN = 0.6
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


def write_promise(folder: Path, number: int, report: Report, target: float) -> Path:
    """Draw the promise of edition `number` into a file of `folder`; where it lies. Raises OSError."""
    path = folder / f"promise-{number}.svg"
    path.write_text(picture(report, target), encoding="utf-8")
    return path


def picture(report: Report, target: float) -> str:
    """An SVG of its own, in both languages, with light and dark colours."""
    low = min([0.9, target - 0.05, *(step.precision for step in report.curve)])
    frame = Frame((0.0, floor(low / _STEP + 1e-9) * _STEP), (1.0, 1.0), _SHEET)
    points = [(step.coverage, step.precision) for step in report.curve]
    parts = [*_heading(), _axes(frame), *_promise(frame, target), line(frame, points, 0), *_chosen(frame, report)]
    return f"{file(parts, _summary(report, target), _STYLE, _SHEET)}\n"


def _summary(report: Report, target: float) -> str:
    return f"target {target:.0%}; answered without a person: {report.coverage:.0%}, correct: {report.precision:.1%}"


def _heading() -> Iterator[Markup]:
    yield text((_SHEET.left, 28), "Coverage and precision at each threshold", "start", "title")
    yield text((_SHEET.left, 50), "各阈值下的覆盖率与准确率", "start", "title")


def _axes(frame: Frame) -> Markup:
    low = frame.low[1]
    middle = (_SHEET.left + _SHEET.width) / 2, _SHEET.height - 14
    told = text(middle, "coverage: answered without a person · 覆盖率：自行回答的比例", "middle")
    above = text((_SHEET.left, _SHEET.top - 14), "precision: correct, of those · 准确率：其中答对的比例", "start")
    return grid(frame, percents(0, 1, 0.2), percents(low, 1, _STEP * (1 + (low < _FAR_DOWN)))) + told + above


def _promise(frame: Frame, target: float) -> Iterator[Markup]:
    yield straight(frame, (0, target), (1, target))
    x, y = frame.place((0, target))
    yield text((x + 8, y + 18), f"target · 目标 {target:.0%}", "start", "promise")


def _chosen(frame: Frame, report: Report) -> Iterator[Markup]:
    """The point that the thresholds keep, and what it buys."""
    x, y = frame.place((report.coverage, report.precision))
    left, ground = frame.place(frame.low)
    yield element("rect", {"class": "kept", "x": left, "y": y, "width": x - left, "height": ground - y})
    yield mark(frame, (report.coverage, report.precision), 0, 6)
    told = f"{report.coverage:.0%} answered · 自己回答，{report.precision:.1%} right · 正确"
    yield text((left + 8, ground - 14), told, "start")
