"""Softmax cross-entropy, and limited-memory BFGS to minimise smooth convex losses.

Nocedal and Wright, Numerical Optimization, algorithm 7.5, in float32 and without bounds: scipy's L-BFGS-B finds the
same heads in six times the CPU seconds, and an editor waits for the training.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Scores: TypeAlias = npt.NDArray[np.float32]


def cross_entropy(scores: Scores, truth: npt.NDArray[np.intp]) -> tuple[Scores, Scores]:
    """Softmax cross-entropy (natural logarithm) and its gradient.

    scores: (n, classes) float32, overwritten. truth: (n,) index of the right class. Returns the loss of each row (n,),
    and the gradient (n, classes) with respect to the scores.
    """
    places = (np.arange(len(truth)), truth)
    # Subtracting the maximum keeps exp from overflowing and cancels out in the softmax.
    scores -= scores.max(axis=1, keepdims=True)
    probabilities: Scores = np.exp(scores)
    sums = probabilities.sum(axis=1, keepdims=True)
    losses: Scores = np.log(sums[:, 0]) - scores[places]
    probabilities /= sums
    probabilities[places] -= 1
    return losses, probabilities


def log_sum_exp(logits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """log(sum(exp(logits))) of each row, shape (n,), in the precision of the logits."""
    peak = logits.max(axis=1)
    total: npt.NDArray[Any] = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1))
    return total


Point: TypeAlias = npt.NDArray[np.float32]
MetricPoint: TypeAlias = npt.NDArray[np.float32]  # (1, n), or (2, n) with the product with the metric as second row
Loss: TypeAlias = Callable[[MetricPoint], tuple[float, Point]]
_HISTORY = 8  # corrections kept
_MOST_STEPS = 200  # iterations
_TOLERANCE = 1e-5  # relative
_ARMIJO = 1e-4  # sufficient decrease in Armijo's condition
_SHORTEST_STEP = 1e-6


def euclidean(point: Point) -> MetricPoint:
    """Euclidean metric: returns the point as shape (1, n)."""
    return point[None]


def minimise(
    loss: Loss, start: Point, tolerance: float = _TOLERANCE, metric: Callable[[Point], MetricPoint] = euclidean
) -> Point:
    """The minimum of a loss, shape (n,) float32.

    loss: value and gradient (n,) at a metric point. start: (n,) float32. tolerance: stops when a step gains less than
    this share of the loss. metric: maps a point (n,) to (1, n), or in a non-Euclidean metric M to (2, n) = [x, M x],
    so that the inner product of two points is x[0] @ y[-1].
    """
    place = metric(start)
    value, gradient = loss(place)
    here = _Iterate(place, value, metric(gradient))
    history: deque[_Correction] = deque(maxlen=_HISTORY)
    for _ in range(_MOST_STEPS):
        step = _line_search(loss, here, _direction(here.gradient, history))
        if step is None:
            break
        place, new_value, new_gradient = step
        there = _Iterate(place, new_value, metric(new_gradient))
        _update_history(history, there.place - here.place, there.gradient - here.gradient)
        gain, here = here.value - there.value, there
        if gain <= tolerance * max(abs(here.value), 1.0):
            break
    point: Point = here.place[0]
    return point


@dataclass(frozen=True, slots=True)
class _Iterate:
    """A metric point with its loss and gradient."""

    place: MetricPoint
    value: float
    gradient: MetricPoint


@dataclass(frozen=True, slots=True)
class _Correction:
    """A step, the change of the gradient along it, and their inner product (curvature)."""

    step: MetricPoint
    change: MetricPoint
    curve: float


def _inner(one: MetricPoint, other: MetricPoint) -> float:
    return float(one[0] @ other[-1])


def _direction(gradient: MetricPoint, history: deque[_Correction]) -> MetricPoint:
    """Descent direction by the two-loop recursion."""
    direction = -gradient
    used = []
    for one in reversed(history):
        share = _inner(one.step, direction) / one.curve
        direction -= np.float32(share) * one.change
        used.append(share)
    if not history:
        # Without curvature yet, a step of at most unit length.
        return direction / np.float32(max(_inner(gradient, gradient) ** 0.5, 1.0))
    last = history[-1]
    direction *= np.float32(last.curve / _inner(last.change, last.change))
    for one, share in zip(history, reversed(used), strict=True):
        direction += np.float32(share - _inner(one.change, direction) / one.curve) * one.step
    return direction


def _line_search(loss: Loss, here: _Iterate, direction: MetricPoint) -> tuple[MetricPoint, float, Point] | None:
    """Backtracking line search: point, loss and gradient after the step; None if no step descends."""
    fall = _inner(here.gradient, direction)
    length = 1.0
    while length > _SHORTEST_STEP:
        there = here.place + np.float32(length) * direction
        new_value, new_gradient = loss(there)
        if new_value <= here.value + _ARMIJO * length * fall:
            return there, new_value, new_gradient
        length *= 0.5
    return None


def _update_history(history: deque[_Correction], step: MetricPoint, change: MetricPoint) -> None:
    curve = _inner(step, change)
    # Rounding in float32 can make the curvature negative, which would spoil the direction.
    if curve > 0:
        history.append(_Correction(step, change, curve))
