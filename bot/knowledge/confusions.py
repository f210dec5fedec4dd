"""What an engine took for what, on texts that it had not learned, and which two entries come of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Confusion(NamedTuple):
    """A text that was held out and taken for another entry than its own, and how sure that was, 0 to 1."""

    meant: str
    taken: str
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two entries that were mixed up, whichever of them was meant; the surest mistake first."""

    entries: tuple[str, str]
    found: tuple[Confusion, ...]


def pairs(confusions: Iterable[Confusion]) -> list[Pair]:
    """Those mixed up most often first."""
    found: defaultdict[tuple[str, str], list[Confusion]] = defaultdict(list)
    for one in confusions:
        found[(min(one.meant, one.taken), max(one.meant, one.taken))].append(one)
    surest = (Pair(entries, tuple(sorted(some, key=lambda one: -one.confidence))) for entries, some in found.items())
    return sorted(surest, key=lambda pair: (-len(pair.found), pair.entries))
