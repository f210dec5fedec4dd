"""What the pages need from the rest of Yingda, put together by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from bot.membership import Member, Points
from bot.messages import Conversation, Instant, Limits
from bot.ports import Buckets, CaseBoard, CaseTalk, CaseWork, Clock, LiveEvents, StaffRoom


@dataclass(frozen=True, slots=True)
class Place:
    """The deployment as its staff see it. language: 'zh' or 'en', where a browser asks for neither. accounts: what
    people call an account, by its name. demo_login: login and password that the login page may show, in demo mode."""

    timezone: str = "Asia/Shanghai"
    language: str = "zh"
    accounts: Mapping[str, str] = field(default_factory=dict)
    demo_login: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CustomerDesk:
    """What the desk asks about the customer in front of it.

    limits: what their account can send now. member, points: of a verified member; both raise MemberSystemFailed.
    intent_title: how people call an intent, by intent and language. tier_name: the same for a member's tier.
    """

    limits: Callable[[Conversation, Instant], Limits]
    member: Callable[[str], Awaitable[Member | None]]
    points: Callable[[str], Awaitable[Points]]
    intent_title: Callable[[str, str], str] = lambda intent, _language: intent
    tier_name: Callable[[str, str], str] = lambda tier, _language: tier


@dataclass(frozen=True, slots=True)
class CaseDesk:
    """The record's three faces towards the desk."""

    board: CaseBoard
    work: CaseWork
    talk: CaseTalk


@dataclass(frozen=True, slots=True)
class SiteParts:
    """outgoing: called after something was put into the outbox, so that delivery need not wait for its next look."""

    cases: CaseDesk
    customer: CustomerDesk
    staff: StaffRoom
    live: LiveEvents
    buckets: Buckets
    clock: Clock
    place: Place = Place()
    outgoing: Callable[[], None] = lambda: None
