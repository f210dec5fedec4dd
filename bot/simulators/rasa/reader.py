"""Understands simply: the intent with the example that shares most letters and words with a text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

_WORD = re.compile(r"[a-z0-9']+|[㐀-鿿]+")
_SHARPNESS = 9.0
_MOST = 10  # LABEL_RANKING_LENGTH of Rasa 3.6


class Reader:
    """Learned from the NLU files of a project, by file name."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._examples = [
            (item["intent"], _signs(text))
            for name, content in files.items()
            if name.startswith("data/")
            for item in yaml.safe_load(content).get("nlu", ())
            for text in _texts(item["examples"])
        ]

    def ranking(self, text: str) -> list[dict[str, Any]]:
        """At most ten intents, the likeliest first; their confidences add up to 1."""
        signs = _signs(text)
        alike: dict[str, float] = {}
        for intent, known in self._examples:
            alike[intent] = max(alike.get(intent, 0.0), _alike(signs, known))
        weights = {intent: math.exp(_SHARPNESS * much) for intent, much in alike.items()}
        total = sum(weights.values())
        ranked = sorted(weights.items(), key=lambda one: -one[1])[:_MOST]
        return [{"name": intent, "confidence": weight / total} for intent, weight in ranked]


def _texts(examples: Any) -> Iterator[str]:
    if isinstance(examples, str):
        yield from (line[1:].strip() for line in examples.splitlines() if line.startswith("-"))
    else:
        yield from (one["text"].strip() for one in examples)


def _signs(text: str) -> frozenset[str]:
    """Words, parts of words, and pairs of Chinese characters."""
    found: set[str] = set()
    for word in _WORD.findall(text.lower()):
        size = 4 if word.isascii() else 2
        found.update((word, *(word[start : start + size] for start in range(max(len(word) - size + 1, 1)))))
    return frozenset(found)


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of what two texts have in common, 0 to 1."""
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0
