"""When two texts ask the same but for their dress: width, case, script, punctuation and spaces."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files

from zhconv import zhconv

_RECENT = 512  # texts: one that is read is asked for several times at once
_DRESS = re.compile(r"[\W_]+")
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_WORD = re.compile(r"[㐀-鿿豈-﫿]|(?:(?![㐀-鿿豈-﫿])\w)+")
_FILLER = re.compile(
    r"请问|你好|您好|一下|[吗嘛呢吧啊呀哦啦的了我你您们]"
    r"|\b(?:a|an|the|i|me|my|you|your|please|do|does|did|is|are|am|be|to|of|for|it)\b"
)


def same_form(text: str) -> str:
    """The normal form by which texts are compared; equal forms are the same question.

    NFKC, case folded, traditional Chinese to simplified, then only letters and digits are kept. A text without any
    (an emoji, "??") keeps its signs, so that it still has a form of its own.
    """
    plain = simplified(unicodedata.normalize("NFKC", text).casefold())
    return _DRESS.sub("", plain) or "".join(plain.split())


@lru_cache(_RECENT)
def simplified(text: str) -> str:
    """Traditional Chinese as simplified; anything else as it is."""
    if not _HAN.search(text):
        return text
    _open_dictionary()
    return str(zhconv.convert(text, "zh-cn"))


@cache
def _open_dictionary() -> None:
    """By its path: left to itself, the library opens its dictionary and never closes it."""
    zhconv.loaddict(str(files("zhconv") / "zhcdict.json"))


def gist(text: str) -> str:
    """The words of a text without order and filler: texts with equal gists are hard to tell apart.

    Chinese counts by character, everything else by word. A text of nothing but filler keeps all its words.
    """
    plain = simplified(unicodedata.normalize("NFKC", text).casefold())
    words = _WORD.findall(_FILLER.sub(" ", plain)) or _WORD.findall(plain)
    return " ".join(sorted(set(words))) or same_form(text)
