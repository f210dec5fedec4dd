"""Reads X's JSON without exceptions: a field that is absent, null or of another type is empty."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from bot.domain.messages import Instant
from bot.text import clean

EMPTY: Mapping[str, Any] = {}
_USERNAME = re.compile(r"[A-Za-z0-9_]{1,15}", re.ASCII)
_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
_LATEST = 253_402_300_799.0  # the end of the year 9999, the last that datetime can represent
EPOCH_MS = 1_288_834_974_657  # 2010-11-04, the epoch of X's snowflake ids


def value_at(value: Any, *path: str) -> Any:
    """The value at `path` in nested objects; None if there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def object_at(value: Any, *path: str) -> Mapping[str, Any]:
    """The object at `path`; empty if there is none."""
    there = value_at(value, *path)
    return there if isinstance(there, Mapping) else EMPTY


def objects_at(value: Any, *path: str) -> Iterator[Mapping[str, Any]]:
    """The objects in the list at `path`; other items are skipped."""
    there = value_at(value, *path)
    return (one for one in there if isinstance(one, Mapping)) if isinstance(there, list) else iter(())


def text_at(value: Any, *path: str) -> str:
    """The cleaned string at `path`; '' if there is none."""
    there = value_at(value, *path)
    return clean(there) if isinstance(there, str) else ""


def unescaped(words: str) -> str:
    """Decode the three HTML entities that X uses in texts (docs.x.com, "Counting characters")."""
    return words.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def handle_of(username: str) -> str:
    """`username` if it has the form of an @name without its sign, else ''."""
    return username if _USERNAME.fullmatch(username) else ""


def id_at(value: Any, *path: str) -> str:
    """An id of X as text of up to 19 digits; '' for anything else. Ids exceed what JSON numbers hold exactly."""
    there = value_at(value, *path)
    if isinstance(there, int) and not isinstance(there, bool) and 0 <= there < 10**19:
        return str(there)
    return there if isinstance(there, str) and _ID.fullmatch(there) else ""


def time_at(value: Any, *path: str) -> Instant:
    """The time at `path`, in ISO 8601 or in milliseconds as text; 0 for anything else."""
    there = text_at(value, *path)
    if _ID.fullmatch(there):
        return min(int(there) / 1000.0, _LATEST)
    try:
        return datetime.fromisoformat(there).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def snowflake_time(id_: str) -> Instant:
    """When X created the object of this id: a snowflake id holds its time in milliseconds above bit 22."""
    return ((int(id_) >> 22) + EPOCH_MS) / 1000.0


def first_id_at(instant: Instant) -> int:
    """The smallest id that X can assign at this time."""
    return max(0, int(instant * 1000) - EPOCH_MS) << 22
