"""What the pages need from the rest of Yingda, put together by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.allowance import Standing
from bot.membership import Member, Points
from bot.messages import Conversation, Instant, Limits
from bot.passes import Passes
from bot.ports import (
    AuditTrail,
    Buckets,
    CaseBoard,
    CaseTalk,
    CaseWork,
    Clock,
    HealthRoom,
    LiveEvents,
    StaffRoom,
    Strays,
)


async def _unseen(_conversation: Conversation) -> None:
    """Where nothing shows it, nobody sees that somebody writes."""


@dataclass(frozen=True, slots=True)
class DeskHours:
    """Whether people are there. `until`: when they leave, or come back, as people say it; '' if never. `says`: what a
    customer hears who is handed over while nobody is."""

    open: bool = True
    until: str = ""
    says: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A follower with a phone. language: 'zh' or 'en', in which they read theirs."""

    name: str
    number: str
    language: str


@dataclass(frozen=True, slots=True)
class Showcase:
    """The demo's stage, in demo mode: the login it offers, where the simulated phones are ('' for none), and whose."""

    login: tuple[str, str]
    phone: str = ""
    followers: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """The deployment as its staff see it. language: 'zh' or 'en', where a browser asks for neither. accounts: what
    people call an account, by its name. demo: only in demo mode. hours: by the reader's language, now. prefix: the path
    below which all pages are, '' for none; links carry it, redirects and cookies get it on their way out."""

    timezone: str = "Asia/Shanghai"
    language: str = "zh"
    accounts: Mapping[str, str] = field(default_factory=dict)
    demo: Showcase | None = None
    hours: Callable[[str, Instant], DeskHours] = lambda _language, _now: DeskHours()
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class CustomerDesk:
    """What the desk asks about the customer in front of it.

    limits: what their account can send now. member, points: of a verified member; both raise MemberSystemFailed.
    intent_title: how people call an intent, by intent and language. tier_name: the same for a member's tier. typing:
    lets the customer see that somebody writes; raises DeliveryFailed. trouble: why a message was not sent, by the
    platform's code and the reader's language; '' if nobody knows it. entries: what people call every entry there is, by
    its id, in a language.
    """

    limits: Callable[[Conversation, Instant], Limits]
    member: Callable[[str], Awaitable[Member | None]]
    points: Callable[[str], Awaitable[Points]]
    intent_title: Callable[[str, str], str] = lambda intent, _language: intent
    tier_name: Callable[[str, str], str] = lambda tier, _language: tier
    typing: Callable[[Conversation], Awaitable[None]] = _unseen
    trouble: Callable[[str, str], str] = lambda _code, _language: ""
    entries: Callable[[str], Mapping[str, str]] = lambda _language: {}


@dataclass(frozen=True, slots=True)
class Fare:
    """How one account fares with its platform. explain: a code in plain words, by language."""

    label: str
    standing: Standing
    explain: Callable[[str, str], str]


async def _no_fares() -> Sequence[Fare]:
    return ()


@dataclass(frozen=True, slots=True)
class CaseDesk:
    """The record's four faces towards the desk."""

    board: CaseBoard
    work: CaseWork
    talk: CaseTalk
    strays: Strays


@dataclass(frozen=True, slots=True)
class AccountPlace:
    """What leads should know of an account beside how it fares. app: whose limits it shares at its platform, '' if it
    has none. costs: its platform wants money; budget: millionths of a dollar for a UTC day, None without end."""

    channel: str
    app: str = ""
    costs: bool = False
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class HealthDesk:
    """accounts: by name. explain: an error's code in the reader's language, '' if nobody knows it."""

    room: HealthRoom
    accounts: Mapping[str, AccountPlace]
    explain: Callable[[str, str], str] = lambda _code, _language: ""


@dataclass(frozen=True, slots=True)
class Door:
    """What letting people in needs beside the staff. passes: by which a browser is known that has logged in with a
    login before, by that login. brand: names that are in no password."""

    audit: AuditTrail
    passes: Callable[[str], Passes]
    brand: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SiteParts:
    """outgoing: called after something was put into the outbox, so that delivery need not wait for its next look.
    fares: how the accounts fare with their platforms."""

    cases: CaseDesk
    customer: CustomerDesk
    staff: StaffRoom
    door: Door
    live: LiveEvents
    buckets: Buckets
    clock: Clock
    health: HealthDesk
    place: Place = Place()
    outgoing: Callable[[], None] = lambda: None
    fares: Callable[[], Awaitable[Sequence[Fare]]] = _no_fares
