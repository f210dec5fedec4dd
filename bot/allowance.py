"""What clients of a platform ask the record before they call it, and what they tell it afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from bot.messages import Instant

SENDING = "sending"  # a halt of every way of sending, but not of looking


@dataclass(frozen=True, slots=True)
class Window:
    """A limit as documented: `most` requests in `seconds`. holder: whose limit it is, an account's or an app's."""

    holder: str
    window: str
    most: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """Permission for one request. price: millionths of a dollar, against `budget` for the UTC day (None: no end).
    way: how something is sent by it, 'posts' or 'messages' where an account has both; '' for looking."""

    account: str
    windows: tuple[Window, ...] = ()
    price: int = 0
    budget: int | None = None
    way: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """The request may be made and is counted, if `until` is 0; else not before then. why: 'quota', 'budget', or the
    code for which the account is halted. probes: the account is halted, and this one request finds out whether it may
    go on."""

    until: Instant = 0.0
    why: str = ""
    probes: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What the platform said about a window in an answer's headers."""

    holder: str
    window: str
    left: int
    until: Instant


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account fares: why nothing is sent ('' if all is well), the last error, when a look last came through,
    millionths of a dollar spent today."""

    halted: str = ""
    halted_at: Instant = 0.0
    error: str = ""
    error_at: Instant = 0.0
    heard_at: Instant = 0.0
    spent: int = 0
