"""What travels through Yingda: frozen dataclasses without behaviour.

Times are seconds since the epoch (UTC) as floats: they are compared and added on the hot path, and shown in the
deployment's time zone only on pages. Ids are strings made by the process (see `bot.wording.new_id`), in order of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

Instant: TypeAlias = float
NOTHING: Mapping[str, Any] = {}


class Kind(StrEnum):
    """What a message is. `OUTCOME` is what an effect came back with; it is said by nobody and answered by its skill."""

    TEXT = "text"
    IMAGE = "image"
    VOICE = "voice"
    VIDEO = "video"
    LOCATION = "location"
    LINK = "link"
    CLICK = "click"
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    EVENT = "event"
    UNSUPPORTED = "unsupported"
    OUTCOME = "outcome"
    NOTE = "note"


class Author(StrEnum):
    CUSTOMER = "customer"
    BOT = "bot"
    AGENT = "agent"
    SYSTEM = "system"


class Owner(StrEnum):
    """Who may speak in a conversation."""

    BOT = "bot"
    QUEUE = "queue"
    AGENT = "agent"
    CLOSED = "closed"


class Audience(StrEnum):
    """Who may read a reply. PRIVATE never goes into a public thread."""

    ANYONE = "anyone"
    PRIVATE = "private"


class Reason(StrEnum):
    """Why a person is asked."""

    UNSURE = "unsure"
    ASKED = "asked"
    ALWAYS = "always"
    ANGER = "anger"
    DISSATISFIED = "dissatisfied"
    FAILED = "failed"
    REOPENED = "reopened"
    MEDIA = "media"


class OutboxState(StrEnum):
    """Where an outgoing message stands. WAITING: the account can't send by itself; the customer will fetch it."""

    OFFERED = "offered"
    PENDING = "pending"
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RawRequest:
    """An HTTP request as bytes and dicts; header names in lower case; the last value wins in `query`."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    received_at: Instant


@dataclass(frozen=True, slots=True)
class RawResponse:
    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Handshake:
    """The platform only wants to know that we are we."""

    response: RawResponse


@dataclass(frozen=True, slots=True)
class Media:
    """A reference to something that is not text: the platform's id or address, and what is known of it."""

    reference: str
    format: str = ""
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message as it arrives. `dedup_key` is unique on the account.

    `thread` names a public thread; '' is the private talk. `at` is the platform's own time. `data`
    holds small platform facts (event key, coordinates, platform ids).
    """

    account: str
    handle: str
    dedup_key: str
    kind: Kind
    text: str = ""
    media: Media | None = None
    at: Instant = 0.0
    thread: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Messages:
    inbounds: tuple[Inbound, ...]


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message as it leaves. `id` is the outbox row's and the idempotency key. `thread` '' is the private talk."""

    id: str
    account: str
    handle: str
    thread: str
    text: str
    author: Author = Author.BOT
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    platform_id: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account can say in a conversation now.

    length: most units in one message, counted in `unit` ('bytes' or 'characters'). active: the account can send by
    itself, not only answer. window_until, left: when the reply window shuts and how many messages are left in it;
    None where the platform knows no such limit.
    """

    length: int
    unit: str = "bytes"
    public: bool = False
    active: bool = True
    window_until: Instant | None = None
    left: int | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str = ""
    member_id: str | None = None
    case_id: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """One handle of a customer on one account. Verified while `verified_until` lies ahead."""

    id: str
    customer_id: str
    account: str
    handle: str
    member_id: str | None = None
    verified_until: Instant = 0.0


@dataclass(frozen=True, slots=True)
class Conversation:
    """The thread between one identity and the brand, as read at one version.

    customer_case: the open case of this customer that people hold in another private conversation, if any.
    waiting: how many outbox rows wait to be fetched. sent_in_window: messages sent by ourselves since `heard_at`.
    """

    id: str
    account: str
    channel: str
    identity: Identity
    thread: str = ""
    owner: Owner = Owner.BOT
    agent: str | None = None
    case_id: str | None = None
    customer_case: str | None = None
    version: int = 0
    handled_seq: int = 0
    inbound_seq: int = 0
    slots: Mapping[str, Any] = field(default_factory=dict)
    heard_at: Instant = 0.0
    heard_kind: Kind = Kind.TEXT
    sent_in_window: int = 0
    waiting: int = 0
    resolved_at: Instant = 0.0
    resolved_by: str | None = None
    still_waiting_said: bool = False

    @property
    def public(self) -> bool:
        return bool(self.thread)


@dataclass(frozen=True, slots=True)
class Heard:
    """An inbound message once it is in the record."""

    id: str
    conversation_id: str
    seq: int
    dedup_key: str
    kind: Kind
    text: str
    at: Instant
    media: Media | None = None
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """A line of a conversation as people read it on the desk."""

    id: str
    conversation_id: str
    seq: int
    author: Author
    kind: Kind
    text: str
    at: Instant
    by: str = ""
    media: Media | None = None
    entry: str = ""
    edition: int = 0
    confidence: float | None = None
    delivery: OutboxState | None = None
    error: str = ""


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
    """Ranked intents, best first. `exact`: the text is, but for its dress, an example of the first."""

    candidates: tuple[Candidate, ...] = ()
    exact: bool = False


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
    """Say something. `entry` is what an editor wrote it in. `slots` replace the conversation's."""

    text: str
    entry: str = ""
    confidence: float | None = None
    audience: Audience = Audience.ANYONE
    author: Author = Author.BOT
    slots: Mapping[str, Any] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    changes: tuple[Change, ...] = ()


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
    """What the bot understood and did in one turn; stands on the desk beside the case."""

    edition: int
    language: str
    candidates: tuple[Candidate, ...]
    decision: str
    entry: str = ""
    reason: str = ""
    detail: str = ""
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """All that a decision may look at: one message, the conversation as read, what was understood, the time."""

    message: Heard
    conversation: Conversation
    understanding: Understanding
    language: str
    edition: int
    now: Instant
