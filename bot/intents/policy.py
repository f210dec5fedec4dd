"""From an understanding to a route: answer, use a skill, ask back, or hand off. Pure.

The thresholds belong to the edition: training chose them so that answers have the configured precision.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice
from typing import TypeAlias

from bot.domain.decisions import Candidate, Turn, Understanding
from bot.domain.messages import Reason
from bot.intents.sayings import says_no, says_yes
from bot.knowledge.editions import Edition
from bot.knowledge.entries import Entry
from bot.knowledge.similarity import same_form
from bot.text.folding import LONGEST, folded

MOST_CHOICES = 3
LEAST_LIKELY = 0.05  # confidence of a choice
ALONE = 0.5  # confidence above which a single choice is offered
MAX_DISSATISFIED = 2  # dissatisfied turns until a person takes over


@dataclass(frozen=True, slots=True)
class SayEntry:
    """Give the entry's answer."""

    entry: str
    confidence: float


@dataclass(frozen=True, slots=True)
class UseSkill:
    """Let a skill answer."""

    skill: str
    entry: str
    confidence: float


@dataclass(frozen=True, slots=True)
class DidYouMean:
    """Ask which of these entries was meant; the likeliest first."""

    choices: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class ToPerson:
    """A person takes over."""

    reason: Reason
    entry: str = ""
    confidence: float | None = None


Route: TypeAlias = SayEntry | UseSkill | DidYouMean | ToPerson
_ORDINALS = {"first": "1", "second": "2", "third": "3", "one": "1", "two": "2", "three": "3"}
_CHOSEN = re.compile(  # matched against `folded` text: half-width, lower case, simplified
    r"(?:我?(?:选择?|要|想要|问的是|是))?第?(?:the )?(?:(?:number|option|no|choice) )?"
    rf"(?P<which>[0-9]|{'|'.join(_ORDINALS)})(?:[个条项种号点]|st|nd|rd)?(?: (?:one|option))?"
)
_ALL_RIGHT = frozenset({"嗯", "好", "好的", "可以", "行", "ok", "okay", "sure"})
_LEAST_NAMED, _MOST_NAMED = 2, 30  # characters of words that name a choice
_SIGNALS = {"anger": Reason.ANGER, "person": Reason.ASKED}


def decide(understanding: Understanding, edition: Edition, turn: Turn) -> Route:
    """The route of a text that a customer wrote to the bot."""
    chosen = chosen_entry(edition, turn)
    if chosen is not None:
        return _route_of_entry(edition.entries[chosen], 1.0, turn)
    known = [one for one in understanding.candidates if one.intent in edition.entries]
    thresholds = edition.thresholds_of(understanding.engine)
    best = known[0] if known and understanding.exact else _best(known, edition, thresholds.ask)
    if best is None:
        return ToPerson(Reason.UNSURE)
    if understanding.exact or best.confidence >= thresholds.answer_for(best.intent):
        return _route_of_entry(edition.entries[best.intent], best.confidence, turn)
    choices = list(islice(_worth_asking(known, edition, edition.day(turn.now)), MOST_CHOICES))
    first = choices[0].confidence if choices else 0.0
    likely = first >= thresholds.ask if len(choices) > 1 else first > ALONE
    answered = any(edition.entries[choice.intent].handoff == "never" for choice in choices)
    # choices that all lead to a person need no question, and one question back is enough
    if likely and answered and not turn.conversation.slots.get("asked"):
        return DidYouMean(tuple(choice.intent for choice in choices), first)
    return ToPerson(Reason.UNSURE, confidence=best.confidence)


def angry(understanding: Understanding, edition: Edition) -> ToPerson:
    """The route of an angry text: a person, after the words of what it is surely about if an editor leaves that to
    people (mouldy tea, say), else after those of the entry for anger."""
    known = [one for one in understanding.candidates if one.intent in edition.entries]
    limit = edition.thresholds_of(understanding.engine).answer_for
    about = [one.intent for one in known[:1] if one.confidence >= limit(one.intent)]
    left_to_people = (intent for intent in about if edition.entries[intent].handoff == "always")
    of_anger = (one.intent for one in known if edition.entries[one.intent].signal == "anger")
    entry = next(chain(left_to_people, of_anger), "")
    return ToPerson(Reason.ANGER, entry, known[0].confidence if known else None)


