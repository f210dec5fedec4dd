"""How short fixed inputs are read: a number, a stop word, a choice, a name, in whatever dress somebody typed, pasted
or spoke it. What was said stays in the record as it was said; only what is compared is folded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal

from zhconv import zhconv

LONGEST = 100  # characters; more is no short input, and comes back as it is
_RECENT = 512  # texts: one that is read is asked for several times at once
_STRETCH = 64  # characters that are normalised together: ordering marks takes the square of their number
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
# Everything of Unicode's category Cf, variation selectors, and other signs that show nothing (Default_Ignorable).
_UNSEEN = re.compile(
    "[\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_FIGURES = str.maketrans("〇零一壹二贰两三叁四肆五伍六陆七柒八捌九玖", "001122233445566778899")
_QUIET = re.compile("['’‘`]+")
_SIGNS = re.compile(r"[\W_]+")
_GAP = re.compile(r"(?<=[㐀-鿿豈-﫿]) | (?=[㐀-鿿豈-﫿])")
_BEFORE = re.compile(
    r"(?:你好|您好|哈喽|嗨|亲|谢谢[你您]?|(?:麻烦|拜托|劳驾)[你您]?|请(?:帮我)?|好的"
    r"|(?:hi|hello|hey|ok|okay|please|pls)(?: there)?\b ?)+"
)
_AFTER = re.compile(
    r"(?<!再次)(?<!再)(?<!表示)(?:(?:非常|十分|多)?(?:谢谢|感谢)(?:[你您]|啦|了|哦)?|多谢|谢啦|谢了|拜托了?|麻烦[你您]了|[吧啦呀哦啊]"
    r"|(?:^| )(?:please|pls|plz|thanks|thank you|thx|cheers))+$"
)


def folded(text: str) -> str:
    """The form in which short inputs are compared: '停　止！' and '停止', '１' and '一', 'ＳＴＯＰ please' and 'stop'.

    NFKC without signs that show nothing, small letters, simplified Chinese, figures as digits, one space between Latin
    words and none in Chinese, nothing around it: no punctuation, no courtesies. A text of nothing but signs keeps them,
    a courtesy alone stays what it is, and a text over 100 characters comes back as it is.
    """
    seen = visible(text).strip()
    if len(seen) > LONGEST:
        return text
    plain = figures(read_plainly(seen))
    words = _GAP.sub("", _SIGNS.sub(" ", _QUIET.sub("", plain)).strip())
    return without_courtesies(words) or "".join(plain.split())


def read_plainly(text: str) -> str:
    """NFKC, small letters, simplified Chinese, and nothing that does not show."""
    return simplified(normalised(visible(text), "NFKC").casefold())


def without_courtesies(plain: str) -> str:
    """A folded text without the hello, please and thanks around it, as long as something remains."""
    opening = _BEFORE.match(plain)
    rest = (plain[opening.end() :].strip() or plain) if opening else plain
    tail = rest[-LONGEST:]
    shorter = rest[: len(rest) - len(tail)] + _AFTER.sub("", tail).strip()
    return shorter or rest


def figures(text: str) -> str:
    """Digits of any script, and Chinese ones, as 0 to 9."""
    digits = "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)
    return digits.translate(_FIGURES)


def visible(text: str) -> str:
    """A text without the signs that show nothing."""
    return _UNSEEN.sub("", text)


def shows_nothing(text: str) -> bool:
    """Whether nobody would see anything of a text."""
    return not visible(text).strip()


def spellings(text: str) -> tuple[str, ...]:
    """How a short text that is looked for may stand somewhere: as typed, NFKC, and in simplified and traditional
    Chinese; nothing where it shows nothing."""
    plain = normalised(visible(text), "NFKC").strip()
    if not plain:
        return ()
    return tuple(dict.fromkeys((text.strip(), plain, simplified(plain), _traditional(plain))))


@lru_cache(_RECENT)
def simplified(text: str) -> str:
    """Traditional Chinese as simplified; anything else as it is."""
    return _converted(text, "zh-cn")


def _traditional(text: str) -> str:
    return _converted(text, "zh-hant")


def _converted(text: str, script: str) -> str:
    if not _HAN.search(text):
        return text
    _open_dictionary()
    return str(zhconv.convert(text, script))


@cache
def _open_dictionary() -> None:
    """By its path: left to itself, the library opens its dictionary and never closes it."""
    zhconv.loaddict(str(files("zhconv") / "zhcdict.json"))


def composed(text: str) -> str:
    """NFC, in time that grows with the text alone."""
    return normalised(text, "NFC")


def normalised(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """A text in a normal form. Thousands of marks on one letter, which no language has, are ordered by stretches."""
    if len(text) <= _STRETCH or text.isascii():
        return unicodedata.normalize(form, text)
    return "".join(unicodedata.normalize(form, piece) for piece in _stretches(text))


def _stretches(text: str) -> Iterator[str]:
    """Pieces that begin with a sign which does not combine with the one before, where there is one near enough."""
    start = 0
    while start < len(text):
        end = start + _STRETCH
        while end < len(text) and end < start + 2 * _STRETCH and not _begins(text[end]):
            end += 1
        yield text[start:end]
        start = end


def _begins(sign: str) -> bool:
    """Whether a sign stays apart from the one before it. Marks don't, nor do the vowels and ends of Hangul."""
    return not unicodedata.category(sign).startswith("M") and not "\u1160" <= sign <= "\u11ff"
