"""Follow-ups: "那新疆呢", "红茶呢", "who pays for that?" mean more after an answer than alone.

A short text after an answer is read three times: alone, after the title of the entry that was answered, and after the
words that it answered. How likely it stays with that entry is a logistic regression on what the readings say, how close
the text is to the answer, and its form. `bench/fit_follow_ups.py` fits its weights, `bench/follow_ups.py` measures what
comes of it; a wrong topic is worse than a person.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from bot.domain.decisions import Candidate, Understanding
from bot.intents.context_features import LastAnswer, Readings, confidence_in, features
from bot.intents.repeats import named_line, repeats
from bot.intents.sayings import without_fillers
from bot.intents.turn import DialogueTurn
from bot.knowledge.editions import Edition
from bot.text import truncate
from bot.text.folding import HAN, LONGEST, search_form, words_of

Read: TypeAlias = Callable[[str], Awaitable[Understanding]]
Near: TypeAlias = Callable[[str, Sequence[tuple[str, ...]]], Awaitable[list[float]]]

_LONGEST_HAN, _LONGEST_WORDS = 16, 12  # of a follow-up
_CONTRAST = re.compile(r"^那|^换|呢[?？。~～]*$|^(?:and|or|but|then|actually|what about|how about)\b")
_CLEAR = 0.98  # confidence of another topic that a contrast turns to: "那换货呢", "and on my birthday?"
_GIBBERISH = re.compile("[bcdfghjklmnpqrstvwxz]{6}", re.IGNORECASE)
STAYS = 0.5  # probability from which the entry last answered is answered again
_SURELY_STAYS = 0.75  # and from which it is although the text is sure to mean something else alone
_MAY_STAY = 0.2  # probability from which no other topic is answered without asking
_THIRD = 0.7  # probability below which a third topic, on which the readings in context agree, is answered
IDLE = 0.8  # confidence of small talk from which a text is no follow-up: "大狗呢" sounds a little like a greeting
_AGREED = 0.5  # confidence of both readings in that topic
_BELOW = 0.01  # how far below its limit a topic is that must be asked about

WEIGHTS = {  # of `features`, by bench/fit_follow_ups.py
    "always": 1.18,
    "last_after_title": 1.55,
    "last_after_both": -0.84,
    "last_alone": 1.07,
    "other_alone": 1.43,
    "sure_other_alone": -1.86,
    "other_after_words": -1.31,
    "lead_of_another": -2.21,
    "small_talk": -1.59,
    "near_a_sentence": 4.73,
    "near_a_clause": 5.02,
    "words_of_the_answer_though_sure": 3.87,
    "words_of_the_examples": 1.29,
    "condition": 1.44,
    "pronoun": 1.50,
    "states": 0.94,
    "words_that_mean_something": -1.12,
    "length": -2.07,
    "chinese": -1.74,
}


async def follow_up(turn: DialogueTurn, alone: Understanding, channel: str, read: Read, near: Near) -> Understanding:
    """The understanding of a text that may ask for more about the entry that was answered last.

    channel: whose wordings are used. near: for each passage, the cosine of a text and the closest of its parts.
    """
    text, edition, last = turn.message.text, turn.edition, str(turn.slots.get("last_intent", ""))
    if not (last in edition.entries and turn.begun and alone.candidates and may_follow(text)):
        return alone
    idle = small_talk(alone, edition)
    if idle >= IDLE or turns_to_another(text, alone.candidates[0], last):
        return alone
    said = edition.answer(last, turn.language, channel, turn.now) or ""
    if repeats(turn, last) and not named_line(text, said):  # all of it was said twice already
        return alone
    examples = edition.entries[last].examples
    answer = LastAnswer(last, said, (*examples.zh, *examples.en))
    bare = without_fillers(text)  # "Delivery fee how long?" means the time, "Delivery fee and how long?" the fee
    after_title, after_words, (sentence, clause) = await asyncio.gather(
        read(f"{edition.title(last, turn.language)} {bare}"),
        read(f"{turn.slots.get('words', '')} {bare}"),
        near(truncate(text), (answer.sentences, answer.clauses)),
    )
    readings = Readings(alone, after_title, after_words, sentence, clause, idle)
    return in_context(text, readings, answer, edition)


def small_talk(alone: Understanding, edition: Edition) -> float:
    """The confidence that a text is small talk."""
    known = (one for one in alone.candidates if one.intent in edition.entries)
    return sum(one.confidence for one in known if edition.entries[one.intent].small_talk)


def turns_to_another(text: str, best: Candidate, last: str) -> bool:
    """Whether a text turns to another topic that is clear alone."""
    return best.intent != last and best.confidence >= _CLEAR and bool(_CONTRAST.search(search_form(text).strip()))


def may_follow(text: str) -> bool:
    """Whether a text has words, and is short enough to be a follow-up."""
    short = len(HAN.findall(text)) <= _LONGEST_HAN and len(text.split()) <= _LONGEST_WORDS
    return short and len(text) <= LONGEST and bool(words_of(text)) and not _GIBBERISH.search(text)


def stays(text: str, readings: Readings, last: LastAnswer) -> float:
    """The probability that a text asks for more about the entry that was answered last."""
    weighed = zip(WEIGHTS.values(), features(text, readings, last), strict=True)
    return 1 / (1 + math.exp(-sum(weight * value for weight, value in weighed)))


def in_context(text: str, readings: Readings, last: LastAnswer, edition: Edition) -> Understanding:
    """The best reading of a follow-up: the entry last answered, a third that both readings in context mean, or the text
    alone. In doubt between the last entry and another, neither is sure enough to be answered."""
    alone, limit = readings.alone, edition.thresholds_of(readings.alone.engine).answer_for
    probability = stays(text, readings, last)
    third = agreed(readings, last.entry)
    best = alone.candidates[0]
    if best.intent != last.entry and best.confidence >= limit(best.intent) and probability < _SURELY_STAYS:
        return alone
    if third.confidence >= _AGREED and probability < _THIRD and third.intent in edition.entries:
        return _with_best(alone, replace(third, confidence=max(third.confidence, limit(third.intent))))
    if probability >= STAYS:
        return _with_best(alone, Candidate(last.entry, max(probability, limit(last.entry))))
    if alone.candidates[0].intent == last.entry:
        return alone
    likely = [one for one in alone.candidates if one.intent != last.entry]
    if probability >= _MAY_STAY:
        likely = [replace(one, confidence=min(one.confidence, limit(one.intent) - _BELOW)) for one in likely]
    again = Candidate(last.entry, min(probability, limit(last.entry) - _BELOW))  # to be offered
    return replace(alone, candidates=tuple(sorted((*likely, again), key=lambda one: -one.confidence)))


def agreed(readings: Readings, last: str) -> Candidate:
    """The other entry that a text means both after the title and after the words, with the lesser confidence."""
    others = [one.intent for one in readings.after_title.candidates if one.intent != last]
    both = (
        Candidate(entry, min(confidence_in(readings.after_title, entry), confidence_in(readings.after_words, entry)))
        for entry in others
    )
    return max(both, key=lambda one: one.confidence, default=Candidate("", 0.0))


def _with_best(alone: Understanding, best: Candidate) -> Understanding:
    return replace(alone, candidates=(best, *(one for one in alone.candidates if one.intent != best.intent)))
