"""What the journey passes to the database and gets back. A turn is composed as a whole before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.domain.decisions import Change, Effect, Trace, has_change
from bot.domain.messages import (
    Author,
    Conversation,
    Cursor,
    Instant,
    Outbound,
    OutboxState,
    Owner,
    Reason,
    StoredMessage,
)


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message to handle, and its conversation as it was when we took the lease."""

    conversation: Conversation
    message: StoredMessage
    replies_ahead: int = 0  # earlier replies that are still to be sent, and should travel with this one's


@dataclass(frozen=True, slots=True)
class Accepted:
    """The receipt of an arrival."""

    message_id: str
    conversation_id: str
    attempt: int = 1  # which delivery by the platform this was
    lease_held: bool = False  # the conversation's lease is ours now; else its holder handles the message
    claimed: ClaimedMessage | None = None  # the message itself, if the lease is ours and nothing older waits


@dataclass(frozen=True, slots=True)
class Reply:
    """One outgoing text of a turn."""

    text: str
    author: Author = Author.BOT
    entry: str = ""
    confidence: float | None = None
    state: OutboxState = OutboxState.PENDING
    same_thread: bool = True  # False: into the private conversation of the same identity
    asked_first: bool = False  # in the private conversation it waits until the customer has written there


@dataclass(frozen=True, slots=True)
class PublicPostGuard:
    """Voids the turn if the account posted the same text in public shortly before. Checked when the turn is written,
    because two turns may have chosen the same wording at the same time."""

    text: str
    same_after: float  # seconds


@dataclass(frozen=True, slots=True)
class NewCase:
    reason: Reason
    priority: int = 0
    detail: str = ""
    entry: str = ""
    prefer: str | None = None  # the member of staff who should take it first, by id
    waits: bool = True  # False for what was only overheard: its author expects nothing
    place: int = 0  # in the queue, from 1; 0 for what was only overheard
    promised_until: Instant = 0.0  # when the wait that the customer was told ends; 0: none was told


def cancels_unsaid(changes: Sequence[Change]) -> bool:
    """Whether what bot and system have not sent yet must not be said any more."""
    return has_change(changes, "forget", "erase", "silence", "unlink")


@dataclass(frozen=True, slots=True)
class Event:
    """One line for the event log: ids and codes, never text."""

    type: str
    actor: str
    edition: int = 0
    entry: str = ""
    confidence: float | None = None
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TurnCommit:
    """A turn to be written in one transaction, if `conversation` is still at its version; else none of it is."""

    conversation: Conversation
    message: StoredMessage
    owner: Owner  # of the conversation afterwards
    by_bot: bool  # void also if an agent owns the conversation by now
    trace: Trace
    replies: tuple[Reply, ...] = ()
    slots: Mapping[str, Any] = field(default_factory=dict)
    prompt_in: float = 0.0  # seconds until the bot speaks first; 0: it does not
    effects: tuple[Effect, ...] = ()
    changes: tuple[Change, ...] = ()
    events: tuple[Event, ...] = ()
    case: NewCase | None = None
    joins_case: str | None = None  # id of the case of another conversation of this customer
    fetched: tuple[str, ...] = ()  # ids of waiting outbox rows that travel with the first reply
    body: bytes | None = None  # the response's bytes, kept so that a repeat of the request gets the same
    still_waiting_said: bool = False
    releases_waiting: bool = False  # what waited until the customer wrote goes out now
    post_guard: PublicPostGuard | None = None


def leaves_work(commit: TurnCommit) -> bool:
    """Whether the turn puts rows into the outbox that are due at once."""
    return bool(commit.effects) or any(reply.state is OutboxState.PENDING for reply in commit.replies)


def alters_a_case(commit: TurnCommit) -> bool:
    """Whether the turn changes something that the desk shows."""
    return bool(commit.case or commit.joins_case or commit.conversation.case_id)


@dataclass(frozen=True, slots=True)
class Committed:
    """The outcome of a commit."""

    won: bool  # the turn is written
    outbox: tuple[str, ...] = ()  # ids of its rows in order
    next: ClaimedMessage | None = None  # a message that came meanwhile; where the turn was lost, the same one again
    queued: bool = False  # an earlier reply is being sent, so this one follows by the outbox; the response acknowledges


@dataclass(frozen=True, slots=True)
class Delivered:
    """The new state of an outbox row."""

    id: str
    state: OutboxState
    body: bytes | None = None  # as a response carried it
    error: str = ""
    retry_at: Instant = 0.0  # not before then
    platform_id: str = ""
    text: str = ""
    attempted: bool = True  # False if it was postponed before it reached the platform


@dataclass(frozen=True, slots=True)
class QueuedReply:
    """A reply that waits until the customer fetches it."""

    id: str
    text: str
    by_staff: bool = False


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """An outbox row to be carried out now: a message to send, or an effect to run."""

    id: str
    conversation: Conversation
    attempts: int
    message: Outbound | None = None
    effect: Effect | None = None
    confirms_opt_out: bool = False  # the one machine message that is sent after an opt-out


@dataclass(frozen=True, slots=True)
class CursorUpdate:
    """A poll's cursor as it was read, and the value to move it to."""

    cursor: Cursor
    value: str


@dataclass(frozen=True, slots=True)
class CodeKept:
    """A one-time code as the database keeps it."""

    id: str
    member_id: str | None  # None: for an unknown member, and never sent
    hash: str
    attempts: int
    until: Instant
