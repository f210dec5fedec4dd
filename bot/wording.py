"""Small pure helpers for text and ids: cleaning, language, length, names for new things."""

from __future__ import annotations

import itertools
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from bot.weighing import Scale, weigh

_PROCESS = f"{os.getpid() & 0xFFFFF:05x}{secrets.token_hex(2)}"
_COUNTER = itertools.count()
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
# Controls (C0 but for tab and line ends, DEL and C1), marks that turn the direction of what follows, signs that no text
# may hold (https://www.unicode.org/faq/private_use.html#noncharacters), and halves of signs.
_UNSPEAKABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
    + "]"
)
UNDERSTOOD = 200


def new_id() -> str:
    """A string unique among all processes; later ones of one process sort after earlier ones."""
    return f"{time.time_ns() // 1000:014x}{_PROCESS}{next(_COUNTER) & 0xFFFF:04x}"


def clean(text: str) -> str:
    """Without controls, turned directions, noncharacters and lone surrogates: what XML, SQL and JSON all can carry, and
    what shows to its readers as it was written. What joins the parts of an emoji stays."""
    return _UNSPEAKABLE.sub("", text)


def cleaned(value: object) -> object:
    """For models that read what strangers send: a text as `clean` leaves it, and everything else as it is."""
    return clean(value) if isinstance(value, str) else value


def digest(text: str) -> str:
    """What is understood of a text: all of it up to 200 characters, else its first and last hundred."""
    return text if len(text) <= UNDERSTOOD else text[: UNDERSTOOD // 2] + text[-UNDERSTOOD // 2 :]


def measure(text: str, unit: str) -> int:
    """The length of a text in `unit`: 'bytes' (UTF-8), 'characters', or 'weighted' as X counts it."""
    return _MEASURES[unit](text)


def _in_bytes(text: str) -> bytes:
    return text.encode(errors="replace")


_MEASURES: Mapping[str, Callable[[str], int]] = {
    "bytes": lambda text: len(_in_bytes(text)),
    "characters": len,
    "weighted": weigh,
}


def cut(text: str, length: int, unit: str) -> list[str]:
    """Pieces of at most `length` units, cut between characters, after a line or sentence where one ends late enough.

    Takes time that grows with the text alone: it is laid out once, and each piece is looked at once.
    """
    reach, pieces, start = _reach(text, length, unit), [], 0
    while (end := reach(start)) < len(text):
        end = start + _boundary(text[start:end])
        pieces.append(text[start:end].rstrip())
        start = next((at for at in range(end, len(text)) if not text[at].isspace()), len(text))
    rest = text[start:]
    return [*pieces, rest] if rest or not pieces else pieces


def _reach(text: str, length: int, unit: str) -> Callable[[int], int]:
    """How far a piece that begins at a place may go."""
    if unit == "weighted":
        scale = Scale(text)
        return lambda start: scale.reach(start, length)
    if unit == "characters":
        return lambda start: min(start + length, len(text))
    return lambda start: start + len(_in_bytes(text[start : start + length])[:length].decode(errors="ignore"))


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