def decide_each(parts: Sequence[Understanding], edition: Edition, turn: Turn) -> tuple[Route, ...]:
    """The routes of several questions in one message, some of which the bot may be unsure of.

    () if it is sure of none, one is small talk or wants a person, or two have the same entry: the message is understood
    as a whole then.
    """
    routes = tuple(decide(part, edition, turn) for part in parts)
    sure = [route.entry for route in routes if isinstance(route, SayEntry | UseSkill)]
    serious = all(not edition.entries[entry].small_talk for entry in sure)
    called = any(isinstance(route, ToPerson) and route.reason is not Reason.UNSURE for route in routes)
    return routes if sure and serious and not called and len(set(sure)) == len(sure) else ()


def _route_of_entry(entry: Entry, confidence: float, turn: Turn) -> Route:
    """The route of an entry that was meant for sure."""
    if entry.signal in _SIGNALS or entry.handoff == "always":
        return ToPerson(_SIGNALS.get(entry.signal, Reason.ALWAYS), entry.id, confidence)
    if entry.signal == "dissatisfied" and dissatisfied(turn) >= MAX_DISSATISFIED:
        return ToPerson(Reason.DISSATISFIED, entry.id, confidence)
    return UseSkill(entry.skill, entry.id, confidence) if entry.skill else SayEntry(entry.id, confidence)


def dissatisfied(turn: Turn) -> int:
    """The number of dissatisfied turns in this conversation, including this one."""
    return int(turn.conversation.slots.get("dissatisfied", 0)) + 1


def _best(known: Sequence[Candidate], edition: Edition, ask: float) -> Candidate | None:
    """The likeliest candidate. Small talk only if no other reaches `ask`: "hello, where is my parcel"."""
    serious = [one for one in known if not edition.entries[one.intent].small_talk]
    if serious and serious[0].confidence >= ask:
        return serious[0]
    return known[0] if known else None


def _worth_asking(known: Sequence[Candidate], edition: Edition, today: date) -> Iterator[Candidate]:
    """The candidates that may be offered, the likeliest first: no small talk, no anger, and valid today."""
    for one in known:
        entry = edition.entries[one.intent]
        serious = not entry.small_talk and not entry.signal
        if one.confidence >= LEAST_LIKELY and serious and entry.valid_on(today):
            yield one


def chosen_entry(edition: Edition, turn: Turn) -> str | None:
    """The entry that the text picks from the choices offered before: by its number, its title or words of it, or with
    "yes" the first; else None."""
    choices = [choice for choice in turn.conversation.slots.get("choices", ()) if choice in edition.entries]
    if not choices or len(text := folded(turn.message.text)) > LONGEST:
        return None
    if says_yes(turn.message.text) or (len(choices) == 1 and text in _ALL_RIGHT):
        return str(choices[0])
    chosen, form = _CHOSEN.fullmatch(text), same_form(text)
    for number, choice in enumerate(choices, 1):
        titles = {same_form(folded(edition.title(choice, language))) for language in ("zh", "en")}
        if (chosen and str(number) == _ORDINALS.get(chosen["which"], chosen["which"])) or form in titles:
            return str(choice)
    named = [choice for choice in choices if _names(form, choice, edition)]
    return str(named[0]) if len(named) == 1 else None


def _names(form: str, choice: str, edition: Edition) -> bool:
    """Whether a short text has words of the choice's title, or the title and little else."""
    if not _LEAST_NAMED <= len(form) <= _MOST_NAMED:
        return False
    titles = [same_form(folded(edition.title(choice, language))) for language in ("zh", "en")]
    return any(form in title or (title in form and len(form) <= len(title) + _LEAST_NAMED * 2) for title in titles)


def refuses_choices(turn: Turn) -> bool:
    """Whether the customer says that none of the choices offered before is meant."""
    return bool(turn.conversation.slots.get("choices")) and says_no(turn.message.text)
