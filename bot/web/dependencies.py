"""What the pages need from the rest of Yingda. `bot.app.site` fills it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.access.cookies import BrowserTokens
from bot.domain.accounts import SendingStatus
from bot.domain.members import Member, Points
from bot.domain.messages import Conversation, Instant, Limits
from bot.i18n import NO_TEXT, Message
from bot.ports.channels import Clock
from bot.ports.desk import (
    AccountHealthReader,
    AuditTrail,
    CaseActions,
    CaseMessaging,
    CaseQueries,
    StaffDirectory,
    UndeliveredMessages,
)
from bot.ports.realtime import LiveEvents, RateLimiter


async def _no_typing_indicator(_conversation: Conversation) -> None:
    """No-op: no channel has a typing indicator."""


@dataclass(frozen=True, slots=True)
class DeskHours:
    """Whether people are at the desk now."""

    open: bool = True
    until: str = ""  # when they leave or come back, as a reader says it; '' for never
    says: str = ""  # what a customer reads at a handoff while the desk is closed


@dataclass(frozen=True, slots=True)
class DemoFollower:
    """A follower of the demo account, with a simulated phone."""

    name: str
    number: str
    language: str  # 'zh' or 'en': the language of their phone


@dataclass(frozen=True, slots=True)
class DemoInfo:
    """What the demo page and the login page show in demo mode."""

    login: tuple[str, str]  # login and password that the login page offers
    phone: str = ""  # address of the simulated phones; '' for none
    followers: tuple[DemoFollower, ...] = ()


@dataclass(frozen=True, slots=True)
class Branding:
    """The deployment as its staff see it."""

    timezone: str = "Asia/Shanghai"
    language: str = "zh"  # 'zh' or 'en', where a browser asks for neither
    accounts: Mapping[str, str] = field(default_factory=dict)  # labels by account name
    demo: DemoInfo | None = None  # only in demo mode
    hours: Callable[[str, Instant], DeskHours] = lambda _language, _now: DeskHours()
    # The path below which all pages are, '' for none. Links carry it; OuterMiddleware adds it to redirects and cookies.
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class CustomerDesk:
    """What the desk shows of a case's customer. Every language is 'zh' or 'en'."""

    limits: Callable[[Conversation, Instant], Limits]  # what their account can send now
    member: Callable[[str], Awaitable[Member | None]]  # a verified member; raises MemberSystemFailed
    points: Callable[[str], Awaitable[Points]]  # raises MemberSystemFailed
    intent_title: Callable[[str, str], str] = lambda intent, _language: intent  # by intent and language
    tier_name: Callable[[str, str], str] = lambda tier, _language: tier  # by a member's tier and language
    # Shows the customer that a reply is being written; raises DeliveryFailed.
    typing: Callable[[Conversation], Awaitable[None]] = _no_typing_indicator
    explain: Callable[[str], Message] = lambda _code: NO_TEXT  # what a platform's error code means
    entries: Callable[[str], Mapping[str, str]] = lambda _language: {}  # titles of all entries by id, in a language


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """An account, or the gateway for text messages, and whether its platform refuses it."""

    label: str
    sending: SendingStatus


async def _no_statuses(_language: str) -> Sequence[AccountStatus]:
    return ()


@dataclass(frozen=True, slots=True)
class CaseDesk:
    """The cases in the database, by port."""

    queries: CaseQueries
    actions: CaseActions
    messaging: CaseMessaging
    undelivered: UndeliveredMessages


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """What the accounts page shows of an account apart from its health."""

    channel: str
    app: str = ""  # the platform's app whose rate limits it shares; '' for none
    costs: bool = False  # whether its platform charges for calls
    budget: int | None = None  # millionths of a dollar per UTC day; None for no limit


@dataclass(frozen=True, slots=True)
class LoginDeps:
    """What the login and password pages need apart from the staff directory."""

    audit: AuditTrail
    browser_tokens: Callable[[str], BrowserTokens]  # by login: recognises browsers that have logged in with it before
    brand: Sequence[str] = ()  # names that a password may not consist of


@dataclass(frozen=True, slots=True)
class SiteParts:
    """Everything the pages use."""

    cases: CaseDesk
    customer: CustomerDesk
    staff: StaffDirectory
    login: LoginDeps
    live: LiveEvents
    buckets: RateLimiter
    clock: Clock
    health: AccountHealthReader
    accounts: Mapping[str, AccountInfo]  # by account name
    branding: Branding = Branding()
    wake_delivery: Callable[[], None] = lambda: None  # called after a message is queued, so that delivery looks at once
    # By the reader's language, of every account and of the gateway for text messages.
    account_statuses: Callable[[str], Awaitable[Sequence[AccountStatus]]] = _no_statuses
