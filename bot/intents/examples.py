"""Kinds of texts learned from a YAML file of examples: multinomial logistic regression with a kernel.

The weights are a combination of the examples (representer theorem), so an example's share is what training looks for,
and a kernel of texts and examples is all that is read of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import yaml

from bot.intents.classifier.encoder import Vectors
from bot.intents.classifier.loss_minimisation import MetricPoint, Point, cross_entropy, minimise

Places: TypeAlias = npt.NDArray[np.intp]
Kernel: TypeAlias = Callable[[Vectors, Vectors], Vectors]  # (n, features) and (m, features) to (n, m)


def read_examples(file: str, kinds: Sequence[str]) -> tuple[list[str], Places]:
    """Texts, and the index of each one's kind. file: in this package, lists of texts by language and kind."""
    content = yaml.safe_load((resources.files("bot.intents") / file).read_text(encoding="utf-8"))
    examples = [
        (text, kinds.index(name)) for named in content.values() for name, texts in named.items() for text in texts
    ]
    return [text for text, _ in examples], np.array([kind for _, kind in examples], np.intp)


def linear(some: Vectors, others: Vectors) -> Vectors:
    """Inner products."""
    return some @ others.T


def gaussian(some: Vectors, others: Vectors) -> Vectors:
    """exp(-|x - y|²): near 1 for a text that is nearly an example, 0 for texts with nothing in common."""
    likeness = some @ others.T
    likeness *= 2
    likeness -= np.einsum("ij,ij->i", some, some)[:, None]
    likeness -= np.einsum("ij,ij->i", others, others)
    np.exp(likeness, out=likeness)
    return likeness


@dataclass(frozen=True, slots=True)
class Classifier:
    """Probabilities of kinds, from features of texts."""

    kernel: Kernel
    examples: Vectors  # (n, features)
    shares: Vectors  # (n, kinds)
    bias: Vectors  # (kinds,)

    def probabilities(self, features: Vectors) -> Vectors:
        """(texts, kinds); each row adds up to 1. features: (texts, features)."""
        scores = self.kernel(features, self.examples) @ self.shares + self.bias
        chances: Vectors = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        return chances


def fit(features: Vectors, kinds: Places, kernel: Kernel, penalty: float) -> Classifier:
    """Train on examples. penalty: L2, on the loss summed over examples; the bias has none. Deterministic."""
    count = int(kinds.max()) + 1
    task = _Loss(kernel(features, features), kinds, count, penalty)
    point = minimise(task.loss, np.zeros((len(kinds) + 1) * count, np.float32), metric=task.metric)
    shares, bias = task.parts(point)
    return Classifier(kernel, features, shares, bias)


@dataclass(frozen=True, slots=True)
class _Loss:
    """Log loss with an L2 penalty. A point holds the shares of the examples and, in the last row, the bias."""

    table: Vectors  # (n, n), the kernel of the examples
    kinds: Places
    count: int
    penalty: float

    def metric(self, point: Point) -> MetricPoint:
        """A point, and below it the scores of the examples without the bias."""
        shares, bias = self.parts(point)
        return np.stack([point, np.append(self.table @ shares, bias)])

    def loss(self, place: MetricPoint) -> tuple[float, Point]:
        """The loss, and its gradient with respect to the shares in the metric of the kernel."""
        (shares, bias), (scores, _) = map(self.parts, place)
        losses, score_gradient = cross_entropy(scores + bias, self.kinds)
        norm = float(shares.ravel() @ scores.ravel())
        gradient = np.append(np.float32(self.penalty) * shares + score_gradient, score_gradient.sum(axis=0))
        return float(losses.sum()) + self.penalty / 2 * norm, gradient

    def parts(self, point: Point) -> tuple[Vectors, Vectors]:
        rows = point.reshape(-1, self.count)
        return rows[:-1], rows[-1]
