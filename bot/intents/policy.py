"""From what was understood to what is done about it. Pure; the thresholds are the edition's promise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from bot.decisions import Candidate, Turn, Understanding
from bot.folding import LONGEST, folded
from bot.knowledge.editions import Edition
from bot.knowledge.entries import Entry
from bot.knowledge.sameness import same_form
from bot.messages import Reason

MOST_CHOICES = 3
PATIENCE = 2  # dissatisfied turns until a person takes over


@dataclass(frozen=True, slots=True)
class Say:
    """Give the entry's answer."""

    entry: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Use:
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
class Over:
    """A person takes over."""

    reason: Reason
    entry: str = ""
    confidence: float | None = None


Route: TypeAlias = Say | Use | DidYouMean | Over
_ORDINALS = {"first": "1", "second": "2", "third": "3", "one": "1", "two": "2", "three": "3"}
_CHOSEN = re.compile(  # as `folded` leaves it
    r"(?:我?(?:选择?|要|想要|问的是|是))?第?(?:the )?(?:(?:number|option|no|choice) )?"
    rf"(?P<which>[0-9]|{'|'.join(_ORDINALS)})(?:[个条项种号点]|st|nd|rd)?(?: (?:one|option))?"
)
_SIGNALS = {"anger": Reason.ANGER, "person": Reason.ASKED}


def decide(understanding: Understanding, edition: Edition, turn: Turn) -> Route:
    """What to do about a text that a customer wrote to the bot."""
    chosen = picked(edition, turn)
    if chosen is not None:
        return _follow(edition.entries[chosen], 1.0, turn)
    known = [one for one in understanding.candidates if one.intent in edition.entries]
    thresholds = edition.thresholds_of(understanding.engine)
    best = known[0] if known and understanding.exact else _best(known, edition, thresholds.ask)
    if best is None:
        return Over(Reason.UNSURE)
    if understanding.exact or best.confidence >= thresholds.answer_for(best.intent):
        return _follow(edition.entries[best.intent], best.confidence, turn)
    if best.confidence >= thresholds.ask and edition.entries[best.intent].signal == "anger":
        return Over(Reason.ANGER, confidence=best.confidence)  # probably: a person, and soon, but no apology yet
    choices = tuple(_worth_asking(known, edition, thresholds.ask, edition.day(turn.now)))
    answered = any(edition.entries[choice].handoff == "never" for choice in choices)
    if answered and not turn.conversation.slots.get("asked"):  # what only leads to a person need not be asked
        return DidYouMean(choices, best.confidence)
    return Over(Reason.UNSURE, confidence=best.confidence)


def decide_each(parts: Sequence[Understanding], edition: Edition, turn: Turn) -> tuple[Say | Use, ...]:
    """What to answer to several questions in one message: an entry each, if every one is sure and they differ; else
    nothing, and the message is taken as a whole."""
    routes = [decide(part, edition, turn) for part in parts]
    sure = tuple(route for route in routes if isinstance(route, Say | Use))
    serious = all(not edition.entries[route.entry].small_talk for route in sure)
    different = len({route.entry for route in sure}) == len(routes)
    return sure if len(sure) > 1 and different and serious else ()


def _follow(entry: Entry, confidence: float, turn: Turn) -> Route:
    """What an entry leads to once it is the one that was meant."""
    if entry.signal in _SIGNALS or entry.handoff == "always":
        return Over(_SIGNALS.get(entry.signal, Reason.ALWAYS), entry.id, confidence)
    if entry.signal == "dissatisfied" and dissatisfied(turn) >= PATIENCE:
        return Over(Reason.DISSATISFIED, entry.id, confidence)
    return Use(entry.skill, entry.id, confidence) if entry.skill else Say(entry.id, confidence)


def dissatisfied(turn: Turn) -> int:
    """How many dissatisfied turns there have been, this one counted."""
    return int(turn.conversation.slots.get("dissatisfied", 0)) + 1


def _best(known: Sequence[Candidate], edition: Edition, ask: float) -> Candidate | None:
    """The likeliest; small talk only where nothing else comes into question, from the confidence `ask` on."""
    serious = [one for one in known if not edition.entries[one.intent].small_talk]
    if serious and serious[0].confidence >= ask:
        return serious[0]
    return known[0] if known else None


def _worth_asking(known: Sequence[Candidate], edition: Edition, ask: float, today: date) -> Iterator[str]:
    """At most three entries that may have been meant, and that hold today."""
    likely = (one.intent for one in known if one.confidence >= ask and edition.entries[one.intent].valid_on(today))
    serious = [intent for intent in likely if not edition.entries[intent].small_talk]
    yield from serious[:MOST_CHOICES]


def picked(edition: Edition, turn: Turn) -> str | None:
    """The entry picked from what was offered, by its number or title."""
    choices = [choice for choice in turn.conversation.slots.get("choices", ()) if choice in edition.entries]
    said = folded(turn.message.text)
    if not choices or len(said) > LONGEST:
        return None
    chosen, form = _CHOSEN.fullmatch(said), same_form(said)
    for number, choice in enumerate(choices, 1):
        titles = {same_form(folded(edition.title(choice, language))) for language in ("zh", "en")}
        if (chosen and str(number) == _ORDINALS.get(chosen["which"], chosen["which"])) or form in titles:
            return str(choice)
    return None
