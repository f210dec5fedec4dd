"""The sentiment of posts about the brand, in Chinese or English: unhappy, happy or neutral.

Multinomial logistic regression on sentence vectors, trained on sentiment.yaml when a process first needs it (a third of
a second). `bench/sentiment.py` measures it on posts that are not in the training set.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import yaml

from bot.intents.classifier.encoder import DIMENSIONS, Vectors, shared_encoder
from bot.intents.classifier.features import plain
from bot.intents.classifier.loss_minimisation import Point, cross_entropy, minimise
from bot.text import truncate

FEELINGS = ("unhappy", "happy", "neutral")
_PENALTY = 0.2  # L2; least log loss in five-fold cross-validation of sentiment.yaml
_ASIDE = re.compile(r"https?://\S+|[@＠]\w+", re.ASCII)

Places: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Probabilities; they add up to 1."""

    unhappy: float
    happy: float
    neutral: float

    @property
    def name(self) -> str:
        """The likeliest, as in FEELINGS."""
        return max(FEELINGS, key=lambda feeling: float(getattr(self, feeling)))


def classify(texts: Sequence[str]) -> list[Sentiment]:
    """One sentiment per text. Blocking: half a millisecond each, and half a second more in the first call."""
    scores = _features(texts) @ _layer()
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    return [Sentiment(*(float(chance) for chance in row)) for row in chances]


def _features(texts: Sequence[str]) -> Vectors:
    """Sentence vectors and a constant 1 for the bias, (n, DIMENSIONS + 1). Without addresses and names, which carry no
    sentiment."""
    vectors = shared_encoder().encode([plain(truncate(_ASIDE.sub(" ", text))) for text in texts])
    return np.hstack([vectors, np.ones((len(texts), 1), np.float32)])


@cache
def _layer() -> Vectors:
    """The trained weights, (DIMENSIONS + 1, feelings). Deterministic."""
    content = yaml.safe_load((resources.files("bot.intents") / "sentiment.yaml").read_text(encoding="utf-8"))
    examples = [
        (text, FEELINGS.index(name)) for kinds in content.values() for name, texts in kinds.items() for text in texts
    ]
    vectors, labels = _features([text for text, _ in examples]), np.array([feeling for _, feeling in examples])
    start = np.zeros((DIMENSIONS + 1) * len(FEELINGS), np.float32)
    return minimise(lambda place: _loss(place[0], vectors, labels), start).reshape(DIMENSIONS + 1, len(FEELINGS))


def _loss(flat: Point, vectors: Vectors, labels: Places) -> tuple[float, Point]:
    """Log loss with an L2 penalty, and its gradient. flat: the weights in one row; vectors: (n, DIMENSIONS + 1)."""
    layer = flat.reshape(-1, len(FEELINGS))
    losses, score_gradient = cross_entropy(vectors @ layer, labels)
    weights = np.vstack([layer[:-1], np.zeros((1, len(FEELINGS)), np.float32)])  # the bias has no penalty
    gradient: Point = np.float32(_PENALTY) * weights
    gradient += vectors.T @ score_gradient
    return float(losses.sum()) + _PENALTY / 2 * float((weights**2).sum()), gradient.ravel()
