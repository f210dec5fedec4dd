"""The desk: cases, in the list and in full, staff, and the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from bot.domain.decisions import Trace
from bot.domain.messages import Author, Conversation, Customer, Instant, Kind, OutboxState, Reason, TranscriptLine

MOST_LINES = 10_000  # open cases in one answer


class Role(StrEnum):
    """Agents answer; leads also move other agents' cases; editors write content; admins may do everything."""

    AGENT = "agent"
    LEAD = "lead"
    EDITOR = "editor"
    ADMIN = "admin"


class CaseState(StrEnum):
    WAITING = "waiting"  # open, in the queue
    CLAIMED = "claimed"  # open, with an agent
    RESOLVED = "resolved"
    RETURNED = "returned"  # handed back to the bot
    WITHDRAWN = "withdrawn"  # ended because the customer was erased


@dataclass(frozen=True, slots=True)
class StaffMember:
    id: str
    login: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Session:
    """A login to the desk."""

    staff: StaffMember
    csrf: str  # the token that every change must carry
    until: Instant  # when the session ends


# A type, so that mypy refuses an action without a text: each has one in `cli.audit.actions` of bot/locale.
AuditAction: TypeAlias = Literal[
    "logged_in",
    "logged_out",
    "login_failed",
    "refused",
    "added",
    "disabled",
    "sessions_ended",
    "password_given",
    "password_changed",
    "made_agent",
    "made_lead",
    "made_editor",
    "made_admin",
    "read",
    "claimed",
    "released",
    "resolved",
    "returned_to_bot",
    "replied",
    "noted",
    "corrected",
    "resent",
    "left",
    "exported",
    "erased",
    "anonymised",
]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An action that was done or tried."""

    at: Instant
    staff: str  # an id; 'console' for a command on this machine, '' for a visitor who is not logged in
    action: AuditAction
    about: str = ""  # the id of what it was done to, or a code
    times: int = 1  # more than 1 for repeated actions with a single entry
    login: str = ""  # of the member of staff, to show


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case in the list."""

    id: str
    conversation_id: str
    customer: Customer
    account: str
    channel: str
    public: bool
    reason: Reason
    state: CaseState
    opened_at: Instant
    waiting_since: Instant = 0.0  # 0: the customer waits for nothing
    priority: int = 0  # higher ones are taken first
    agent: str | None = None  # who has it, by id
    agent_name: str = ""
    prefer: str | None = None  # the agent who should take it first, by id
    said: str = ""  # the newest line of the conversation, with its author and kind
    said_by: Author = Author.CUSTOMER
    said_kind: Kind = Kind.TEXT
    ended_at: Instant = 0.0  # 0: the case is open


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """An agent's first answer in a case."""

    waited: float  # seconds since the case opened
    place: int  # of the case in the queue when it opened, from 1


@dataclass(frozen=True, slots=True)
class QueueState:
    """What a customer's wait is estimated from."""

    place: int  # in the queue, from 1
    answers: tuple[FirstAnswer, ...] = ()  # of the last hour, newest first


@dataclass(frozen=True, slots=True)
class OverdueCase:
    """A case that waits for longer than its customer was told."""

    id: str
    conversation: Conversation
    queue: QueueState


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """Numbers of open cases."""

    waiting: int
    mine: int  # the reader's own
    open: int  # all of them


@dataclass(frozen=True, slots=True)
class CaseSearch:
    """A word by which open cases are searched, and the codes of everything whose label on the desk contains it."""

    text: str  # as typed
    accounts: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    entries: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()  # by id
    public: bool = False  # whether the label "public" contains it
    urgent: bool = False  # whether the label "urgent" contains it


@dataclass(frozen=True, slots=True)
class OutgoingPart:
    """An outbox row of a line; a long text has several. Only people send IN_DOUBT and FAILED ones again."""

    id: str
    message_id: str
    state: OutboxState
    text: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class UndeliveredMessage:
    """A message that may not have arrived (IN_DOUBT, FAILED) in a conversation without an open case. No case would show
    it, so the desk lists these separately."""

    id: str
    conversation: Conversation
    customer: Customer
    text: str
    author: Author
    state: OutboxState
    at: Instant  # when it got into this state
    error: str = ""


@dataclass(frozen=True, slots=True)
class TurnTrace:
    """What the bot understood of one message and did with it."""

    message_id: str
    conversation_id: str
    at: Instant
    trace: Trace


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """A step in the history of a case."""

    at: Instant
    type: str
    actor: str  # a staff id, or the code of a part of Yingda
    conversation_id: str
    data: Mapping[str, str] = field(default_factory=dict)
    entry: str = ""  # the knowledge base's entry that it was about


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case in full, with all conversations of its customer since their first message, in order of time."""

    line: CaseLine
    conversations: tuple[Conversation, ...]
    joined: tuple[str, ...]  # ids of the conversations that belong to this case, the one handed off first
    said: tuple[TranscriptLine, ...]
    outgoing: tuple[OutgoingPart, ...] = ()
    traces: tuple[TurnTrace, ...] = ()
    events: tuple[CaseEvent, ...] = ()
    entry: str = ""
    detail: str = ""
    member_id: str | None = None  # if an identity of these conversations is verified now
    names: Mapping[str, str] = field(default_factory=dict)  # of the staff that appear here, by id


@dataclass(frozen=True, slots=True)
class AgentReply:
    """A reply that an agent writes."""

    text: str
    pieces: tuple[str, ...]  # the text cut to the length of the account's messages
    key: str  # made by the page once per draft: the same key is sent once
    state: OutboxState = OutboxState.PENDING  # WAITING on an account that cannot send by itself
    conversation_id: str = ""  # '': where the customer wrote last
    same_after: float = 0.0  # as in PostingRules, for a reply in public; in private 0


@dataclass(frozen=True, slots=True)
class DemoLeftovers:
    """What demo mode has left in a database; `yingda leave-demo` removes it."""

    ran: bool  # whether the database ran in demo mode since it was last cleared
    logins: tuple[str, ...] = ()  # with the published password
    sessions: int = 0  # numbers of rows
    customers: int = 0
    cases: int = 0

    def __bool__(self) -> bool:
        return self.ran or bool(self.logins)
