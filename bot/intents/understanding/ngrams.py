"""The letters of a text: character and word n-grams, hashed, so that names and typos count besides the meaning."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_RUN = re.compile(r"[㐀-鿿豈-﫿]+|[^\W_㐀-鿿豈-﫿]+")
_HAN_LENGTHS = (1, 2, 3)
_LETTER_LENGTHS = (3, 4, 5)
_LONGEST_WORD = 40


@dataclass(frozen=True, slots=True)
class Grams:
    """Which buckets (of `Letters.buckets`) a text's n-grams fall into, and with what weight; unit length together."""

    buckets: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Letters:
    """How much each bucket counts: `rarity` is the inverse document frequency (natural logarithm) per bucket."""

    rarity: npt.NDArray[np.float32]

    def read(self, text: str) -> Grams:
        """The n-grams of a plain text; of a text without letters, none."""
        buckets, counts = count(text, len(self.rarity))
        weights = (1 + np.log(counts)) * self.rarity[buckets]
        length = float(np.sqrt(weights @ weights)) or 1.0
        return Grams(buckets, (weights / length).astype(np.float32))


def learned(texts: list[str], buckets: int) -> Letters:
    """The rarity of each bucket among `texts`."""
    seen = np.zeros(buckets, np.int64)
    for text in texts:
        seen[count(text, buckets)[0]] += 1
    return Letters((np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float32))


def count(text: str, buckets: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """The buckets a text's n-grams fall into, ascending, and how many fall into each."""
    counted = Counter(zlib.crc32(gram.encode()) % buckets for gram in _grams(text))
    ordered = sorted(counted)
    return np.array(ordered, np.int32), np.array([counted[bucket] for bucket in ordered], np.float32)


def _grams(text: str) -> Iterator[str]:
    before = ""
    for run in _RUN.findall(text):
        if run[0] >= "㐀":
            yield from _pieces(run, _HAN_LENGTHS)
            before = ""
        else:
            yield from _word(run[:_LONGEST_WORD], before)
            before = run


def _word(word: str, before: str) -> Iterator[str]:
    """A word of letters, its neighbourhood and its parts. The first sign keeps the three kinds apart."""
    yield "w" + word
    if before:
        yield f"b{before} {word}"
    yield from _pieces(f"<{word}>", _LETTER_LENGTHS)


def _pieces(run: str, lengths: tuple[int, ...]) -> Iterator[str]:
    for length in lengths:
        for start in range(len(run) - length + 1):
            yield run[start : start + length]
