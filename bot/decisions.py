"""From what was understood to what is decided: frozen dataclasses without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bot.messages import Audience, Author, Conversation, Heard, Instant, Reason


@dataclass(frozen=True, slots=True)
class Utterance:
    """What an engine is asked. `text` is at most 200 characters; `previous_intent` lets a follow-up lean on it."""

    text: str
    language: str
    edition: int
    previous_intent: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An intent and the calibrated probability (0 to 1) that it is what the customer meant."""

    intent: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Understanding:
    """Ranked intents, best first. `exact`: the text is, but for its dress, an example of the first. `engine`: whose."""

    candidates: tuple[Candidate, ...] = ()
    exact: bool = False
    engine: str = "semantic"


@dataclass(frozen=True, slots=True)
class Effect:
    """Something to be done outside after the turn is committed, once, under the outbox row's id as idempotency key."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """Something to be written in the record with the turn itself (verify an identity, count an attempt, forget)."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """Say something. `entry` is what an editor wrote it in, and `also` where it answers several questions at once.
    `slots` replace the conversation's. variants: other wordings that say the same, for where `text` may not be said
    again so soon."""

    text: str
    entry: str = ""
    confidence: float | None = None
    audience: Audience = Audience.ANYONE
    author: Author = Author.BOT
    slots: Mapping[str, Any] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    changes: tuple[Change, ...] = ()
    also: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask back: did you mean one of `choices` (intents), or a skill's question."""

    text: str
    entry: str = ""
    confidence: float | None = None
    choices: tuple[str, ...] = ()
    audience: Audience = Audience.ANYONE
    slots: Mapping[str, Any] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class HandOff:
    """A person takes it from here. `detail` is a code for the desk, never customer text. `text`: an editor's words
    that are said first."""

    reason: Reason
    entry: str = ""
    confidence: float | None = None
    detail: str = ""
    priority: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Quiet:
    """The bot says nothing. `why` is a code. `changes` are still made."""

    why: str
    changes: tuple[Change, ...] = ()


Decision: TypeAlias = Answer | Ask | HandOff | Quiet


@dataclass(frozen=True, slots=True)
class Trace:
    """What the bot understood and did in one turn; stands on the desk beside the case. choices: the entries it asked
    back about. picked: the customer chose `entry` from what was offered in the turn before."""

    edition: int
    language: str
    candidates: tuple[Candidate, ...]
    decision: str
    entry: str = ""
    reason: str = ""
    detail: str = ""
    exact: bool = False
    choices: tuple[str, ...] = ()
    picked: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """All that a decision may look at: one message, the conversation as read, what was understood, the time."""

    message: Heard
    conversation: Conversation
    understanding: Understanding
    language: str
    edition: int
    now: Instant
