"""X's JSON read suspiciously: a field that is absent, null or of another kind is empty, never an exception."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from bot.messages import Instant
from bot.wording import clean

NOTHING: Mapping[str, Any] = {}
_USERNAME = re.compile(r"[A-Za-z0-9_]{1,15}", re.ASCII)
_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
_LATEST = 253_402_300_799.0  # the year 9999
EPOCH_MS = 1_288_834_974_657  # what X counts ids from


def found(value: Any, *path: str) -> Any:
    """What lies under `path` in nested objects; None if the path leads nowhere."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def mapping(value: Any, *path: str) -> Mapping[str, Any]:
    there = found(value, *path)
    return there if isinstance(there, Mapping) else NOTHING


def each(value: Any, *path: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; whatever else stands in it is passed over."""
    there = found(value, *path)
    return (one for one in there if isinstance(one, Mapping)) if isinstance(there, list) else iter(())


def text(value: Any, *path: str) -> str:
    there = found(value, *path)
    return clean(there) if isinstance(there, str) else ""


def unescaped(words: str) -> str:
    """What was written: X gives these three signs, and no other, as HTML does (docs.x.com, counting-characters)."""
    return words.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def handle_of(username: str) -> str:
    """An @name without its sign; '' for what cannot be one."""
    return username if _USERNAME.fullmatch(username) else ""


def number(value: Any, *path: str) -> str:
    """An id of X: up to 19 digits, kept as text; '' for anything else."""
    there = found(value, *path)
    if isinstance(there, int) and not isinstance(there, bool) and 0 <= there < 10**19:
        return str(there)
    return there if isinstance(there, str) and _ID.fullmatch(there) else ""


def written_at(value: Any, *path: str) -> Instant:
    """An ISO 8601 time, or milliseconds as text; 0 for neither."""
    there = text(value, *path)
    if _ID.fullmatch(there):
        return min(int(there) / 1000.0, _LATEST)
    try:
        return datetime.fromisoformat(there).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def made_at(number: str) -> Instant:
    """When X made a thing of this id: ids hold their time since November 2010."""
    return ((int(number) >> 22) + EPOCH_MS) / 1000.0


def first_id_at(instant: Instant) -> int:
    """The smallest id that X can give out at this time."""
    return max(0, int(instant * 1000) - EPOCH_MS) << 22
