"""What the member system knows: members, their points, and what they redeem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.messages import Instant


@dataclass(frozen=True, slots=True)
class MemberKey:
    """How a customer says who they are: a member number or a phone number, as typed and normalised."""

    value: str


@dataclass(frozen=True, slots=True)
class Member:
    id: str
    number: str
    name: str
    phone: str
    tier: str


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of a member's points. `what` by language ('zh', 'en')."""

    at: Instant
    points: int
    what: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Points:
    """balance in points; expiring: how many lapse at `expiring_at` (None: none do); newest movements first."""

    balance: int
    tier: str
    expiring: int = 0
    expiring_at: Instant | None = None
    movements: tuple[Movement, ...] = ()


@dataclass(frozen=True, slots=True)
class Redemption:
    id: str
    gift: str
    points: int
    left: int
