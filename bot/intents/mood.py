"""The mood of what a customer writes, in Chinese or English: angry with the brand, in need of something soon, or calm.

Learned from mood.yaml: sentence vectors, and the surface features of mood_features. `bench/mood.py` measures it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np

from bot.intents.classifier.encoder import Vectors
from bot.intents.examples import Classifier, Places, fit, gaussian, read_examples
from bot.intents.mood_features import surface_features
from bot.intents.sentiment import meaning
from bot.text import clean, truncate

# Shares of sentence vectors and of surface features in the squared distance of two messages, and the L2 penalty: most
# angry ones found in cross-validation of mood.yaml.
_MEANING, _SURFACE = 0.7, 0.06
_PENALTY = 0.1
THRESHOLD = 0.6  # probability of anger


class Mood(StrEnum):
    ANGRY = "angry"
    URGENT = "urgent"
    CALM = "calm"


MOODS = tuple(Mood)


@dataclass(frozen=True, slots=True)
class Tone:
    """A mood, and the probability that its author is angry."""

    mood: Mood
    anger: float


def moods(texts: Sequence[str]) -> list[Tone]:
    """One tone per text. Blocking: a millisecond each besides the sentence vector; the first call trains too."""
    if not texts:
        return []
    return [_tone(*map(float, row)) for row in _classifier().probabilities(features(texts))]


def prepare() -> None:
    """Train now, so that no customer waits for it."""
    _classifier()


def features(texts: Sequence[str]) -> Vectors:
    """One row per text, for a Gaussian kernel."""
    read = [truncate(clean(text).strip()) for text in texts]
    weighted = np.float32(_MEANING**0.5) * meaning(read), np.float32(_SURFACE**0.5) * surface_features(read)
    return np.hstack(weighted)


def train(rows: Vectors, kinds: Places) -> Classifier:
    """A classifier of MOODS, from features and the indices of their moods."""
    return fit(rows, kinds, gaussian, _PENALTY)


def _tone(angry: float, urgent: float, calm: float) -> Tone:
    """Anger wins; below the threshold a message is urgent if that is likelier than calm."""
    if angry >= THRESHOLD:
        return Tone(Mood.ANGRY, angry)
    return Tone(Mood.URGENT if urgent > calm else Mood.CALM, angry)


@cache
def _classifier() -> Classifier:
    texts, kinds = read_examples("mood.yaml", MOODS)
    return train(features(texts), kinds)
