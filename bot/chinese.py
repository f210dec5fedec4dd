"""Mistakes in Chinese. The code says them in English, where they happen; the words are in chinese.yaml."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml

from bot.errors import Mistake


def in_chinese(sentence: str) -> str:
    """A Mistake's sentence in Chinese; as it is if there are no words for it. What it quotes first stays as it is."""
    closed = sentence.find("” ") if sentence.startswith("“") else -1
    first, rest = (sentence[: closed + 1], sentence[closed + 2 :]) if closed > 0 else ("", sentence)
    for parts, chinese in _catalogue():
        if (gaps := _gaps(parts, rest)) is not None:
            return first + chinese.format(*gaps)
    return sentence


def told(mistake: Mistake, language: str) -> str:
    """A mistake as its reader wants it: 'zh' or 'en'."""
    if language != "zh":
        return str(mistake)
    return str(Mistake(mistake.file, mistake.line, mistake.key, in_chinese(mistake.wrong), in_chinese(mistake.mend)))


@functools.cache
def _catalogue() -> tuple[tuple[tuple[str, ...], str], ...]:
    """The English sentences, parted at their gaps, with the Chinese ones. Read when the first mistake is told."""
    words = yaml.safe_load((Path(__file__).parent / "chinese.yaml").read_text(encoding="utf-8"))
    return tuple((tuple(english.split("{}")), chinese) for english, chinese in words.items())


def _gaps(parts: tuple[str, ...], sentence: str) -> list[str] | None:
    """What stands in the gaps of a sentence, at least one sign each; None if it is another sentence. What is quoted can
    be long: each part is looked for once, where a pattern would try every way to divide it."""
    if len(parts) == 1:
        return [] if sentence == parts[0] else None
    first, *between, last = parts
    at, end = len(first), len(sentence) - len(last)
    if not sentence.startswith(first) or not sentence.endswith(last):
        return None
    gaps = []
    for part in between:
        found = sentence.find(part, at + 1, end)
        if found < 0:
            return None
        gaps.append(sentence[at:found])
        at = found + len(part)
    return [*gaps, sentence[at:end]] if at < end else None
