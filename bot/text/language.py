"""Detects whether a text is Chinese or English.

Chinese texts often contain Latin letters that do not make them English: OK, VIP, WiFi, iPhone, DHL, product names,
typing errors. A text of only such words does not change the language of the conversation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import yaml

from bot.text.folding import HAN

# Ignored: URLs, mail addresses, @names, #tags, and English phrases that are common in Chinese texts.
_ASIDE = re.compile(
    r"https?://\S+|(?<![^\s@])[^\s@]{1,64}+@\S+|[@＠#＃]\w+"
    r"|\b(?:thank (?:you|u)(?: (?:so|very) much)?|thanks a lot|see (?:you|u)|good (?:morning|afternoon|evening|night)"
    r"|no problem|(?:oh )?my god|happy new year)\b",
    re.ASCII | re.IGNORECASE,
)
_WORD = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z]+(?:['’][A-Za-z]{1,2})?(?![A-Za-z0-9_])")
_LETTERS = re.compile(r"\b[A-Za-z]{2,}\b")
# Five consonants in a row occur in no English word worth counting; typing errors and codes have them.
_UNPRONOUNCEABLE = re.compile(r"[bcdfghjklmnpqrstvwxz]{5}")
_VOWEL = re.compile(r"[aeiouy]")
_ENOUGH = 3  # pronounceable words that make a text English although none of them is known
_MAX_CHARACTERS = 1_000  # examined
_MAX_WORDS = 40  # examined
_MAX_ABBREVIATION = 5  # letters in capitals
_MOST_NAMED, _SENTENCE = 4, 3  # Han characters of a name; English words of a sentence around it


@dataclass(frozen=True, slots=True)
class _Words:
    """The word lists of language.yaml."""

    borrowed: frozenset[str]  # used in Chinese texts as well: no evidence
    common: frozenset[str]  # one of them makes a text English


@cache
def _words() -> _Words:
    listed = yaml.safe_load((Path(__file__).parent / "language.yaml").read_text(encoding="utf-8"))
    return _Words(*(frozenset(listed[name].split()) for name in ("borrowed", "common")))


def language_of(text: str, fallback: str = "zh") -> str:
    """'zh' if a text contains Han characters, 'en' if it has English words, else `fallback`.

    An English sentence that names something in Chinese ("how do I brew 龙井") is English.
    fallback: the language of the conversation so far.
    """
    text = text[:_MAX_CHARACTERS]
    if not (named := HAN.findall(text)):
        return "en" if _is_english(text) else fallback
    return "en" if len(named) <= _MOST_NAMED and _known_words(text) >= _SENTENCE else "zh"


def script_of(text: str, fallback: str = "zh") -> str:
    """The language of an isolated text, such as an example: 'zh' if it contains a Han character, 'en' if it contains a
    Latin word of two letters, else `fallback`."""
    if HAN.search(text):
        return "zh"
    return "en" if _LETTERS.search(text) else fallback


def _known_words(text: str) -> int:
    """The number of common English words."""
    return sum(word[0].casefold() in _words().common for word in islice(_WORD.finditer(text), _MAX_WORDS))


def _is_english(text: str) -> bool:
    found = [one[0] for one in islice(_WORD.finditer(_ASIDE.sub(" ", text)), _MAX_WORDS)]
    shouted = len(found) >= _ENOUGH and all(word.isupper() for word in found)
    words = [word.replace("’", "'").casefold() for word in found if shouted or not _names_something(word)]
    telling = [word for word in words if word not in _words().borrowed]
    known = [word for word in telling if word in _words().common]
    if len(words) == 1 and len(found) == 1:  # a single word may be a name or a slip: only a known longer one counts
        return bool(known) and len(known[0]) > 3
    # Not known, but pronounceable.
    likely = [w for w in telling if len(w) > 1 and _VOWEL.search(w) and not _UNPRONOUNCEABLE.search(w)]
    return bool(known) or (len(likely) >= _ENOUGH and max(map(len, likely)) > 3)


def _names_something(word: str) -> bool:
    """Whether a word looks like a name or abbreviation, such as WiFi or DHL: capitals inside, or only capitals."""
    return word[1:] != word[1:].lower() and (not word.isupper() or len(word) <= _MAX_ABBREVIATION) and word != "I'M"
