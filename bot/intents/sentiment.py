"""The sentiment of posts about the brand, in Chinese or English: unhappy, happy or neutral.

Multinomial logistic regression on sentence vectors, trained on sentiment.yaml when a process first needs it (a third of
a second). `bench/sentiment.py` measures it on posts that are not in the training set.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from bot.intents.classifier.encoder import Vectors, serving_encoder
from bot.intents.classifier.features import plain
from bot.intents.examples import Classifier, fit, linear, read_examples
from bot.text import truncate

FEELINGS = ("unhappy", "happy", "neutral")
_PENALTY = 0.2  # L2; least log loss in five-fold cross-validation of sentiment.yaml
_ASIDE = re.compile(r"https?://\S+|[@＠]\w+", re.ASCII)


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
    chances = _classifier().probabilities(meaning(texts))
    return [Sentiment(*(float(chance) for chance in row)) for row in chances]


def meaning(texts: Sequence[str]) -> Vectors:
    """Sentence vectors, (n, DIMENSIONS), of `words_beside_names`: addresses and names carry no sentiment."""
    return serving_encoder().encode([words_beside_names(text) for text in texts])


def words_beside_names(text: str) -> str:
    """What is read of a text: its head and tail, without addresses and names."""
    return plain(truncate(_ASIDE.sub(" ", text)))


@cache
def _classifier() -> Classifier:
    texts, kinds = read_examples("sentiment.yaml", FEELINGS)
    return fit(meaning(texts), kinds, linear, _PENALTY)
