"""What the journey hands to the record and gets back: a turn's whole effect, decided before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.decisions import Change, Effect, Trace
from bot.messages import Author, Conversation, Cursor, Heard, Instant, Outbound, OutboxState, Owner, Reason


@dataclass(frozen=True, slots=True)
class Work:
    """A message that is ours to handle, with the conversation as it stood when we took its lease. ahead: how many
    earlier replies are still to be sent, and had better travel with this one's."""

    conversation: Conversation
    message: Heard
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of an arrival. attempt: 1 for the first delivery, counting the platform's repeats. held: the
    conversation's lease is ours now, else its holder does the work. work: the message itself, if nothing older waits.
    """

    message_id: str
    conversation_id: str
    attempt: int = 1
    held: bool = False
    work: Work | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One outgoing text of a turn. here=False: into the private conversation of the same identity; asked_first: there
    it waits until the customer has written privately."""

    text: str
    author: Author = Author.BOT
    entry: str = ""
    confidence: float | None = None
    state: OutboxState = OutboxState.PENDING
    here: bool = True
    asked_first: bool = False


@dataclass(frozen=True, slots=True)
class Posting:
    """What a turn says in public: it is void if the account said the same there in the last `same_after` seconds."""

    text: str
    same_after: float


@dataclass(frozen=True, slots=True)
class NewCase:
    """waits: the customer waits for somebody."""

    reason: Reason
    priority: int = 0
    detail: str = ""
    entry: str = ""
    prefer: str | None = None
    waits: bool = True


def silences(changes: Sequence[Change]) -> bool:
    """Whether the customer is not to be spoken to by a machine any more."""
    return any(change.name == "silence" for change in changes)


@dataclass(frozen=True, slots=True)
class Happened:
    """One event to be appended: ids and codes, never text."""

    type: str
    actor: str
    edition: int = 0
    entry: str = ""
    confidence: float | None = None
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TurnCommit:
    """A turn as it is to be written, if `conversation` is still at its version.

    by_bot: also demands that nobody but the bot owns it. owner: who owns it afterwards. joins: the case of a sister
    conversation to join. fetched: waiting outbox rows that travel with the first reply. body: the response's bytes,
    kept so that a repeat of the request gets the same. releases: what waited until the customer wrote goes out now.
    """

    conversation: Conversation
    message: Heard
    owner: Owner
    by_bot: bool
    trace: Trace
    replies: tuple[Reply, ...] = ()
    slots: Mapping[str, Any] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    changes: tuple[Change, ...] = ()
    events: tuple[Happened, ...] = ()
    case: NewCase | None = None
    joins: str | None = None
    fetched: tuple[str, ...] = ()
    body: bytes | None = None
    still_waiting_said: bool = False
    releases: bool = False
    posting: Posting | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """won: the turn is written. outbox: ids of its rows in order. next: more work for the holder: a message that came
    meanwhile or, where the turn was lost, the same one again. queued: an earlier reply is just being sent, so this one
    follows it by the outbox, and the response only acknowledges."""

    won: bool
    outbox: tuple[str, ...] = ()
    next: Work | None = None
    queued: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """The fate of an outbox row. body: the bytes kept of an offered one. retry_at: not before then. tried: False if it
    was only put off."""

    id: str
    state: OutboxState
    body: bytes | None = None
    error: str = ""
    retry_at: Instant = 0.0
    platform_id: str = ""
    text: str = ""
    tried: bool = True


@dataclass(frozen=True, slots=True)
class Parcel:
    """A reply that waits to be fetched."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Due:
    """An outbox row to be carried out now: a message to send, or an effect."""

    id: str
    conversation: Conversation
    attempts: int
    message: Outbound | None = None
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A cursor as it was read, and where it goes."""

    cursor: Cursor
    value: str


@dataclass(frozen=True, slots=True)
class CodeKept:
    """A one-time code as the record keeps it. member_id None: sent to nobody, for an unknown member."""

    id: str
    member_id: str | None
    hash: str
    attempts: int
    until: Instant
