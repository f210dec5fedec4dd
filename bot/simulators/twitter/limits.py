"""What limits an app's requests: rate limits and credits; and the log of its requests.

Rate limits: 15-minute and 24-hour windows, per user and per app (docs.x.com x-api/fundamentals/rate-limits). A window
begins with its first request; a refused request is not counted.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from bot.domain.messages import DAY
from bot.ports.channels import Clock

QUARTER_HOUR = 900  # seconds


@dataclass(frozen=True, slots=True)
class Rule:
    """The number of requests that an endpoint allows; 0 is no limit."""

    user: int = 0  # of one user in 15 minutes
    app: int = 0  # with the bearer token, in 15 minutes
    user_day: int = 0  # of one user in 24 hours
    app_day: int = 0  # of all users of the app in 24 hours


@dataclass(slots=True)
class Window:
    """Requests of one user or app in a period."""

    limit: int
    seconds: int
    began: float = -math.inf  # Unix time
    used: int = 0

    def headers(self, prefix: str) -> dict[str, str]:
        return {
            f"{prefix}-limit": str(self.limit),
            f"{prefix}-remaining": str(self.limit - self.used),
            f"{prefix}-reset": str(math.ceil(self.began + self.seconds)),
        }


class Limits:
    """Counts the requests of one app."""

    def __init__(self, clock: Clock) -> None:
        self.rules: dict[str, Rule] = {}  # by endpoint, in place of the documented ones; tests set them
        self._clock = clock
        self._windows: dict[tuple[str, str, int], Window] = {}

    def take(self, endpoint: str, rule: Rule, user: str | None) -> tuple[bool, dict[str, str]]:
        """Count a request of a user, or of the app itself (None). Returns whether it is allowed, and the headers.

        The 24-hour headers are not documented, but X sends them (node-twitter-api-v2 #495, #553).
        """
        rule, who = self.rules.get(endpoint, rule), user or "app"
        limits = {
            "x-rate-limit": (who, rule.user if user else rule.app, QUARTER_HOUR),
            "x-user-limit-24hour": (who, rule.user_day if user else 0, DAY),
            "x-app-limit-24hour": ("app", rule.app_day, DAY),
        }
        windows = {prefix: self._window(endpoint, *limit) for prefix, limit in limits.items() if limit[1]}
        allowed = not any(window.used >= window.limit for window in windows.values())
        headers: dict[str, str] = {}
        for prefix, window in windows.items():
            window.used += allowed
            headers |= window.headers(prefix)
        return allowed, headers

    def _window(self, endpoint: str, who: str, limit: int, seconds: int) -> Window:
        """The current window, which may have begun now."""
        window = self._windows.setdefault((endpoint, who, seconds), Window(limit, seconds))
        window.limit = limit
        if self._clock.now() >= window.began + seconds:
            window.began, window.used = self._clock.now(), 0
        return window


# Prices in dollars, August 2026 (docs.x.com "Pricing"). Which price a requested reply with a link has is not
# documented; here it is that of the link.
POST_READ = Decimal("0.005")
OWNED_READ = Decimal("0.001")
MESSAGE_READ = Decimal("0.010")
USER_READ = Decimal("0.010")
POST = Decimal("0.015")
POST_WITH_LINK = Decimal("0.200")
SUMMONED_REPLY = Decimal("0.010")
MESSAGE = Decimal("0.015")


class Credits:
    """The app's credits in dollars, bought up front. Failed requests cost nothing."""

    def __init__(self, clock: Clock) -> None:
        self.left: Decimal | None = None  # unlimited
        self.spent = Decimal(0)
        self._clock = clock
        self._day = -1  # UTC, in days since 1970
        self._read: set[str] = set()  # ids charged on that day

    @property
    def empty(self) -> bool:
        return self.left is not None and self.left <= 0

    def pay(self, price: Decimal) -> None:
        self.spent += price
        if self.left is not None:
            self.left -= price

    def pay_for_reading(self, ids: Iterable[str], price: Decimal) -> None:
        """Pay `price` for each id that was not read before on this UTC day."""
        today = int(self._clock.now()) // DAY
        if today != self._day:
            self._day, self._read = today, set()
        new = set(ids) - self._read
        self._read |= new
        self.pay(price * len(new))


@dataclass(frozen=True, slots=True)
class Call:
    """A request in either direction, without its content."""

    at: float  # Unix time
    way: Literal["api", "push", "crc"]  # to the API, an event to a webhook, a challenge to a webhook
    what: str  # endpoint or event
    outcome: str
    took: float = 0.0  # milliseconds


class RequestLog:
    """Counts requests for tests and benches. calls: the last ones."""

    def __init__(self, calls: deque[Call]) -> None:
        self.requests: Counter[str] = Counter()  # by endpoint, like 'GET /2/dm_events'
        self.refused: Counter[str] = Counter()  # those that got 429, by endpoint
        self.statuses: Counter[int] = Counter()
        self.calls = calls

    def count(self, endpoint: str, status: int) -> None:
        self.requests[endpoint] += 1
        self.statuses[status] += 1
        self.refused[endpoint] += status == 429

    def clear(self) -> None:
        """Forget all requests, as at the start of a measurement."""
        self.requests.clear()
        self.refused.clear()
        self.statuses.clear()
        self.calls.clear()
