"""What an engine understands of a message, and what the bot decides: frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, TypeAlias

from bot.domain.messages import Audience, Author, Conversation, Instant, Reason, StoredMessage

WITH_AGENT = "with_agent"  # why the bot is quiet while an agent has the conversation
OPTED_OUT = "opted_out"  # the entry of the message that confirms an opt-out
URGENT = 1  # priority of a case that is taken before ordinary ones, which have 0; the desk tags it


@dataclass(frozen=True, slots=True)
class Utterance:
    """A text for an engine to understand."""

    text: str  # at most 200 characters
    language: str  # 'zh' or 'en'
    edition: int  # number of the edition whose intents it is ranked by
    previous_intent: str = ""  # of the last answer in the conversation, for follow-ups


@dataclass(frozen=True, slots=True)
class Candidate:
    """An intent that the customer may have meant."""

    intent: str
    confidence: float  # calibrated probability, 0 to 1


@dataclass(frozen=True, slots=True)
class Understanding:
    """An engine's ranking of intents."""

    candidates: tuple[Candidate, ...] = ()  # best first
    exact: bool = False  # the text is an example of the first, apart from width, case, script and punctuation
    engine: str = "semantic"


@dataclass(frozen=True, slots=True)
class Effect:
    """An action on another system, done once after the turn is committed, by the outbox row's id as idempotency key."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A write in the transaction of the turn itself: verify an identity, count an attempt, erase a customer."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def has_change(changes: Sequence[Change], *names: str) -> bool:
    """Whether one of the changes has one of these names."""
    return any(change.name in names for change in changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What every decision can do besides saying something."""

    effects: tuple[Effect, ...] = ()
    changes: tuple[Change, ...] = ()
    # Replace the conversation's slots. Without any, a Quiet decision leaves them as they are.
    slots: Mapping[str, Any] = field(default_factory=dict)
    prompt_in: float = 0.0  # seconds after which the bot speaks first if the customer writes nothing; 0: never


@dataclass(frozen=True, slots=True)
class Answer(Consequences):
    """Say something."""

    text: str
    entry: str = ""  # the knowledge base's entry that it comes from
    confidence: float | None = None
    audience: Audience = Audience.ANYONE
    author: Author = Author.BOT
    more_entries: tuple[str, ...] = ()  # the further entries of an answer to several questions
    variants: tuple[str, ...] = ()  # other wordings of `text`, for platforms that forbid repeating one


@dataclass(frozen=True, slots=True)
class Ask(Consequences):
    """Ask back."""

    text: str
    entry: str = ""
    confidence: float | None = None
    choices: tuple[str, ...] = ()  # intents of "did you mean"; () for a skill's question
    audience: Audience = Audience.ANYONE


@dataclass(frozen=True, slots=True)
class HandOff(Consequences):
    """Open a case for a person."""

    reason: Reason
    entry: str = ""
    confidence: float | None = None
    detail: str = ""  # a code for the desk, never customer text
    priority: int = 0
    text: str = ""  # an editor's words, said before the desk's own


@dataclass(frozen=True, slots=True)
class Quiet(Consequences):
    """Say nothing."""

    why: str  # a code


Decision: TypeAlias = Answer | Ask | HandOff | Quiet


@dataclass(frozen=True, slots=True)
class Trace:
    """What the bot understood and decided in one turn. Stored, and shown on the desk."""

    edition: int
    language: str
    candidates: tuple[Candidate, ...]  # the best three
    decision: str  # name of the decision's class
    entry: str = ""
    reason: str = ""
    detail: str = ""
    exact: bool = False
    choices: tuple[str, ...] = ()  # the entries it asked back about
    picked: bool = False  # the customer chose `entry` from what was offered in the turn before


class EditionWords(Protocol):
    """The phrases of an edition (`knowledge.editions.Edition`), as skills use them."""

    @property
    def number(self) -> int: ...

    def phrase(self, name: str, language: str, /, **values: str | int) -> str:
        """A phrase with its placeholders filled. Raises TypeError if `values` are not what the phrase declares."""
        ...

    def phrase_if_any(self, name: str, language: str, /, **values: str | int) -> str:
        """Like `phrase`, for a phrase that an edition may lack; '' then."""
        ...

    def day(self, now: Instant) -> date:
        """The date in the deployment's time zone."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything that a decision depends on.

    It has the edition itself and not its number, so that the words and the recorded number are of one edition even if
    another becomes active while a skill waits.
    """

    message: StoredMessage
    conversation: Conversation
    understanding: Understanding
    language: str
    edition: EditionWords
    now: Instant
