"""Normalises short inputs (a number, a stop word, a choice, a name) for comparison.

Only the comparison uses the normal form; messages are stored as the customer wrote them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal

from zhconv import zhconv

LONGEST = 100  # characters; a longer text is no short input and is not normalised
_RECENT = 512  # texts cached, because one message is normalised several times in a row
_CHUNK = 64  # characters normalised together, because ordering combining marks takes quadratic time
HAN = re.compile(r"[㐀-鿿豈-﫿]")
# Invisible characters: Unicode category Cf, variation selectors and others that are Default_Ignorable.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
# Chinese digits, in everyday and in financial writing.
_FIGURES = str.maketrans("〇零一壹二贰两三叁四肆五伍六陆七柒八捌九玖", "001122233445566778899")
# Removed, not replaced by a space: "what's" is one word.
_APOSTROPHES = re.compile("['’‘`]+")
_SIGNS = re.compile(r"[\W_]+")
# Spaces next to Chinese characters carry no meaning.
_GAP = re.compile(r"(?<=[㐀-鿿豈-﫿]) | (?=[㐀-鿿豈-﫿])")
# Courtesies at the beginning and at the end. 再次 and 表示 before 感谢 belong to a sentence.
_BEFORE = re.compile(
    r"(?:你好|您好|哈喽|嗨|亲|谢谢[你您]?|(?:麻烦|拜托|劳驾)[你您]?|请(?:帮我)?|好的"
    r"|(?:hi|hello|hey|ok|okay|please|pls)(?: there)?\b ?)+"
)
_AFTER = re.compile(
    r"(?<!再次)(?<!再)(?<!表示)(?:(?:非常|十分|多)?(?:谢谢|感谢)(?:[你您]|啦|了|哦)?|多谢|谢啦|谢了|拜托了?|麻烦[你您]了|[吧啦呀哦啊]"
    r"|(?:^| )(?:please|pls|plz|thanks|thank you|thx|cheers))+$"
)


# For short inputs only: replacing digits and dropping courtesies would change the meaning of a question.
def folded(text: str) -> str:
    """The normal form of a short input: equal for '停　止！' and '停止', '１' and '一', 'ＳＴＯＰ please' and 'stop'.

    NFKC without invisible characters, lower case, simplified Chinese, digits 0 to 9, single spaces between Latin words,
    no punctuation, no courtesies. A text of only punctuation or only a courtesy keeps it; a text over LONGEST
    characters is returned unchanged.
    """
    seen = visible(text).strip()
    if len(seen) > LONGEST:
        return text
    return without_courtesies(words_of(seen)) or "".join(ascii_digits(search_form(seen)).split())


def words_of(text: str) -> str:
    """The same with courtesies, and '' for a text of only signs or emoji. For short inputs."""
    plain = ascii_digits(search_form(text))
    return _GAP.sub("", _SIGNS.sub(" ", _APOSTROPHES.sub("", plain)).strip())


def search_form(text: str) -> str:
    """NFKC, case folded, simplified Chinese, without invisible characters."""
    return letter_form(visible(text))


def letter_form(text: str) -> str:
    """NFKC, case folded, simplified Chinese: the first step of every normal form."""
    return simplified(normalised(text, "NFKC").casefold())


def without_courtesies(plain: str) -> str:
    """A folded text without greetings, please and thanks around it, unless nothing else remains."""
    opening = _BEFORE.match(plain)
    rest = (plain[opening.end() :].strip() or plain) if opening else plain
    tail = rest[-LONGEST:]
    shorter = rest[: len(rest) - len(tail)] + _AFTER.sub("", tail).strip()
    return shorter or rest


def ascii_digits(text: str) -> str:
    """Replace digits of any script, including Chinese, by 0 to 9."""
    digits = "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)
    return digits.translate(_FIGURES)


def visible(text: str) -> str:
    """A text without invisible characters."""
    return _UNSEEN.sub("", text)


def is_invisible(text: str) -> bool:
    """Whether a text has no visible character."""
    return not visible(text).strip()


def search_variants(text: str) -> tuple[str, ...]:
    """The variants of a search term: as typed, NFKC, in simplified and in traditional Chinese; none if invisible."""
    plain = normalised(visible(text), "NFKC").strip()
    if not plain:
        return ()
    return tuple(dict.fromkeys((text.strip(), plain, simplified(plain), _converted(plain, "zh-hant"))))


@lru_cache(_RECENT)
def simplified(text: str) -> str:
    """Convert traditional to simplified Chinese; other text is unchanged."""
    return _converted(text, "zh-cn")


def _converted(text: str, script: str) -> str:
    if not HAN.search(text):
        return text
    _open_dictionary()
    return str(zhconv.convert(text, script))


@cache
def _open_dictionary() -> None:
    """Load zhconv's dictionary by path: its default loader leaks an open file."""
    zhconv.loaddict(str(files("zhconv") / "zhcdict.json"))


def composed(text: str) -> str:
    """NFC, in linear time."""
    return normalised(text, "NFC")


def normalised(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """A text in a Unicode normal form, in linear time. Runs of more than 64 combining marks are ordered in parts."""
    if len(text) <= _CHUNK or text.isascii():
        return unicodedata.normalize(form, text)
    return "".join(unicodedata.normalize(form, piece) for piece in _chunks(text))


def _chunks(text: str) -> Iterator[str]:
    """Split a text where a character does not combine with the one before, at the latest after 2 * _CHUNK."""
    start = 0
    while start < len(text):
        end = start + _CHUNK
        while end < len(text) and end < start + 2 * _CHUNK and not _is_starter(text[end]):
            end += 1
        yield text[start:end]
        start = end


def _is_starter(sign: str) -> bool:
    """Whether a character never combines with the one before: no mark, no Hangul vowel or final consonant."""
    return not unicodedata.category(sign).startswith("M") and not "\u1160" <= sign <= "\u11ff"
