"""How somebody feels who writes about the brand, in Chinese or English: unhappy, happy, or neither.

Sentence vectors and one linear layer, learned from sentiment.yaml when a process first needs it (a third of a second).
`bench/sentiment.py` measures it on posts that it did not learn from.
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

from bot.intents.understanding.descent import Point, lowest
from bot.intents.understanding.encoder import DIMENSIONS, Vectors, shared_encoder
from bot.intents.understanding.normalise import plain
from bot.intents.understanding.surprise import surprise
from bot.wording import digest

FEELINGS = ("unhappy", "happy", "neutral")
_PENALTY = 0.2  # the least log loss on the examples themselves, five folds
_ASIDE = re.compile(r"https?://\S+|[@＠]\w+", re.ASCII)

Places: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Probabilities, which add up to 1."""

    unhappy: float
    happy: float
    neutral: float

    @property
    def name(self) -> str:
        """The likeliest, as in FEELINGS."""
        return max(FEELINGS, key=lambda feeling: float(getattr(self, feeling)))


def read(texts: Sequence[str]) -> list[Sentiment]:
    """One sentiment per text. Takes a thread's time: half a millisecond each, the first call half a second more."""
    scores = _seen(texts) @ _layer()
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    return [Sentiment(*(float(chance) for chance in row)) for row in chances]


def _seen(texts: Sequence[str]) -> Vectors:
    """Sentence vectors and a one. Addresses and names say nothing of how somebody feels."""
    vectors = shared_encoder().encode([plain(digest(_ASIDE.sub(" ", text))) for text in texts])
    return np.hstack([vectors, np.ones((len(texts), 1), np.float32)])


@cache
def _layer() -> Vectors:
    """One column per feeling; always the same."""
    content = yaml.safe_load((resources.files("bot.intents") / "sentiment.yaml").read_text(encoding="utf-8"))
    told = [
        (text, FEELINGS.index(name)) for kinds in content.values() for name, texts in kinds.items() for text in texts
    ]
    seen, felt = _seen([text for text, _ in told]), np.array([feeling for _, feeling in told])
    start = np.zeros((DIMENSIONS + 1) * len(FEELINGS), np.float32)
    return lowest(lambda place: _loss(place[0], seen, felt), start).reshape(DIMENSIONS + 1, len(FEELINGS))


def _loss(flat: Point, seen: Vectors, felt: Places) -> tuple[float, Point]:
    """The examples' log loss with a penalty on large weights, and its slope."""
    layer = flat.reshape(-1, len(FEELINGS))
    lost, chances = surprise(seen @ layer, felt)
    weights = np.vstack([layer[:-1], np.zeros((1, len(FEELINGS)), np.float32)])  # the last row is the bias
    slope: Point = np.float32(_PENALTY) * weights
    slope += seen.T @ chances
    return float(lost.sum()) + _PENALTY / 2 * float((weights**2).sum()), slope.ravel()
