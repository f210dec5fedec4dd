"""N-gram features of a text (names and typos count besides the meaning), and the normalisation before reading it."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bot.text import UNDERSTOOD, clean
from bot.text.folding import letter_form

_RUN = re.compile(r"[㐀-鿿豈-﫿]+|[^\W_㐀-鿿豈-﫿]+")
_HAN_LENGTHS = (1, 2, 3)  # characters of an n-gram; Chinese has no spaces between words
_LETTER_LENGTHS = (3, 4, 5)
_LONGEST_WORD = 40  # letters that are read of a run; a longer one is no word
_NONE = np.zeros(1, np.uint32)
# checksums ascending, and how often each occurs
NgramCounts: TypeAlias = tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class NgramFeatures:
    """The known n-grams of a text, as a sparse vector of unit length."""

    places: npt.NDArray[np.intp]  # (k,) indices in NgramVocabulary.known
    weights: npt.NDArray[np.float32]  # (k,) float32, TF-IDF


@dataclass(frozen=True, slots=True)
class NgramVocabulary:
    """The n-grams that training kept. Others are ignored."""

    known: npt.NDArray[np.uint32]  # (n,) CRC-32 of each n-gram, ascending
    rarity: npt.NDArray[np.float32]  # (n,) inverse document frequency, natural logarithm

    def read(self, text: str) -> NgramFeatures:
        """Features of a normalised text."""
        return self.weigh(count_ngrams(text))

    def weigh(self, counted: NgramCounts) -> NgramFeatures:
        """Features of counted n-grams."""
        found, counts = counted
        places = np.searchsorted(self.known, found)
        # searchsorted returns len(known) for checksums beyond the last one.
        places[places == len(self.known)] = 0
        hits = self.known[places] == found
        weights = (1 + np.log(counts[hits])) * self.rarity[places[hits]]
        length = float(np.sqrt(weights @ weights)) or 1.0
        return NgramFeatures(places[hits], (weights / length).astype(np.float32))


def build_vocabulary(texts: Sequence[NgramCounts], most: int) -> NgramVocabulary:
    """The `most` most frequent n-grams of all texts; at least one, because an empty table cannot be multiplied."""
    seen = np.concatenate([grams for grams, _ in texts] or [_NONE])
    seen = seen if len(seen) else _NONE
    grams, times = np.unique(seen, return_counts=True)
    kept = np.sort(np.argsort(-times, kind="stable")[:most])
    rarity = np.log((1 + len(texts)) / (1 + times[kept])) + 1
    return NgramVocabulary(grams[kept], rarity.astype(np.float32))


def count_ngrams(text: str) -> NgramCounts:
    """CRC-32 of a text's n-grams, ascending (uint32), and the count of each (float32)."""
    counted = Counter(zlib.crc32(gram.encode()) for gram in _grams(clean(text)))
    ordered = sorted(counted)
    return np.array(ordered, np.uint32), np.array([counted[gram] for gram in ordered], np.float32)


def _grams(text: str) -> Iterator[str]:
    before = ""
    for run in _RUN.findall(text):
        if run[0] >= "㐀":
            yield from _substrings(run, _HAN_LENGTHS)
            before = ""
        else:
            yield from _word(run[:_LONGEST_WORD], before)
            before = run


def _word(word: str, before: str) -> Iterator[str]:
    """The word, the pair with the word before, and substrings. The first character (w, b, <) keeps the kinds apart."""
    yield "w" + word
    if before:
        yield f"b{before} {word}"
    yield from _substrings(f"<{word}>", _LETTER_LENGTHS)


def _substrings(run: str, lengths: tuple[int, ...]) -> Iterator[str]:
    for length in lengths:
        for start in range(len(run) - length + 1):
            yield run[start : start + length]


_REPETITION = re.compile(r"(\D{1,3}?)\1{3,}")  # four or more times the same one to three signs
_PICTURES = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d]+")
_SPACES = re.compile(r"\s+")
# @name at the end of a post; the pattern follows X's rule for user names
_TRAILING_MENTION = re.compile(r"(?<![a-z0-9_])@[a-z0-9_]{1,15}$")
_GAP = r"[\s,.!?~，。！？～、…:;：；-]*"
_OPENING = re.compile(
    rf"^(?:(?:你好|您好|哈喽|嗨|在吗|在么|在不在|亲|请问(?:一下|下)?|麻烦(?:问|请问)?(?:一下|下)?|打扰(?:一下|了)?|"
    rf"想问(?:一下|下)?|我想问(?:一下|下)?|咨询(?:一下|下)|问(?:一下|下)|"
    rf"(?:hi|hello|hey|excuse me|good (?:morning|afternoon|evening)|dear (?:team|sir|madam))(?: there)?\b|"
    rf"(?:please|quick question|sorry to bother(?: you)?)\b){_GAP})+"
)
_CLOSING = re.compile(
    rf"(?:{_GAP}(?:谢谢(?:你|您|了|啦|哦)?|多谢|感谢|麻烦(?:你|您)?了|拜托了?|"
    rf"\b(?:please|pls|plz|thanks?(?: you)?(?: so much| very much| a lot)?|thx|cheers|many thanks)))+{_GAP}$"
)


# Words and their order are kept because encoder and n-grams read them; similarity.same_form goes further.
def plain(text: str) -> str:
    """Normalise a text for the classifier: NFKC, lower case, simplified Chinese, single spaces.

    Emoji, long repetitions and courtesies at both ends are removed unless nothing else remains: "thank you" alone is a
    message of its own. '' if nothing is readable.
    """
    folded = letter_form(clean(text))
    calm = _REPETITION.sub(r"\1\1", _SPACES.sub(" ", folded)).strip()
    question = _PICTURES.sub(" ", _TRAILING_MENTION.sub("", calm)).strip() or calm
    return _SPACES.sub(" ", _without_courtesies(question))


def _without_courtesies(question: str) -> str:
    opened = _OPENING.sub("", question)
    question = opened if _says_something(opened) else question
    # The closing pattern backtracks; only the last UNDERSTOOD characters are searched, so its time is bounded.
    body, end = question[:-UNDERSTOOD], question[-UNDERSTOOD:]
    closed = body + _CLOSING.sub("", end)
    return closed if _says_something(closed) else question


def _says_something(rest: str) -> bool:
    return sum(sign.isalnum() for sign in rest) >= 2
