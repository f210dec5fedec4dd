"""Understandings of a message: whether one may be answered, the better of two, and the questions in a text."""

from __future__ import annotations

import re

from bot.domain.decisions import Understanding
from bot.knowledge.editions import Edition
from bot.text.folding import HAN


def is_sure(understanding: Understanding, edition: Edition) -> bool:
    """Whether the best candidate may be answered."""
    if not understanding.candidates:
        return False
    best, thresholds = understanding.candidates[0], edition.thresholds_of(understanding.engine)
    return understanding.exact or best.confidence >= thresholds.answer_for(best.intent)


def surer(one: Understanding, other: Understanding) -> Understanding:
    """The one of two readings of a message whose best candidate is likelier."""
    return max(one, other, key=lambda reading: reading.candidates[0].confidence if reading.candidates else 0.0)


def completed(last: Understanding, whole: Understanding) -> Understanding:
    """The surer of two readings: of the last piece of a question, and of all pieces together.

    The pieces before may mislead: where the last means something alone, together they must mean what it could mean.
    """
    meant = {one.intent for one in last.candidates if one.confidence >= _POSSIBLE}
    alone = bool(last.candidates) and last.candidates[0].confidence >= _MEANS_SOMETHING
    known = not alone or (bool(whole.candidates) and whole.candidates[0].intent in meant)
    return surer(last, whole) if known else last


_POSSIBLE, _MEANS_SOMETHING = 0.05, 0.35  # confidence
MOST = 3  # questions in one message; with more of them it is a story, which is understood as a whole
_SENTENCE_ENDS = re.compile(r"[?？!！。;；\n]+|\.(?=\s)")
_ALSO = re.compile(
    r"(?:另外|还有(?:就是|个问题)?|顺便(?:再)?问(?:一下|下)?|再问(?:一下|下))[,，:：\s]*"
    r"|(?<=\s)(?:and also|and another thing|also,|and (?=(?:how|what|when|where|who|why|can|do|does|is|are)\b))\s*",
    re.IGNORECASE,
)
_BETWEEN = " \t\u3000,，、"
_LEAST_HAN, _LEAST_WORDS = 4, 3  # of a question: "你好" and "thank you" are none


def split_questions(text: str) -> list[str]:
    """The two or three parts of a text that may be questions of their own, in order; else []."""
    pieces = [piece.strip(_BETWEEN) for sentence in _SENTENCE_ENDS.split(text) for piece in _ALSO.split(sentence)]
    asked = [piece for piece in pieces if len(HAN.findall(piece)) >= _LEAST_HAN or len(piece.split()) >= _LEAST_WORDS]
    return asked if 2 <= len(asked) <= MOST else []
