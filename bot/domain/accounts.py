"""Official accounts: rate limits and budgets of their platforms, and the account's state as leads read it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.messages import Instant

SENDING = "sending"  # a halt of every kind of sending, while polling goes on


@dataclass(frozen=True, slots=True)
class RateLimitWindow:
    """A limit as the platform documents it: `most` requests in `seconds`."""

    holder: str  # whose limit it is: an account's name, or an app's
    window: str
    most: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PermitRequest:
    """Asks for one request to a platform's API."""

    account: str
    windows: tuple[RateLimitWindow, ...] = ()  # all of them must have room
    price: int = 0  # millionths of a dollar
    budget: int | None = None  # millionths of a dollar per UTC day; None for no limit
    way: str = ""  # 'posts' or 'messages' on an account that sends both; '' for polling


@dataclass(frozen=True, slots=True)
class Permit:
    """The answer to a PermitRequest. With `until` 0 the request is counted and may be made."""

    until: Instant = 0.0  # not before then
    why: str = ""  # 'quota', 'budget', or the code for which the account is halted
    probes: bool = False  # the account is halted, and this request finds out whether it still is


@dataclass(frozen=True, slots=True)
class RateLimitReport:
    """What a platform's response headers say about a window."""

    holder: str
    window: str
    left: int  # requests
    until: Instant  # when the window ends


@dataclass(frozen=True, slots=True)
class SendingStatus:
    """Whether an account can send. An Instant of 0 means never."""

    halted: str = ""  # the code for which nothing is sent; '' if nothing is wrong
    halted_at: Instant = 0.0
    error: str = ""  # the last error's code
    error_at: Instant = 0.0
    last_poll_at: Instant = 0.0  # the last poll that succeeded
    spent: int = 0  # millionths of a dollar in this UTC day


@dataclass(frozen=True, slots=True)
class QuotaLeft:
    """A rate limit window that has begun."""

    window: str  # the platform's name for it
    left: int  # requests
    until: Instant
    shared: bool = False  # the app's, which other accounts use too


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """The state of one account. An Instant of 0 means never."""

    account: str
    last_message_at: Instant = 0.0  # the last message of a customer
    last_poll_at: Instant = 0.0  # the last poll that succeeded
    unhandled: int = 0  # messages whose turn has not run yet
    unhandled_since: Instant = 0.0  # arrival of the oldest of them
    outgoing: int = 0  # messages to be sent
    outgoing_since: Instant = 0.0  # since when the oldest of them waits
    waiting: int = 0  # messages that wait until the customer writes
    in_doubt: int = 0  # messages that may have arrived or not: a person decides
    failed: int = 0  # messages that did not arrive: a person decides
    error: str = ""  # the last error's code
    error_at: Instant = 0.0
    halted: str = ""  # the code for which nothing is sent
    halted_at: Instant = 0.0
    spent: int = 0  # millionths of a dollar in this UTC day
    quotas: tuple[QuotaLeft, ...] = ()
