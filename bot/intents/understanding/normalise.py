"""A text as the engine reads it: plain, without dress and without the courtesies around the question."""

from __future__ import annotations

import re

from bot.folding import normalised, simplified
from bot.wording import UNDERSTOOD, clean

_CROWD = re.compile(r"(\D{1,3}?)\1{3,}")
_PICTURES = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d]+")
_SPACES = re.compile(r"\s+")
_CALLED = re.compile(r"(?<![a-z0-9_])@[a-z0-9_]{1,15}$")  # whom a post calls after it has said it all
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


def plain(text: str) -> str:
    """What is understood of a text: NFKC, small letters, simplified Chinese, one space between words.

    Pictures, long repetitions ("好好好好好") and courtesies at both ends go, but only where something remains: a mere
    "thank you" is itself what was said. '' if there is nothing to read at all.
    """
    folded = simplified(normalised(clean(text), "NFKC").casefold())
    calm = _CROWD.sub(r"\1\1", _SPACES.sub(" ", folded)).strip()
    question = _PICTURES.sub(" ", _CALLED.sub("", calm)).strip() or calm
    return _SPACES.sub(" ", _without_courtesies(question))


def _without_courtesies(question: str) -> str:
    opened = _OPENING.sub("", question)
    question = opened if _says_something(opened) else question
    body, end = question[:-UNDERSTOOD], question[-UNDERSTOOD:]  # where a courtesy could close it: the rest is not tried
    closed = body + _CLOSING.sub("", end)
    return closed if _says_something(closed) else question


def _says_something(rest: str) -> bool:
    return sum(sign.isalnum() for sign in rest) >= 2
