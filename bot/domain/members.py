"""Members of the brand's loyalty programme, their points, and what they redeem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.messages import Instant


@dataclass(frozen=True, slots=True)
class MemberKey:
    """What a member is looked up by."""

    value: str  # a member number or phone number, normalised (`skills.account_linking.member_key`)


@dataclass(frozen=True, slots=True)
class Member:
    id: str
    number: str
    name: str
    phone: str
    tier: str


@dataclass(frozen=True, slots=True)
class PointsChange:
    """One change of a member's points."""

    at: Instant
    points: int  # negative if they were spent
    what: Mapping[str, str]  # the reason by language, 'zh' and 'en'


@dataclass(frozen=True, slots=True)
class Points:
    balance: int
    tier: str
    expiring: int = 0  # how many expire next
    expiring_at: Instant | None = None  # when; None if none do
    movements: tuple[PointsChange, ...] = ()  # newest first


@dataclass(frozen=True, slots=True)
class Redemption:
    id: str
    gift: str
    points: int
    left: int
