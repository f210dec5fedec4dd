"""Pure helpers for texts and ids: cleaning, truncating, measuring and splitting texts, new ids."""

from __future__ import annotations

import itertools
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

_PROCESS = f"{os.getpid() & 0xFFFFF:05x}{secrets.token_hex(2)}"
_COUNTER = itertools.count()
# Control characters (C0 except tab and line ends, DEL, C1), bidirectional overrides, noncharacters
# (https://www.unicode.org/faq/private_use.html#noncharacters) and surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
    + "]"
)
UNDERSTOOD = 200  # characters of a message that classifiers read


def new_id() -> str:
    """A new id, unique across processes. Ids of one process sort by time of creation."""
    return f"{time.time_ns() // 1000:014x}{_PROCESS}{next(_COUNTER) & 0xFFFF:04x}"


def clean(text: str) -> str:
    """`text` without control characters, bidirectional overrides, noncharacters and surrogates.

    The result is valid in XML, SQL and JSON and is displayed as written. Zero-width joiners stay: emoji need them.
    """
    return _UNSAFE.sub("", text)


def cleaned(value: object) -> object:
    """A pydantic BeforeValidator: `clean` for strings, any other value unchanged."""
    return clean(value) if isinstance(value, str) else value


def truncate(text: str) -> str:
    """The part of a text that is classified: all of it up to 200 characters, else its first and last 100."""
    return text if len(text) <= UNDERSTOOD else text[: UNDERSTOOD // 2] + text[-UNDERSTOOD // 2 :]


@dataclass(frozen=True, slots=True)
class Unit:
    """How a platform counts the length of a text. Channels may define their own."""

    name: str  # selects the counting function of the desk's page (`MEASURES` in compose.js)
    read_as: str  # key of its name in bot/locale, shown by `yingda check`
    size: Callable[[str], int]  # the length of a whole text
    # Prepares (text, most) for cutting; the result maps the start index of a piece to its last possible end index.
    layout: Callable[[str, int], Callable[[int], int]]


def _in_bytes(text: str) -> bytes:
    return text.encode(errors="replace")


def _byte_layout(text: str, length: int) -> Callable[[int], int]:
    # A character has at least one byte, so `length` characters suffice; a character cut in half is dropped.
    return lambda start: start + len(_in_bytes(text[start : start + length])[:length].decode(errors="ignore"))


BYTES = Unit("bytes", "knowledge.unit.bytes", lambda text: len(_in_bytes(text)), _byte_layout)  # of UTF-8
CHARACTERS = Unit(
    "characters", "knowledge.unit.characters", len, lambda text, length: lambda start: min(start + length, len(text))
)


def measure(text: str, unit: Unit) -> int:
    """The length of a text in `unit`."""
    return unit.size(text)


def cut(text: str, length: int, unit: Unit) -> list[str]:
    """Split a text into pieces of at most `length` units, after a line or sentence where one ends late enough.

    Takes linear time: the text is laid out once.
    """
    reach, pieces, start = unit.layout(text, length), [], 0
    while (end := reach(start)) < len(text):
        end = start + _boundary(text[start:end])
        pieces.append(text[start:end].rstrip())
        start = next((at for at in range(end, len(text)) if not text[at].isspace()), len(text))
    rest = text[start:]
    return [*pieces, rest] if rest or not pieces else pieces


def _boundary(head: str) -> int:
    """The index to cut at: after the last line or sentence end in the second half, else at the end."""
    for ends in ("\n", "。！？!?", ". "):
        at = max(head.rfind(end) for end in ends) if ends != ". " else head.rfind(ends)
        if at >= len(head) // 2:
            return at + 1
    return max(len(head), 1)


def http_date(header: str) -> float | None:
    """The Unix time of an HTTP Date header; None if it is malformed."""
    try:
        return parsedate_to_datetime(header).timestamp()
    except (ValueError, IndexError, OverflowError):
        return None
