"""Surface features of a message that tell its mood besides its sense: markers, shouting, and repeated signs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
import yaml

from bot.intents.classifier.encoder import Vectors
from bot.text.folding import letter_form

_MOST = 4  # markers of a group that are counted
_CAPITALS = re.compile(r"(?<![\w])[A-Z]{2,}(?:'[A-Z]+)?(?![\w])")
_WORDS = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
_SIGNS = (
    re.compile(r"[!！]{2,}"),
    re.compile(r"[?？]{2,}"),
    re.compile(r"[!！][?？]|[?？][!！]"),
    re.compile(r"[!！]"),
    re.compile(r"[?？]"),
    re.compile("[😡🤬😠💢👎🖕😤💩]"),
    re.compile("[.。…]{3,}"),
)


def surface_features(texts: Sequence[str]) -> Vectors:
    """One row per text."""
    return np.array([_row(text) for text in texts], np.float32)


def _row(text: str) -> list[float]:
    form = letter_form(text)
    groups = [_weight(len(group.findall(form))) for group in _markers()]
    signs = [_weight(len(sign.findall(text))) for sign in _SIGNS]
    return [*groups, *signs, _shouting(text)]


def _weight(count: int) -> float:
    return float(min(count, _MOST) ** 0.5)


def _shouting(text: str) -> float:
    """The share of words in capitals; 0 unless there are two."""
    words, loud = len(_WORDS.findall(text)), len(_CAPITALS.findall(text))
    return loud / words if loud >= 2 and words >= 3 else 0.0


@cache
def _markers() -> tuple[re.Pattern[str], ...]:
    content = yaml.safe_load((resources.files("bot.intents") / "mood_markers.yaml").read_text(encoding="utf-8"))
    return tuple(re.compile("|".join(map(_bounded, patterns))) for patterns in content.values())


def _bounded(pattern: str) -> str:
    return rf"(?<![a-z]){pattern}" if pattern.startswith("(?:") and pattern.isascii() else pattern
