"""Drawing: a plot as SVG, which takes its colours from the page it is in and tells its lines apart without them too, or
is a file of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from markupsafe import Markup, escape

Point: TypeAlias = tuple[float, float]
Words: TypeAlias = tuple[str, str]
"""English, Chinese."""
_SHAPES = ("circle", "square", "diamond")
STYLES = len(_SHAPES)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is drawn on, in pixels, with the margins around the plot."""

    width: int = 440
    height: int = 300
    left: int = 60
    right: int = 24
    top: int = 12
    bottom: int = 46


SHEET = Sheet()


@dataclass(frozen=True, slots=True)
class Frame:
    """What part of the numbers a plot shows."""

    low: Point = (0.0, 0.0)
    high: Point = (1.0, 1.0)
    sheet: Sheet = SHEET

    def place(self, point: Point) -> Point:
        """In pixels, from the upper left corner."""
        across = (point[0] - self.low[0]) / (self.high[0] - self.low[0])
        up = (point[1] - self.low[1]) / (self.high[1] - self.low[1])
        sheet = self.sheet
        wide, high = sheet.width - sheet.left - sheet.right, sheet.height - sheet.top - sheet.bottom
        return sheet.left + across * wide, sheet.height - sheet.bottom - up * high


def element(tag: str, attributes: Mapping[str, str | float], *inside: str) -> Markup:
    """Text goes in as text, so nothing that somebody wrote is ever markup."""
    told = (
        Markup(' {}="{}"').format(name, f"{value:.1f}" if isinstance(value, float) else value)
        for name, value in attributes.items()
    )
    return Markup("<{}{}>{}</{}>").format(tag, Markup("").join(told), Markup("").join(inside), tag)


def svg(parts: Iterable[Markup], labelled_by: str, height: int = SHEET.height) -> Markup:
    """A part of a page, which holds what it is called."""
    about = {"viewBox": f"0 0 {SHEET.width} {height}", "role": "img", "aria-labelledby": labelled_by}
    return element("svg", about, *parts)


def file(parts: Iterable[Markup], label: str, style: Markup, sheet: Sheet) -> Markup:
    """A picture of its own. style: its CSS."""
    about = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {sheet.width} {sheet.height}"}
    return element("svg", {**about, "role": "img", "aria-label": label}, element("style", {}, style), *parts)


def axes(
    frame: Frame, across: Sequence[tuple[float, str]], up: Sequence[tuple[float, str]], names: tuple[Words, Words]
) -> Markup:
    """Lines and numbers at these places, and what they count."""
    sheet = frame.sheet
    middle = (sheet.left + sheet.width - sheet.right) / 2
    upright = {"transform": f"translate(11 {(sheet.height - sheet.bottom + sheet.top) / 2:.0f}) rotate(-90)"}
    below, beside = both((middle, sheet.height - 8), names[0]), element("g", upright, both((0, 0), names[1]))
    return Markup("").join([grid(frame, across, up), below, beside])


def grid(frame: Frame, across: Sequence[tuple[float, str]], up: Sequence[tuple[float, str]]) -> Markup:
    """Lines and numbers at these places."""
    lines = [_rule(frame.place((frame.low[0], at)), frame.place((frame.high[0], at)), "grid") for at, _ in up]
    ticks = [text(_below(frame.place((at, frame.low[1])), 18), shown, "middle") for at, shown in across]
    ticks += [text((frame.sheet.left - 8, frame.place((0, at))[1] + 4), shown, "end") for at, shown in up]
    return Markup("").join([*lines, *ticks])


def percents(low: float, high: float, step: float) -> list[tuple[float, str]]:
    count = round((high - low) / step)
    return [(low + step * number, f"{low + step * number:.0%}") for number in range(count + 1)]


def straight(frame: Frame, begin: Point, end: Point) -> Markup:
    """A dashed line to compare with."""
    return _rule(frame.place(begin), frame.place(end), "ideal")


def line(frame: Frame, points: Sequence[Point], series: int) -> Markup:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(frame.place, points))
    return element("polyline", {"class": f"line s{series % STYLES}", "points": path})


def mark(frame: Frame, point: Point, series: int, size: float = 4.0, told: str = "") -> Markup:
    """A point in the series' own shape; `told` shows when somebody points at it."""
    x, y = frame.place(point)
    shape, style = _SHAPES[series % STYLES], {"class": f"mark s{series % STYLES}"}
    title = [element("title", {}, escape(told))] if told else []
    if shape == "circle":
        return element("circle", {**style, "cx": x, "cy": y, "r": size}, *title)
    box = {"x": x - size, "y": y - size, "width": 2 * size, "height": 2 * size}
    turn = {"transform": f"rotate(45 {x:.1f} {y:.1f})"} if shape == "diamond" else {}
    return element("rect", {**style, **box, **turn}, *title)


def span(frame: Frame, at: float, low: float, high: float, series: int) -> Markup:
    """From the worst to the best."""
    return _rule(frame.place((at, low)), frame.place((at, high)), f"line s{series % STYLES}")


def bars(counts: Sequence[int], top: float, height: float, kind: str) -> Markup:
    """A row of bars that shares the plot's width; the highest one fills `height`."""
    width, most = (SHEET.width - SHEET.left - SHEET.right) / len(counts), max(*counts, 1)
    return Markup("").join(
        element("rect", {"class": f"bar {kind}", "x": SHEET.left + place * width + 1, **_bar(top, height, count / most),
                         "width": width - 2}, element("title", {}, f"{count:,}"))
        for place, count in enumerate(counts)
        if count
    )  # fmt: skip


def _bar(top: float, height: float, share: float) -> dict[str, float]:
    return {"y": top + height * (1 - share), "height": height * share}


def both(at: Point, words: Words, anchor: str = "middle") -> Markup:
    """In both languages; the page shows one."""
    english, chinese = (text(at, one, anchor) for one in words)
    return element("g", {"class": "en", "lang": "en"}, english) + element(
        "g", {"class": "zh", "lang": "zh-CN"}, chinese
    )


def text(at: Point, shown: str, anchor: str, kind: str = "") -> Markup:
    about = {"class": kind} if kind else {}
    return element("text", {**about, "x": float(at[0]), "y": float(at[1]), "text-anchor": anchor}, escape(shown))


def _below(at: Point, pixels: float) -> Point:
    return at[0], at[1] + pixels


def _rule(begin: Point, end: Point, kind: str) -> Markup:
    return element("line", {"class": kind, "x1": begin[0], "y1": begin[1], "x2": end[0], "y2": end[1]})
