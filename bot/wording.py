"""Small pure helpers for text and ids: cleaning, language, length, names for new things."""

from __future__ import annotations

import itertools
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from bot.weighing import weigh

_PROCESS = f"{os.getpid() & 0xFFFFF:05x}{secrets.token_hex(2)}"
_COUNTER = itertools.count()
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_LETTER = re.compile(r"\b[A-Za-z]{2,}\b")
_UNSPEAKABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff￾￿]")
UNDERSTOOD = 200


def new_id() -> str:
    """A string unique among all processes; later ones of one process sort after earlier ones."""
    return f"{time.time_ns() // 1000:014x}{_PROCESS}{next(_COUNTER) & 0xFFFF:04x}"


def clean(text: str) -> str:
    """Without NUL, control characters and lone surrogates: what XML, SQL and JSON all can carry."""
    return _UNSPEAKABLE.sub("", text)


def language_of(text: str, fallback: str = "zh") -> str:
    """'zh' if any Han character is in the text, 'en' if any word of Latin letters, else `fallback`."""
    if _HAN.search(text):
        return "zh"
    return "en" if _LETTER.search(text) else fallback


def digest(text: str) -> str:
    """What is understood of a text: all of it up to 200 characters, else its first and last hundred."""
    return text if len(text) <= UNDERSTOOD else text[: UNDERSTOOD // 2] + text[-UNDERSTOOD // 2 :]


def measure(text: str, unit: str) -> int:
    """The length of a text in `unit`: 'bytes' (UTF-8), 'characters', or 'weighted' as X counts it."""
    return _MEASURES[unit](text)


_MEASURES: Mapping[str, Callable[[str], int]] = {
    "bytes": lambda text: len(text.encode()),
    "characters": len,
    "weighted": weigh,
}


def cut(text: str, length: int, unit: str) -> list[str]:
    """Pieces of at most `length` units, cut between characters, after a line or sentence where one ends late enough."""
    pieces = []
    while measure(text, unit) > length:
        end = _boundary(_head(text, length, unit))
        pieces.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*pieces, text] if text or not pieces else pieces


def _head(text: str, length: int, unit: str) -> str:
    if unit == "bytes":
        return text.encode()[:length].decode(errors="ignore")
    return text[: length // 2] if unit == "weighted" else text[:length]


def _boundary(head: str) -> int:
    """Where to cut: after the last line end or sentence end in the second half, else at the end."""
    for ends in ("\n", "。！？!?", ". "):
        at = max(head.rfind(end) for end in ends) if ends != ". " else head.rfind(ends)
        if at >= len(head) // 2:
            return at + 1
    return max(len(head), 1)


def http_date(header: str) -> float | None:
    """The time in an HTTP Date header; None if there is none."""
    try:
        return parsedate_to_datetime(header).timestamp()
    except (ValueError, IndexError, OverflowError):
        return None
