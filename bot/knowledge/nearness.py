"""Which texts are nearly the same: found among ten thousand in a second or two, without comparing each with each.

Two texts are as near as the share of their letter groups that both have (Jaccard). If that share is to be T, they have
one in common among the rarest few of each, so only texts that meet there are compared (prefix filtering: Bayardo, Ma,
Srikant, "Scaling up all pairs similarity search", 2007).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from bot.folding import normalised, simplified

_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_BETWEEN = re.compile(r"[\W_]+")
Groups: TypeAlias = frozenset[str]


def letter_groups(text: str) -> Groups:
    """The overlapping groups of letters in a text, with its two ends: of two in Chinese, of three in all else."""
    plain = simplified(normalised(text, "NFKC").casefold())
    size, gap = (2, "") if _HAN.search(plain) else (3, " ")
    padded = f"\n{_BETWEEN.sub(gap, plain).strip()}\n"
    return frozenset(padded[start : start + size] for start in range(max(len(padded) - size + 1, 1)))


def nearness(one: Groups, other: Groups) -> float:
    """0 for nothing in common to 1 for the same."""
    return len(one & other) / len(one | other)


def near_pairs(texts: Sequence[str], threshold: float) -> Iterator[tuple[int, int, float]]:
    """The places (later, earlier) of every two texts that are at least this near, and how near, 0 to 1."""
    groups = [letter_groups(text) for text in texts]
    common = Counter(group for each in groups for group in each)
    met: defaultdict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(groups):
        rarest = sorted(each, key=lambda group: (common[group], group))[: _decisive(len(each), threshold)]
        for other in sorted({known for group in rarest for known in met[group]}):
            if threshold <= len(each) / len(groups[other]) <= 1 / threshold:
                found = nearness(each, groups[other])
                if found >= threshold:
                    yield place, other, found
        for group in rarest:
            met[group].append(place)


def _decisive(size: int, threshold: float) -> int:
    """How many of the rarest groups two near texts cannot both do without."""
    return size - math.ceil(size * threshold - 1e-9) + 1
