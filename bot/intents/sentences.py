"""Several questions in one message, each on its own."""

from __future__ import annotations

import re

MOST = 3
_ENDS = re.compile(r"[?？!！。;；\n]+|\.(?=\s)")
_ALSO = re.compile(
    r"(?:另外|还有(?:就是|个问题)?|顺便(?:再)?问(?:一下|下)?|再问(?:一下|下))[,，:：\s]*"
    r"|(?<=\s)(?:and also|and another thing|also,|and (?=(?:how|what|when|where|who|why|can|do|does|is|are)\b))\s*",
    re.IGNORECASE,
)
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_BETWEEN = " \t\u3000,，、"
_LEAST_HAN, _LEAST_WORDS = 4, 3


def questions(text: str) -> list[str]:
    """What may be questions of their own, in order: two or three of them, or none where a text is all of a piece.

    A message of more is a story, which is understood as a whole.
    """
    pieces = [piece.strip(_BETWEEN) for sentence in _ENDS.split(text) for piece in _ALSO.split(sentence)]
    whole = [piece for piece in pieces if _says_enough(piece)]
    return whole if 2 <= len(whole) <= MOST else []


def _says_enough(piece: str) -> bool:
    return len(_HAN.findall(piece)) >= _LEAST_HAN or len(piece.split()) >= _LEAST_WORDS
