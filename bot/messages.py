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
    """What a message is. `OUTCOME` is what an effect came back with; it is said by nobody and answered by its skill.
    `OVERHEARD` was said about us and not to us. `WITHDRAWN` says that its author has deleted what has the same key; it
    is no message of its own."""

    TEXT = "text"
    IMAGE = "image"
    VOICE = "voice"
    VIDEO = "video"
    FILE = "file"
    LOCATION = "location"
    LINK = "link"
    CLICK = "click"
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    EVENT = "event"
    UNSUPPORTED = "unsupported"
    OUTCOME = "outcome"
    NOTE = "note"
    OVERHEARD = "overheard"
    WITHDRAWN = "withdrawn"


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
    OVERHEARD = "overheard"


class OutboxState(StrEnum):
    """Where an outgoing message stands. WAITING: the account can't send by itself, or not now; the customer gets it
    when they next write.
    LEFT: it may not have arrived, and a person has decided to leave it at that."""

    OFFERED = "offered"
    PENDING = "pending"
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LEFT = "left"


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

    `thread` names a public thread; '' is the private talk, 'overheard' what somebody says about us. `at` is the
    platform's own time. `data` holds small platform facts (event key, coordinates, platform ids). `version`: of a post
    that was edited, the more the later; 0 for what stands as it was first written.
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
    version: int = 0


@dataclass(frozen=True, slots=True)
class Messages:
    """What a request brought. answerable: the platform shows the customer what the response says; False means that
    replies go by the API alone."""

    inbounds: tuple[Inbound, ...]
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message as it leaves. `id` is the outbox row's and the idempotency key. `thread` '' is the private talk.

    answers: in a public thread, the facts (`Inbound.data`) of the message it is a reply to. last_error: the code with
    which an earlier attempt ended.
    """

    id: str
    account: str
    handle: str
    thread: str
    text: str
    author: Author = Author.BOT
    signature: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    platform_id: str = ""


@dataclass(frozen=True, slots=True)
class Manners:
    """What a platform expects of a polite account beyond lengths.

    link: where a customer can begin to write to us privately. privacy_policy: an address to be named when a private
    talk begins; '' where nobody asks for it. asked_first: we write privately only to those who wrote privately before.
    same_after: for so many seconds nothing is said in public that was said there in the same words.
    """

    link: str = ""
    privacy_policy: str = ""
    asked_first: bool = False
    same_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account can say in a conversation now.

    length: most units in one message, counted in `unit` ('bytes', 'characters' or X's 'weighted'). active: the account
    can send by itself, not only answer. window_until, left: when the reply window shuts and how many messages are left
    in it; None where the platform knows no such limit.
    """

    length: int
    unit: str = "bytes"
    public: bool = False
    active: bool = True
    window_until: Instant | None = None
    left: int | None = None
    manners: Manners = Manners()


NOWHERE = Limits(2_000, "characters", active=False, left=0)
"""Of an account that is configured no longer: what was said stands in the record, and nothing can be sent."""


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str = ""
    member_id: str | None = None
    case_id: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """One handle of a customer on one account. Verified while `verified_until` lies ahead. silenced_at: when they told
    us to stop; 0 if they never did, or have written again."""

    id: str
    customer_id: str
    account: str
    handle: str
    member_id: str | None = None
    verified_until: Instant = 0.0
    silenced_at: Instant = 0.0


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a poll of an account has come. `value` is the poll's own; '' before the first."""

    account: str
    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Polled:
    """What a look brought, oldest first; `value` is the cursor's next. wait: seconds until the next look. problem: a
    code if it failed."""

    inbounds: tuple[Inbound, ...]
    value: str
    wait: float
    problem: str = ""


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

    @property
    def overheard(self) -> bool:
        """Whether its customer speaks about us and not to us here: nothing is ever said to them."""
        return self.thread == Kind.OVERHEARD.value


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
    """A line of a conversation as people read it on the desk. data: who it is and how many read them, of an
    overheard one."""

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
    data: Mapping[str, str] = field(default_factory=dict)
