"""Normal forms for comparing questions, and a search for near-duplicates.

`same_form` decides equality: it ignores width, case, Chinese script, punctuation and spaces. `gist` also ignores order
and filler words. `near_pairs` finds texts with a high Jaccard similarity of their letter groups, among ten thousand in
about two seconds, by prefix filtering: texts with a similarity of T share one of the few rarest groups of each, so only
those are compared (Bayardo, Ma, Srikant: "Scaling up all pairs similarity search", 2007).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from bot.text.folding import HAN, letter_form

_NOT_LETTERS = re.compile(r"[\W_]+")
_WORD = re.compile(r"[㐀-鿿豈-﫿]|(?:(?![㐀-鿿豈-﫿])\w)+")
_FILLER = re.compile(
    r"请问|你好|您好|一下|[吗嘛呢吧啊呀哦啦的了我你您们]"
    r"|\b(?:a|an|the|i|me|my|you|your|please|do|does|did|is|are|am|be|to|of|for|it)\b"
)


# Exact examples are looked up by this form, so it keeps all letters and digits and also courtesies.
def same_form(text: str) -> str:
    """The normal form of a question; questions with equal forms are the same.

    NFKC, case folded, simplified Chinese, letters and digits only. A text without any (an emoji, "??") keeps its
    symbols, so that its form is not empty.
    """
    plain = letter_form(text)
    return _NOT_LETTERS.sub("", plain) or "".join(plain.split())


# Only for warnings to editors: finds examples that differ in word order and filler words, which `same_form` keeps.
def gist(text: str) -> str:
    """The sorted distinct words of a text without filler words; a text of nothing but filler keeps all.

    Each Chinese character is a word.
    """
    plain = letter_form(text)
    words = _WORD.findall(_FILLER.sub(" ", plain)) or _WORD.findall(plain)
    return " ".join(sorted(set(words))) or same_form(text)


Groups: TypeAlias = frozenset[str]


def letter_groups(text: str) -> Groups:
    """The overlapping letter groups of a text, with marked ends: bigrams for Chinese, trigrams for other text."""
    plain = letter_form(text)
    size, gap = (2, "") if HAN.search(plain) else (3, " ")
    padded = f"\n{_NOT_LETTERS.sub(gap, plain).strip()}\n"
    return frozenset(padded[start : start + size] for start in range(max(len(padded) - size + 1, 1)))


def similarity(one: Groups, other: Groups) -> float:
    """The Jaccard similarity, 0 to 1."""
    return len(one & other) / len(one | other)


def near_pairs(texts: Sequence[str], threshold: float) -> Iterator[tuple[int, int, float]]:
    """(later index, earlier index, similarity) of every two texts whose similarity is at least `threshold`."""
    groups = [letter_groups(text) for text in texts]
    common = Counter(group for each in groups for group in each)
    met: defaultdict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(groups):
        # Two near texts cannot both lack all of this many rarest groups. 1e-9: against rounding up of exact products.
        prefix = len(each) - math.ceil(len(each) * threshold - 1e-9) + 1
        rarest = sorted(each, key=lambda group: (common[group], group))[:prefix]
        for other in sorted({known for group in rarest for known in met[group]}):
            if threshold <= len(each) / len(groups[other]) <= 1 / threshold:
                found = similarity(each, groups[other])
                if found >= threshold:
                    yield place, other, found
        for group in rarest:
            met[group].append(place)
