"""SVG plots, inside a page that gives the colours or as a file. Lines differ in shape as well, not only in colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from markupsafe import Markup, escape

from bot.i18n import Message

Point: TypeAlias = tuple[float, float]
_SHAPES = ("circle", "square", "diamond")
STYLES = len(_SHAPES)  # the CSS has classes s0, s1, ... for as many


@dataclass(frozen=True, slots=True)
class Canvas:
    """The size of a picture and the margins around its plot, in pixels."""

    width: int = 440
    height: int = 300
    # margins, which hold the axes' labels
    left: int = 60
    right: int = 24
    top: int = 12
    bottom: int = 46


CANVAS = Canvas()


@dataclass(frozen=True, slots=True)
class Frame:
    """The coordinates of a plot: its lower left and upper right corner, in the numbers it shows."""

    low: Point = (0.0, 0.0)
    high: Point = (1.0, 1.0)
    canvas: Canvas = CANVAS

    def place(self, point: Point) -> Point:
        """A point in pixels from the upper left corner of the canvas."""
        across = (point[0] - self.low[0]) / (self.high[0] - self.low[0])
        up = (point[1] - self.low[1]) / (self.high[1] - self.low[1])
        canvas = self.canvas
        wide, high = canvas.width - canvas.left - canvas.right, canvas.height - canvas.top - canvas.bottom
        return canvas.left + across * wide, canvas.height - canvas.bottom - up * high


def element(tag: str, attributes: Mapping[str, str | float], *inside: str) -> Markup:
    """An XML element. Attribute values and plain text are escaped; Markup is taken as it is."""
    given = (
        Markup(' {}="{}"').format(name, f"{value:.1f}" if isinstance(value, float) else value)
        for name, value in attributes.items()
    )
    return Markup("<{}{}>{}</{}>").format(tag, Markup("").join(given), Markup("").join(inside), tag)


def svg(parts: Iterable[Markup], labelled_by: str, height: int = CANVAS.height) -> Markup:
    """An <svg> inside a page. labelled_by: the id of the element with its title."""
    about = {"viewBox": f"0 0 {CANVAS.width} {height}", "role": "img", "aria-labelledby": labelled_by}
    return element("svg", about, *parts)


def file(parts: Iterable[Markup], label: str, style: Markup, canvas: Canvas) -> Markup:
    """An SVG file. label: its text for screen readers. style: its CSS."""
    about = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {canvas.width} {canvas.height}"}
    return element("svg", {**about, "role": "img", "aria-label": label}, element("style", {}, style), *parts)


def axes(
    frame: Frame, across: Sequence[tuple[float, str]], up: Sequence[tuple[float, str]], names: tuple[Message, Message]
) -> Markup:
    """The grid with the names of both axes."""
    canvas = frame.canvas
    middle = (canvas.left + canvas.width - canvas.right) / 2
    upright = {"transform": f"translate(11 {(canvas.height - canvas.bottom + canvas.top) / 2:.0f}) rotate(-90)"}
    below, left = bilingual((middle, canvas.height - 8), names[0]), element("g", upright, bilingual((0, 0), names[1]))
    return Markup("").join([grid(frame, across, up), below, left])


def grid(frame: Frame, across: Sequence[tuple[float, str]], up: Sequence[tuple[float, str]]) -> Markup:
    """Lines across the plot, and numbers at both axes. across, up: value and text of each number."""
    bottom = frame.place(frame.low)[1] + 18  # the baseline of the numbers below the plot
    lines = [_rule(frame.place((frame.low[0], at)), frame.place((frame.high[0], at)), "grid") for at, _ in up]
    ticks = [text((frame.place((at, 0))[0], bottom), shown, "middle") for at, shown in across]
    ticks += [text((frame.canvas.left - 8, frame.place((0, at))[1] + 4), shown, "end") for at, shown in up]
    return Markup("").join([*lines, *ticks])


def percents(low: float, high: float, step: float) -> list[tuple[float, str]]:
    """The numbers of an axis, as percentages."""
    count = round((high - low) / step)
    return [(low + step * number, f"{low + step * number:.0%}") for number in range(count + 1)]


def straight(frame: Frame, begin: Point, end: Point) -> Markup:
    """A dashed line for comparison."""
    return _rule(frame.place(begin), frame.place(end), "ideal")


def line(frame: Frame, points: Sequence[Point], series: int) -> Markup:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(frame.place, points))
    return element("polyline", {"class": f"line s{series % STYLES}", "points": path})


def mark(frame: Frame, point: Point, series: int, size: float = 4.0, hover: str = "") -> Markup:
    """A point in the shape of its series. size: half its width in pixels. hover: its tooltip."""
    x, y = frame.place(point)
    shape, style = _SHAPES[series % STYLES], {"class": f"mark s{series % STYLES}"}
    title = [element("title", {}, escape(hover))] if hover else []
    if shape == "circle":
        return element("circle", {**style, "cx": x, "cy": y, "r": size}, *title)
    box = {"x": x - size, "y": y - size, "width": 2 * size, "height": 2 * size}
    turn = {"transform": f"rotate(45 {x:.1f} {y:.1f})"} if shape == "diamond" else {}
    return element("rect", {**style, **box, **turn}, *title)


def span(frame: Frame, at: float, low: float, high: float, series: int) -> Markup:
    """A vertical line from the worst to the best value."""
    return _rule(frame.place((at, low)), frame.place((at, high)), f"line s{series % STYLES}")


def bars(counts: Sequence[int], top: float, height: float, kind: str) -> Markup:
    """A histogram across the plot's width. top, height: pixels; the highest bar fills `height`. kind: a CSS class."""
    width, most = (CANVAS.width - CANVAS.left - CANVAS.right) / len(counts), max(*counts, 1)
    found = []
    for place, count in enumerate(counts):
        tall, left = height * count / most, CANVAS.left + place * width + 1
        box: dict[str, str | float] = {
            "class": f"bar {kind}",
            "x": left,
            "y": top + height - tall,
            "width": width - 2,
            "height": tall,
        }
        if count:
            found.append(element("rect", box, element("title", {}, f"{count:,}")))
    return Markup("").join(found)


def bilingual(at: Point, words: Message, anchor: str = "middle") -> Markup:
    """A text in both languages, of which the page's CSS shows one."""
    english, chinese = (text(at, words.text(language), anchor) for language in ("en", "zh"))
    return element("g", {"class": "en", "lang": "en"}, english) + element(
        "g", {"class": "zh", "lang": "zh-CN"}, chinese
    )


def text(at: Point, shown: str, anchor: str, kind: str = "") -> Markup:
    about = {"class": kind} if kind else {}
    return element("text", {**about, "x": float(at[0]), "y": float(at[1]), "text-anchor": anchor}, escape(shown))


def _rule(begin: Point, end: Point, kind: str) -> Markup:
    return element("line", {"class": kind, "x1": begin[0], "y1": begin[1], "x2": end[0], "y2": end[1]})
