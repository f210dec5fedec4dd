"""What people work with: cases, as a line in the list and as a whole, and the staff. Frozen, without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.decisions import Trace
from bot.messages import Author, Conversation, Customer, Instant, Kind, OutboxState, Reason, Said

MOST_LINES = 10_000  # open cases of one question


class Role(StrEnum):
    """What a member of staff may do: agents answer, leads also move other people's cases, editors write content,
    admins may do everything."""

    AGENT = "agent"
    LEAD = "lead"
    EDITOR = "editor"
    ADMIN = "admin"


class CaseState(StrEnum):
    """WAITING and CLAIMED are open. RETURNED went back to the bot; WITHDRAWN ended without anybody's doing."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    RESOLVED = "resolved"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class StaffMember:
    id: str
    login: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody logged in. `csrf` must come back with every change; `until` is when the session ends."""

    staff: StaffMember
    csrf: str
    until: Instant


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did or tried, for whoever has to answer for it. staff: an id, 'console' for whoever types commands
    on this machine, '' for a stranger; `login` as people read it, where there is one. about: the id of what it was done
    to, or a code. times: how often, if it was noted once for many."""

    at: Instant
    staff: str
    action: str
    about: str = ""
    times: int = 1
    login: str = ""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case as it stands in the list. `waiting_since` 0: the customer waits for nothing.

    agent: who has it, by id, with `agent_name` as people read it. prefer: who should take it first. `said`, `said_by`
    and `said_kind` are the newest line that was said. `ended_at` 0: the case is open.
    """

    id: str
    conversation_id: str
    customer: Customer
    account: str
    channel: str
    public: bool
    reason: Reason
    state: CaseState
    opened_at: Instant
    waiting_since: Instant = 0.0
    priority: int = 0
    agent: str | None = None
    agent_name: str = ""
    prefer: str | None = None
    said: str = ""
    said_by: Author = Author.CUSTOMER
    said_kind: Kind = Kind.TEXT
    ended_at: Instant = 0.0


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """How many cases are open: those that wait, those that the reader has, and all of them."""

    waiting: int
    mine: int
    open: int


@dataclass(frozen=True, slots=True)
class Sought:
    """A word by which open cases are looked for: as typed, and the codes of everything whose shown label holds it.

    members: by id; public, urgent: whether those two labels hold it.
    """

    text: str
    accounts: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    entries: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    public: bool = False
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One outbox row of a line: a long text travels in several. Only people send IN_DOUBT and FAILED ones again."""

    id: str
    message_id: str
    state: OutboxState
    text: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Stray:
    """A message that may not have arrived (IN_DOUBT, FAILED) in a conversation that is nobody's open case: without
    a list of their own, nobody would come across it. `at`: when it got into this state."""

    id: str
    conversation: Conversation
    customer: Customer
    text: str
    author: Author
    state: OutboxState
    at: Instant
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
    """One step of people's work in the history. `actor` is a staff id, or the code of a part of Yingda. entry: the one
    that it was about, if any."""

    at: Instant
    type: str
    actor: str
    conversation_id: str
    data: Mapping[str, str] = field(default_factory=dict)
    entry: str = ""


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with everything said since the first message in every conversation of its customer, in order of time.

    joined: ids of the conversations that belong to this case, the one handed over first. member_id: who the customer
    is, if one of these conversations' identities is verified now. names: what people call the staff that appear here,
    by id.
    """

    line: CaseLine
    conversations: tuple[Conversation, ...]
    joined: tuple[str, ...]
    said: tuple[Said, ...]
    outgoing: tuple[Outgoing, ...] = ()
    traces: tuple[TurnTrace, ...] = ()
    events: tuple[CaseEvent, ...] = ()
    entry: str = ""
    detail: str = ""
    member_id: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AgentReply:
    """What an agent answers. `key` is made by the page once per draft: the same key is said once.

    pieces: the text cut to what the account can send at once. state: PENDING, or WAITING on accounts that cannot send
    by themselves. conversation_id '': where the customer spoke last. same_after: as in Manners, if it is
    said in public.
    """

    text: str
    pieces: tuple[str, ...]
    key: str
    state: OutboxState = OutboxState.PENDING
    conversation_id: str = ""
    same_after: float = 0.0
