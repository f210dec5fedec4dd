"""Which language somebody writes, Chinese or English: from what is a word of one of them, never from a name or a code.

Chinese texts are full of Latin letters that say nothing: OK, VIP, WiFi, iPhone, DHL, a product's name, a slip on the
keyboard. They leave the language of the conversation as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import yaml

_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_ASIDE = re.compile(
    r"https?://\S+|(?<![^\s@])[^\s@]{1,64}+@\S+|[@＠#＃]\w+"
    r"|\b(?:thank (?:you|u)(?: (?:so|very) much)?|thanks a lot|see (?:you|u)|good (?:morning|afternoon|evening|night)"
    r"|no problem|(?:oh )?my god|happy new year)\b",
    re.ASCII | re.IGNORECASE,
)
_WORD = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z]+(?:['’][A-Za-z]{1,2})?(?![A-Za-z0-9_])")
_LETTERS = re.compile(r"\b[A-Za-z]{2,}\b")
_UNSPOKEN = re.compile(r"[bcdfghjklmnpqrstvwxz]{5}")
_VOWEL = re.compile(r"[aeiouy]")
_ENOUGH = 3  # words that look like words, none of them known
_LOOKED_AT = 1_000  # characters
_MOST = 40  # words that are looked at
_SHORT_CAPITALS = 5  # letters of an abbreviation


@dataclass(frozen=True, slots=True)
class _Words:
    """borrowed: said in Chinese talks as well, they tell nothing. common: English, told by one of them."""

    borrowed: frozenset[str]
    common: frozenset[str]


@cache
def _words() -> _Words:
    listed = yaml.safe_load((Path(__file__).parent / "language.yaml").read_text(encoding="utf-8"))
    return _Words(*(frozenset(listed[name].split()) for name in ("borrowed", "common")))


def language_of(text: str, fallback: str = "zh") -> str:
    """The language that a text shows: 'zh' if any Han character is in it, 'en' if it has English words; else
    `fallback`, the language of the conversation so far."""
    if _HAN.search(text):
        return "zh"
    return "en" if _is_english(text[:_LOOKED_AT]) else fallback


def script_of(text: str, fallback: str = "zh") -> str:
    """The language of a text that stands alone, as in a file of examples: 'zh' if any Han character is in it, 'en' if
    any word of Latin letters, else `fallback`."""
    if _HAN.search(text):
        return "zh"
    return "en" if _LETTERS.search(text) else fallback


def _is_english(text: str) -> bool:
    found = [one[0] for one in islice(_WORD.finditer(_ASIDE.sub(" ", text)), _MOST)]
    shouted = len(found) >= _ENOUGH and all(word.isupper() for word in found)
    words = [word.replace("’", "'").casefold() for word in found if shouted or not _names_something(word)]
    telling = [word for word in words if word not in _words().borrowed]
    known = [word for word in telling if word in _words().common]
    if len(words) == 1 and len(found) == 1:
        return bool(known) and len(known[0]) > 3
    sounding = [word for word in telling if _could_be_said(word)]
    return bool(known) or (len(sounding) >= _ENOUGH and max(map(len, sounding)) > 3)


def _names_something(word: str) -> bool:
    """WiFi, iPhone, DHL, YT: capitals inside or nothing but them."""
    return word[1:] != word[1:].lower() and (not word.isupper() or len(word) <= _SHORT_CAPITALS) and word != "I'M"


def _could_be_said(word: str) -> bool:
    return len(word) > 1 and bool(_VOWEL.search(word)) and not _UNSPOKEN.search(word)
