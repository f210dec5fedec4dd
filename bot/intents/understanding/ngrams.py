"""The letters of a text: character and word n-grams, so that names and typos count besides the meaning."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bot.wording import clean

_RUN = re.compile(r"[㐀-鿿豈-﫿]+|[^\W_㐀-鿿豈-﫿]+")
_HAN_LENGTHS = (1, 2, 3)
_LETTER_LENGTHS = (3, 4, 5)
_LONGEST_WORD = 40
_NONE = np.zeros(1, np.uint32)
Counted: TypeAlias = tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Grams:
    """Which of the known n-grams (their places in `Letters.known`) a text holds, and with what weight; unit length
    together."""

    places: npt.NDArray[np.intp]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Letters:
    """The n-grams that count, by their checksums in ascending order (uint32), and the rarity of each: its inverse
    document frequency (natural logarithm). Others, which nothing was learned about, are passed over."""

    known: npt.NDArray[np.uint32]
    rarity: npt.NDArray[np.float32]

    def read(self, text: str) -> Grams:
        """The n-grams of a plain text; of a text without any that is known, none."""
        return self.weigh(count(text))

    def weigh(self, counted: Counted) -> Grams:
        """The same of what was counted in a text before."""
        found, counts = counted
        places = np.searchsorted(self.known, found)
        places[places == len(self.known)] = 0
        hits = self.known[places] == found
        weights = (1 + np.log(counts[hits])) * self.rarity[places[hits]]
        length = float(np.sqrt(weights @ weights)) or 1.0
        return Grams(places[hits], (weights / length).astype(np.float32))


def learned(texts: Sequence[Counted], most: int) -> Letters:
    """The n-grams of `texts`, as many as `most` of them: the commonest; at least one, so that there is a table."""
    seen = np.concatenate([grams for grams, _ in texts] or [_NONE])
    seen = seen if len(seen) else _NONE
    grams, times = np.unique(seen, return_counts=True)
    kept = np.sort(np.argsort(-times, kind="stable")[:most])
    rarity = np.log((1 + len(texts)) / (1 + times[kept])) + 1
    return Letters(grams[kept], rarity.astype(np.float32))


def count(text: str) -> Counted:
    """The checksums of a text's n-grams, each once and ascending, and how often it holds each."""
    counted = Counter(zlib.crc32(gram.encode()) for gram in _grams(clean(text)))
    ordered = sorted(counted)
    return np.array(ordered, np.uint32), np.array([counted[gram] for gram in ordered], np.float32)


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
