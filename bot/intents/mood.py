"""The mood of what a customer writes, in Chinese or English: angry with the brand, in need of something soon, or calm.

What a message means and how it looks (mood_features) is compared with the messages of mood.yaml. `bench/fit_mood.py`
writes those, and `bench/mood.py` measures what comes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

import numpy as np
import yaml

from bot.intents.classifier.encoder import Vectors
from bot.intents.examples import Classifier, gaussian
from bot.intents.mood_features import surface_features
from bot.intents.sayings import asks
from bot.intents.sentiment import meaning, words_beside_names
from bot.text import clean, truncate

# Shares of sentence vectors and of surface features in the squared distance of two messages: most angry ones found in
# cross-validation.
_MEANING, _SURFACE = 0.7, 0.06
THRESHOLD = 0.6  # probability of anger
_OF_A_QUESTION = 0.75  # the same for a question without an exclamation mark
_URGENT = 0.15  # probability of urgency, which few messages have


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
    """One tone per text. Blocking: a millisecond each besides the sentence vector, and `prepare` in the first call."""
    if not texts:
        return []
    rows = _classifier().probabilities(features(texts))
    return [
        _tone(text, *map(float, row)) if words_beside_names(text) else Tone(Mood.CALM, 0.0)
        for text, row in zip(texts, rows, strict=True)
    ]


def prepare() -> None:
    """Read the messages now, so that no customer waits for it: half a second."""
    _classifier()


def features(texts: Sequence[str]) -> Vectors:
    """One row per text, for a Gaussian kernel."""
    read = [truncate(clean(text).strip()) for text in texts]
    weighted = np.float32(_MEANING**0.5) * meaning(read), np.float32(_SURFACE**0.5) * surface_features(read)
    return np.hstack(weighted)


def _tone(text: str, angry: float, urgent: float, _calm: float) -> Tone:
    """Anger wins; a plain question is calm unless anger is very likely."""
    plain_question = asks(text) and "!" not in text and "！" not in text
    if angry >= (_OF_A_QUESTION if plain_question else THRESHOLD):
        return Tone(Mood.ANGRY, angry)
    return Tone(Mood.URGENT if urgent >= _URGENT else Mood.CALM, angry)


@cache
def _classifier() -> Classifier:
    content = yaml.safe_load((resources.files("bot.intents") / "mood.yaml").read_text(encoding="utf-8"))
    shares = np.array([weights for _, *weights in content["messages"]], np.float32)
    compared = features([text for text, *_ in content["messages"]])
    return Classifier(gaussian, compared, shares, np.array(content["bias"], np.float32))
