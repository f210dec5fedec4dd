"""Finding the lowest point of a smooth convex loss: limited-memory BFGS (Nocedal and Wright, algorithm 7.5).

Our own, in float32 and without bounds: scipy's L-BFGS-B found the same heads in six times the CPU seconds, and editors
wait for this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Point: TypeAlias = npt.NDArray[np.float32]
Place: TypeAlias = npt.NDArray[np.float32]
Loss: TypeAlias = Callable[[Place], tuple[float, Point]]
_MEMORY = 8
_STEPS = 200
_GAIN = 1e-5
_ENOUGH = 1e-4
_SHORTEST = 1e-6


def itself(point: Point) -> Place:
    """Of coordinates at right angles: one row, (1, size)."""
    return point[None]


def lowest(loss: Loss, start: Point, gain_wanted: float = _GAIN, measured: Callable[[Point], Place] = itself) -> Point:
    """The point where `loss` (its value and slope at a place) is lowest, until a step gains less than 1 in 100,000, or
    another share.

    measured: a place is a point's coordinates, and where these are not at right angles a second row below them: their
    product with the metric, so that the first row of one times the second of another is the inner product.
    """
    place = measured(start)
    value, slope = loss(place)
    here = _Spot(place, value, measured(slope))
    history: deque[_Step] = deque(maxlen=_MEMORY)
    for _ in range(_STEPS):
        step = _walk(loss, here, _downhill(here.slope, history))
        if step is None:
            break
        place, low, tilt = step
        there = _Spot(place, low, measured(tilt))
        _remember(history, there.place - here.place, there.slope - here.slope)
        gain, here = here.value - there.value, there
        if gain <= gain_wanted * max(abs(here.value), 1.0):
            break
    point: Point = here.place[0]
    return point


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where the descent is, how high that is, and how it slopes there."""

    place: Place
    value: float
    slope: Place


@dataclass(frozen=True, slots=True)
class _Step:
    """A step that was taken, how the slope changed by it, and their product."""

    step: Place
    change: Place
    curve: float


def _product(one: Place, other: Place) -> float:
    return float(one[0] @ other[-1])


def _downhill(slope: Place, history: deque[_Step]) -> Place:
    """Newton's direction, as far as the last steps tell of the curvature."""
    way = -slope
    used = []
    for one in reversed(history):
        share = _product(one.step, way) / one.curve
        way -= np.float32(share) * one.change
        used.append(share)
    if not history:
        return way / np.float32(max(_product(slope, slope) ** 0.5, 1.0))
    last = history[-1]
    way *= np.float32(last.curve / _product(last.change, last.change))
    for one, share in zip(history, reversed(used), strict=True):
        way += np.float32(share - _product(one.change, way) / one.curve) * one.step
    return way


def _walk(loss: Loss, here: _Spot, way: Place) -> tuple[Place, float, Point] | None:
    """A place lower on this way, its value and slope; shorter and shorter steps are tried. None: nothing is lower."""
    fall = _product(here.slope, way)
    length = 1.0
    while length > _SHORTEST:
        there = here.place + np.float32(length) * way
        low, tilt = loss(there)
        if low <= here.value + _ENOUGH * length * fall:
            return there, low, tilt
        length *= 0.5
    return None


def _remember(history: deque[_Step], step: Place, change: Place) -> None:
    curve = _product(step, change)
    if curve > 0:
        history.append(_Step(step, change, curve))
