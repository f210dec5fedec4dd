"""From what was understood to what is done about it. Pure; the thresholds are the edition's promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bot.knowledge.editions import Edition
from bot.knowledge.entries import Entry
from bot.knowledge.sameness import same_form
from bot.messages import Candidate, Reason, Turn, Understanding

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
_SIGNALS = {"anger": Reason.ANGER, "person": Reason.ASKED}


def decide(understanding: Understanding, edition: Edition, turn: Turn) -> Route:
    """What to do about a text that a customer wrote to the bot."""
    chosen = _chosen(edition, turn)
    if chosen is not None:
        return _follow(edition.entries[chosen], 1.0, turn)
    known = [one for one in understanding.candidates if one.intent in edition.entries]
    best = _best(known, edition, understanding.exact)
    if best is None:
        return Over(Reason.UNSURE)
    if understanding.exact or best.confidence >= edition.thresholds.answer_for(best.intent):
        return _follow(edition.entries[best.intent], best.confidence, turn)
    choices = tuple(_worth_asking(known, edition))
    if choices and not turn.conversation.slots.get("asked"):
        return DidYouMean(choices, best.confidence)
    return Over(Reason.UNSURE, confidence=best.confidence)


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


def _best(known: Sequence[Candidate], edition: Edition, exact: bool) -> Candidate | None:
    """The likeliest; small talk only where nothing else comes into question."""
    serious = [one for one in known if not edition.entries[one.intent].small_talk]
    if not known or exact:
        return known[0] if known else None
    if serious and serious[0].confidence >= edition.thresholds.ask:
        return serious[0]
    return known[0]


def _worth_asking(known: Sequence[Candidate], edition: Edition) -> Iterator[str]:
    """At most three entries that may have been meant."""
    likely = (one.intent for one in known if one.confidence >= edition.thresholds.ask)
    serious = [intent for intent in likely if not edition.entries[intent].small_talk]
    yield from serious[:MOST_CHOICES]


def _chosen(edition: Edition, turn: Turn) -> str | None:
    """The entry picked from what was offered, by its number or title."""
    choices = [choice for choice in turn.conversation.slots.get("choices", ()) if choice in edition.entries]
    if not choices:
        return None
    said = same_form(turn.message.text)
    for number, choice in enumerate(choices, 1):
        titles = {same_form(edition.title(choice, language)) for language in ("zh", "en")}
        if said == str(number) or said in titles:
            return str(choice)
    return None
