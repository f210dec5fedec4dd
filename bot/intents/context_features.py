"""What tells a follow-up from a new question: how its readings differ, how near it is to the answer, and its form."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.decisions import Candidate, Understanding
from bot.text.folding import HAN, search_form

NAMES = (  # of `features`, in their order
    "always",
    "last_after_title",
    "last_after_both",
    "last_alone",
    "other_alone",
    "sure_other_alone",
    "other_after_words",
    "lead_of_another",
    "small_talk",
    "near_a_sentence",
    "near_a_clause",
    "words_of_the_answer_though_sure",
    "words_of_the_examples",
    "condition",
    "pronoun",
    "states",
    "words_that_mean_something",
    "length",
    "chinese",
)

_SENTENCES = re.compile(r"[。；;！!？?\n：:]|(?<=[a-z])[.,]\s|，(?=.{6})")
_CLAUSES = re.compile(r"[，,。；;！!？?\n：:、（）()]|(?<=[a-z])[.]\s|\b(?:and|or)\b")
_PRONOUN = re.compile(
    r"这个|那个|这种|那种|这样|那样|它|^[那这](?=[要能会可还是])|(?:也|还)(?:是|要|能|会|可以|行|算)"
    r"|\b(?:it|its|that|this|those|these|them|they|one|ones|he|she|either|too)\b"
)
_CONDITION = re.compile(r"^(?:要是|如果|万一|假如)|的话|^(?:what )?if\b|^when\b|^(?:once|after|before)\b")
_STATES = re.compile(
    r"^(?:(?:i|im|ive|its|it is|my|mine|there|theres|we|were|already|not|no|only|just)\b|我|都|已经|就|是|没|不)"
)
_WORD = re.compile(r"[a-z]{2,}")
_FUNCTION_WORD = re.compile(
    "im|ive|you|your|yours|we|our|us|they|them|he|she|it|its|this|that|these|those|the|an|of|to|in|on|for|from|"
    "with|at|by|is|are|was|be|been|am|do|does|did|can|could|will|would|should|may|might|have|has|had|get|got|"
    "what|which|when|where|who|why|how|much|many|long|and|or|but|if|so|then|too|also|not|no|any|some|one|more|"
    "there|here|about|my|me|mine|his|her|their|just|only|even|still|already|out|up|as|all"
)
_BETWEEN_WORDS = re.compile(  # in Chinese
    "[的了吗呢吧啊我你您们这那个是不有在要能会可以还也就和与都怎么什么多少哪几谁啥没给把到得着过一下想请问行好对呀嘛哦噢]+"
)
_LATIN_OR_FIGURES = re.compile("[a-z0-9]+")
_SCALE = 4  # keeps log odds near the size of the other features


@dataclass(frozen=True, slots=True)
class Readings:
    """A text as understood alone, after the title of the entry last answered, and after the words that it answered."""

    alone: Understanding
    after_title: Understanding
    after_words: Understanding
    near_sentence: float = 0.0  # cosine of the text and the closest sentence of the last answer
    near_clause: float = 0.0  # and its closest part of a sentence
    small_talk: float = 0.0  # confidence that the text alone is small talk


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """What was answered last."""

    entry: str
    text: str
    examples: Sequence[str]  # questions that the entry answers

    @property
    def sentences(self) -> tuple[str, ...]:
        return _parts(_SENTENCES, self.text)

    @property
    def clauses(self) -> tuple[str, ...]:
        return _parts(_CLAUSES, self.text)


def features(text: str, readings: Readings, last: LastAnswer) -> list[float]:
    """The numbers that NAMES names."""
    form, entry = search_form(text).strip(), last.entry
    best, second = (*readings.alone.candidates, Candidate("", 0.0), Candidate("", 0.0))[:2]
    other = best.intent if best.intent != entry else ""
    sure = max(_log_odds(best.confidence), 0.0) if other else 0.0
    after_title = _log_odds(confidence_in(readings.after_title, entry))
    words = _words(form)
    return [
        1.0,
        after_title,
        min(after_title, _log_odds(confidence_in(readings.after_words, entry))),
        _log_odds(confidence_in(readings.alone, entry)),
        _log_odds(best.confidence) if other else 0.0,
        sure,
        _log_odds(confidence_in(readings.after_words, other)) if other else 0.0,
        best.confidence - second.confidence if other else 0.0,
        readings.small_talk,
        readings.near_sentence,
        readings.near_clause,
        sure * _share(words, last.text),
        _share(words, " ".join(last.examples)),
        float(bool(_CONDITION.search(form))),
        float(bool(_PRONOUN.search(form))),
        float(bool(_STATES.search(form))),
        math.log(1 + len(words)),
        math.log(max(len(HAN.findall(form)) / 2 + len(_LATIN_OR_FIGURES.findall(form)), 1.0)),
        float(bool(HAN.search(form))),
    ]


def confidence_in(understanding: Understanding, entry: str) -> float:
    return next((one.confidence for one in understanding.candidates if one.intent == entry), 0.0)


def _log_odds(confidence: float) -> float:
    kept = min(max(confidence, 0.01), 0.99)
    return math.log(kept / (1 - kept)) / _SCALE


def _words(form: str) -> list[str]:
    """The words that mean something; in Chinese, what is between words that only connect."""
    latin = [word.rstrip("s") for word in _WORD.findall(form) if not _FUNCTION_WORD.fullmatch(word)]
    return [*latin, *filter(None, _BETWEEN_WORDS.split("".join(HAN.findall(form))))]


def _share(words: Sequence[str], text: str) -> float:
    """The share of words that a text has, too."""
    plain = search_form(text) if words else ""
    return sum(word in plain for word in words) / len(words) if words else 0.0


def _parts(between: re.Pattern[str], text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in between.split(text) if len(part.strip()) > 1)
