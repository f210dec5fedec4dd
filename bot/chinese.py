"""Mistakes in Chinese. The code says them in English, where they happen; the words are in chinese.yaml."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import yaml

from bot.errors import Mistake

_QUOTED = re.compile(r"(“.*?”) (.+)", re.DOTALL)


def in_chinese(sentence: str) -> str:
    """A Mistake's sentence in Chinese; as it is if there are no words for it. What it quotes first stays as it is."""
    quoted = _QUOTED.fullmatch(sentence)
    first, rest = quoted.groups() if quoted else ("", sentence)
    for pattern, chinese in _catalogue():
        if found := pattern.fullmatch(rest):
            return first + chinese.format(*found.groups())
    return sentence


def told(mistake: Mistake, language: str) -> str:
    """A mistake as its reader wants it: 'zh' or 'en'."""
    if language != "zh":
        return str(mistake)
    return str(Mistake(mistake.file, mistake.line, mistake.key, in_chinese(mistake.wrong), in_chinese(mistake.mend)))


@functools.cache
def _catalogue() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Read when the first mistake is told."""
    words = yaml.safe_load((Path(__file__).parent / "chinese.yaml").read_text(encoding="utf-8"))
    return tuple((_pattern(english), chinese) for english, chinese in words.items())


def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(re.escape(part) for part in english.split("{}")), re.DOTALL)
