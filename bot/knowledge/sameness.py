"""When two texts ask the same but for their dress: width, case, script, punctuation and spaces."""

from __future__ import annotations

import re

from bot.folding import normalised, simplified

_DRESS = re.compile(r"[\W_]+")
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
    plain = simplified(normalised(text, "NFKC").casefold())
    return _DRESS.sub("", plain) or "".join(plain.split())


def gist(text: str) -> str:
    """The words of a text without order and filler: texts with equal gists are hard to tell apart.

    Chinese counts by character, everything else by word. A text of nothing but filler keeps all its words.
    """
    plain = simplified(normalised(text, "NFKC").casefold())
    words = _WORD.findall(_FILLER.sub(" ", plain)) or _WORD.findall(plain)
    return " ".join(sorted(set(words))) or same_form(text)
