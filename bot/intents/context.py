"""Follow-ups: "那新疆呢", "红茶呢", "who pays for that?" mean more after an answer than alone.

A short text after an answer is read three times: alone, after the title of the entry that was answered, and after the
words that it answered. How likely it stays with that entry is a logistic regression on what the readings say, how close
the text is to the answer, and its form. `bench/follow_ups.py` measures it; a wrong topic is worse than a person.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.decisions import Candidate, Understanding
from bot.intents.sayings import asks
from bot.knowledge.editions import Edition
from bot.text.folding import HAN, LONGEST, search_form

_LONGEST_HAN, _LONGEST_WORDS = 16, 12  # of a follow-up
_PRONOUN = re.compile(
    r"这个|那个|这种|那种|这样|那样|它|^[那这](?=[要能会可还是])|(?:也|还)(?:是|要|能|会|可以|行|算)"
    r"|\b(?:it|its|that|this|those|these|them|they|one|ones|he|she|either|too)\b"
)
_CONTRAST = re.compile(r"^那|^还有|^换成?|呢[?？。~～]*$|^(?:and|or|but|what about|how about)\b|^(?:不是|not)")
_CONDITION = re.compile(r"^(?:要是|如果|万一|假如)|的话|^(?:what )?if\b|^when\b|^(?:once|after|before)\b")
_STATES = re.compile(r"^(?:我|俺|i|im|its|it is)(?![a-z])")
_SENTENCES = re.compile(r"[。；;！!？?\n：:]|(?<=[a-z])[.,]\s|，(?=.{6})")
_WORD = re.compile(r"[a-z]{4,}")
_EMPTY_WORDS = frozenset(
    [
        "what",
        "about",
        "that",
        "this",
        "does",
        "with",
        "from",
        "your",
        "have",
        "when",
        "where",
        "which",
        "like",
        "would",
        "there",
        "they",
        "them",
        "happens",
    ]
)
_EMPTY_SIGNS = frozenset("的了吗呢吧啊我你您们这那个是不有在要能会可以还也就和与都怎么什么多少哪几")
_STAYS = 0.33  # probability from which the entry last answered is answered again
_LEAST_AGREED = 0.5  # confidence that two readings need for another entry


@dataclass(frozen=True, slots=True)
class Readings:
    """A text as understood alone, after the title of the entry last answered, and after the words that it answered."""

    alone: Understanding
    after_title: Understanding
    after_words: Understanding
    close: float  # cosine of the text and the closest sentence of the last answer
    close_elsewhere: float  # and of the answer to what it means alone


def may_follow(text: str) -> bool:
    """Whether a text is short enough to be a follow-up."""
    short = len(HAN.findall(text)) <= _LONGEST_HAN and len(text.split()) <= _LONGEST_WORDS
    return short and len(text) <= LONGEST


def sentences(answer: str) -> list[str]:
    """The sentences of an answer, to compare a text with."""
    return [part.strip() for part in _SENTENCES.split(answer) if len(part.strip()) > 1]


def features(text: str, readings: Readings, last: str, answer: str) -> list[float]:
    """What `_WEIGHTS` weigh."""
    form = search_form(text).strip()
    best = readings.alone.candidates[0] if readings.alone.candidates else Candidate("", 0.0)
    contrast = float(bool(_CONTRAST.search(form)))
    length = len(HAN.findall(form)) / 2 + len(re.findall("[a-z0-9]+", form))
    return [
        1.0,
        _log_odds(_confidence(readings.after_title, last)),
        _log_odds(_confidence(readings.after_words, last)),
        _log_odds(_confidence(readings.alone, last)),
        _log_odds(best.confidence) if best.intent != last else 0.0,
        _log_odds(_most_besides(readings.after_title, last)),
        _log_odds(_most_besides(readings.after_words, last)),
        readings.close,
        readings.close - readings.close_elsewhere if best.intent != last else 0.0,
        _shared(form, search_form(answer)),
        float(bool(_PRONOUN.search(form))),
        contrast,
        contrast * _log_odds(best.confidence) if best.intent != last else 0.0,
        float(bool(_CONDITION.search(form))),
        min(_log_odds(_confidence(readings.after_title, last)), _log_odds(_confidence(readings.after_words, last))),
        float(not asks(text)),
        float(bool(_STATES.search(form))),
        math.log(max(length, 1.0)),
    ]


_WEIGHTS = (
    -0.03,
    2.35,
    0.97,
    1.1,
    -1.16,
    1.13,
    -0.4,
    5.12,
    0.98,
    3.08,
    1.43,
    -0.15,
    -1.21,
    1.35,
    -1.14,
    0.39,
    0.85,
    -1.83,
)


def stays(text: str, readings: Readings, last: str, answer: str) -> float:
    """The probability that a text asks for more about the entry that was answered last."""
    return 1 / (
        1
        + math.exp(
            -sum(weight * value for weight, value in zip(_WEIGHTS, features(text, readings, last, answer), strict=True))
        )
    )


def in_context(text: str, readings: Readings, last: str, answer: str, edition: Edition) -> Understanding:
    """The best reading of a follow-up: the entry last answered, another that two readings mean, or the text alone."""
    alone, limit = readings.alone, edition.thresholds_of(readings.alone.engine).answer_for
    probability = stays(text, readings, last, answer)
    best, *others = alone.candidates
    besides = [one for one in alone.candidates if one.intent != last]
    if probability >= _STAYS:
        return replace(alone, candidates=(Candidate(last, max(probability, limit(last))), *besides))
    if best.intent == last:
        return alone
    if best.confidence >= _LEAST_AGREED:
        agreed = max(_confidence(one, best.intent) for one in (readings.after_title, readings.after_words))
        best = replace(best, confidence=max(best.confidence, agreed))
    # not likely enough to be answered again, but maybe to be offered
    ranked = sorted((*others, Candidate(last, probability)), key=lambda one: -one.confidence)
    return replace(
        alone, candidates=(best, *(one for one in ranked if one.intent != last or one.confidence == probability))
    )


def _confidence(understanding: Understanding, entry: str) -> float:
    return next((one.confidence for one in understanding.candidates if one.intent == entry), 0.0)


def _most_besides(understanding: Understanding, entry: str) -> float:
    return max((one.confidence for one in understanding.candidates if one.intent != entry), default=0.0)


def _log_odds(confidence: float) -> float:
    kept = min(max(confidence, 0.01), 0.99)
    return math.log(kept / (1 - kept)) / 4


def _shared(form: str, answer: str) -> float:
    """The share of a text's words (in Chinese: pairs of characters) that the answer has, too."""
    han = "".join(HAN.findall(form))
    pairs = [han[at : at + 2] for at in range(len(han) - 1) if not _EMPTY_SIGNS.intersection(han[at : at + 2])]
    words = [word.rstrip("s") for word in _WORD.findall(form) if word not in _EMPTY_WORDS]
    parts: Sequence[str] = [*pairs, *words]
    return sum(part in answer for part in parts) / len(parts) if parts else 0.0
