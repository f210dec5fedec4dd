"""Messages, conversations and customers: frozen dataclasses.

Ids are strings made by the process, sorted by time (`bot.text.new_id`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from bot.text import BYTES, CHARACTERS, Unit

# Seconds since the epoch, UTC. A float, because times are compared and added for every message; pages show them in the
# deployment's time zone.
Instant: TypeAlias = float

DAY = 86_400  # seconds


class Kind(StrEnum):
    """What a message is."""

    TEXT = "text"
    IMAGE = "image"
    VOICE = "voice"
    VIDEO = "video"
    FILE = "file"
    LOCATION = "location"
    LINK = "link"
    CLICK = "click"  # on a menu; `text` is the menu item's key
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    EVENT = "event"
    UNSUPPORTED = "unsupported"
    OUTCOME = "outcome"  # of an effect: a message to its skill, not from the customer
    PROMPT = "prompt"  # from the sweeper: it is time for the bot to speak first, the customer has written nothing
    NOTE = "note"  # written by staff for staff
    OVERHEARD = "overheard"  # a post about the brand that does not address it
    WITHDRAWN = "withdrawn"  # its author has deleted the message with the same dedup key; not a message itself


# Kinds by which a customer says nothing to us.
SILENT = frozenset({Kind.EVENT, Kind.OUTCOME, Kind.PROMPT, Kind.UNFOLLOW, Kind.OVERHEARD})
INTERNAL = (Kind.OUTCOME, Kind.PROMPT)  # written by Yingda itself to itself: nobody reads them


class Author(StrEnum):
    CUSTOMER = "customer"
    BOT = "bot"
    AGENT = "agent"
    SYSTEM = "system"


MACHINES = (Author.BOT, Author.SYSTEM)  # their messages wait for the customer where a person's would fail


class Owner(StrEnum):
    """Who may speak in a conversation."""

    BOT = "bot"
    QUEUE = "queue"
    AGENT = "agent"
    CLOSED = "closed"


PERSONS = (Owner.QUEUE, Owner.AGENT)  # owners in whose conversations a case is open


class Audience(StrEnum):
    """Who may read a reply. PRIVATE is never posted in a public thread."""

    ANYONE = "anyone"
    PRIVATE = "private"


class Reason(StrEnum):
    """Why a case was opened."""

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
    """The state of an outgoing message."""

    OFFERED = "offered"  # in a response whose writing is not confirmed yet
    PENDING = "pending"  # to be sent by the API
    WAITING = "waiting"  # until the customer writes: the account cannot send by itself, or not now
    SENDING = "sending"
    SENT = "sent"
    IN_DOUBT = "in_doubt"  # it may have arrived: only a person sends it again
    FAILED = "failed"
    CANCELLED = "cancelled"
    LEFT = "left"  # it may not have arrived, and a person decided not to send it again


@dataclass(frozen=True, slots=True)
class RawRequest:
    """An HTTP request."""

    method: str
    query: Mapping[str, str]  # the last of repeated parameters
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    received_at: Instant


@dataclass(frozen=True, slots=True)
class RawResponse:
    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Handshake:
    """A request by which a platform verifies the address, with the response to it."""

    response: RawResponse


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, file, place or other content that is not text."""

    reference: str  # the platform's id or address of it
    format: str = ""
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message as it arrives."""

    account: str
    handle: str  # the platform's id of the customer
    dedup_key: str  # unique on the account
    kind: Kind
    text: str = ""
    media: Media | None = None
    at: Instant = 0.0  # the platform's own time
    thread: str = ""  # a public thread's id; '': the private conversation; 'overheard': posts that do not address us
    data: Mapping[str, str] = field(default_factory=dict)  # small facts: event key, coordinates, platform ids
    version: int = 0  # of an edited post, growing; 0 if it was never edited


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages in a request."""

    inbounds: tuple[Inbound, ...]
    answerable: bool = True  # the platform shows the response to the customer; False: replies go by the API alone


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message to send."""

    id: str  # of the outbox row; the idempotency key
    account: str
    handle: str
    thread: str  # '': the private conversation
    text: str
    author: Author = Author.BOT
    signature: str = ""
    in_reply_to: Mapping[str, str] = field(
        default_factory=dict
    )  # in public: `Inbound.data` of the message it replies to
    last_error: str = ""  # the code of the last failed attempt


@dataclass(frozen=True, slots=True)
class Sent:
    platform_id: str = ""


@dataclass(frozen=True, slots=True)
class PostingRules:
    """A platform's rules for what an account writes, besides lengths."""

    link: str = ""  # where a customer can begin a private conversation; '' if there is no such page
    privacy_policy: str = ""  # URL to name when a private conversation begins; '': not required
    asked_first: bool = False  # write privately only to customers who have written privately before
    same_after: float = 0.0  # seconds until the same text may be posted in public again; 0: at once


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account can send in a conversation now."""

    length: int  # of one message at most, in `unit`
    unit: Unit = BYTES
    public: bool = False
    active: bool = True  # the account can send by itself; False: only in the response to a message
    window_until: Instant | None = None  # when the reply window closes; None without a window
    left: int | None = None  # messages left in the window; None without a limit
    attempts: int = 1  # how often the platform delivers a message that gets no response
    fetch_word: str = ""  # what customers write to get waiting replies; '': the next message brings them anyway
    posting_rules: PostingRules = PostingRules()


# Of an account that is no longer configured: its conversations can be read, and nothing can be sent.
NOWHERE = Limits(2_000, CHARACTERS, active=False, left=0)


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str = ""
    member_id: str | None = None
    case_id: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """A customer's handle on one account."""

    id: str
    customer_id: str
    account: str
    handle: str
    member_id: str | None = None
    verified_until: Instant = 0.0  # until then it is proved to be the member's
    silenced_at: Instant = 0.0  # when they opted out; 0 if they never did, or have written again


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a poll of an account has come."""

    account: str
    name: str  # of the poll
    value: str = ""  # the poll's own format; '' before the first


@dataclass(frozen=True, slots=True)
class PollResult:
    """What a poll brought."""

    inbounds: tuple[Inbound, ...]  # oldest first
    value: str  # the cursor's next value
    wait: float  # seconds until the next poll
    problem: str = ""  # a code if it failed


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread between one identity and the brand, as read at one version."""

    id: str
    account: str
    channel: str
    identity: Identity
    thread: str = ""
    owner: Owner = Owner.BOT
    agent: str | None = None
    case_id: str | None = None
    customer_case: str | None = None  # the customer's open case in a private conversation, maybe another one
    customer_case_claimed: bool = False  # an agent has it
    version: int = 0  # grows with each write; a turn is void if it has changed
    handled_seq: int = 0  # of the last message whose turn is committed
    inbound_seq: int = 0  # of the last message accepted
    slots: Mapping[str, Any] = field(default_factory=dict)
    heard_at: Instant = 0.0  # the last arrival that opened the reply window
    heard_kind: Kind = Kind.TEXT
    sent_in_window: int = 0  # messages sent by the API since `heard_at`
    waiting: int = 0  # outbox rows that wait until the customer writes
    resolved_at: Instant = 0.0
    resolved_by: str | None = None
    still_waiting_said: bool = False

    @property
    def public(self) -> bool:
        return bool(self.thread)

    @property
    def overheard(self) -> bool:
        """Whether its author writes about the brand and not to it: nothing is ever sent to them."""
        return self.thread == Kind.OVERHEARD.value

    @property
    def joins(self) -> bool:
        """Whether it joins the open case of another private conversation of the same customer."""
        return bool(self.customer_case) and not self.case_id and not self.public

    @property
    def with_agent(self) -> bool:
        """Whether an agent has it, or the case that it joins: the bot is quiet."""
        return self.owner is Owner.AGENT or (self.joins and self.customer_case_claimed)

    @property
    def in_queue(self) -> bool:
        """Whether its case, or the one that it joins, waits for an agent: the bot answers what it is sure of."""
        return self.owner is Owner.QUEUE or (self.joins and not self.customer_case_claimed)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """An inbound message as stored."""

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
class TranscriptLine:
    """A line of a conversation as the desk shows it."""

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
    data: Mapping[str, str] = field(default_factory=dict)  # of an overheard post: its author and their followers


MAILBOX_TOPIC = "webchat"  # topic of live events: the `mailbox_address` that has something new to read


def mailbox_address(account: str, handle: str) -> str:
    return f"{account} {handle}"


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A line of a private conversation as its customer reads it."""

    seq: int
    author: Author
    text: str
    at: Instant
    key: str = ""  # the dedup key of the customer's own line


@dataclass(frozen=True, slots=True)
class ChatHistory:
    """What a web chat shows, in order."""

    lines: tuple[ChatLine, ...] = ()
    owner: Owner = Owner.BOT
    thinking: bool = False  # a message of the customer has no turn yet
    more: bool = False  # there are further lines
