"""Follow-ups: a few words that lean on the last answer ("那金卡呢？", "and for gold?")."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.decisions import Understanding
from bot.folding import simplified
from bot.knowledge.editions import Edition

_LEANS = (
    re.compile(
        r"(?:那么?|还有|然后|如果是|要是)?[，,\s]*(?P<about>.{1,12}?)\s*(?:呢|怎么样|咋样|又如何|也是吗|也一样吗)"
    ),
    re.compile(r"(?:那么?|还有|如果是|要是|换成)[，,\s]*(?P<about>.{1,8})"),
    re.compile(r"(?:and|or|(?:and )?(?:what|how) about|what if it(?:'|’)?s)\s+(?P<about>.{1,40})", re.IGNORECASE),
)
_ENDS = " \t?？!！.。~～,，"
_LONGEST = 100  # characters; more does not lean on anything
_NEARLY = 0.999


def leaning(text: str) -> str:
    """What a follow-up is about, without the words that lean it on what came before; '' if it stands by itself."""
    calm = text.strip(_ENDS)
    if len(calm) > _LONGEST:
        return ""
    calm = simplified(calm)
    found = next((match for match in (way.fullmatch(calm) for way in _LEANS) if match), None)
    return found["about"].strip(_ENDS) if found else ""


def sure(understanding: Understanding, edition: Edition) -> bool:
    """Whether an understanding is enough to answer from."""
    best = understanding.candidates[0] if understanding.candidates else None
    return best is not None and (understanding.exact or best.confidence >= edition.thresholds.answer_for(best.intent))


def in_context(alone: Understanding, together: Understanding, last: str, edition: Edition) -> Understanding:
    """The better of two understandings of a follow-up: of its own words, and of them together with what the `last`
    entry answers.

    Together they may only mean the last entry again. Whether that was not enough or something near was meant, the
    words don't tell: what else comes into question can then be asked back, never answered.
    """
    if not together.candidates:
        return alone
    best = together.candidates[0]
    if best.intent == last:
        return _others(together, last, edition) or alone
    known = alone.candidates[0].confidence if alone.candidates else 0.0
    return together if best.confidence > known else alone


def _others(together: Understanding, last: str, edition: Edition) -> Understanding | None:
    rest = [one for one in together.candidates if one.intent != last and one.intent in edition.entries]
    room = sum(one.confidence for one in rest)
    if not rest or not room:
        return None
    limits = [edition.thresholds.answer_for(one.intent) * _NEARLY for one in rest]
    shares = [min(one.confidence / room, limit) for one, limit in zip(rest, limits, strict=True)]
    return Understanding(tuple(replace(one, confidence=share) for one, share in zip(rest, shares, strict=True)))
