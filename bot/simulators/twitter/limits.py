"""How often each endpoint may be asked: 15-minute and 24-hour windows, per user and per app, and their headers.

x-rate-limit-* tell of the 15-minute window. The 24-hour headers are in no documentation but real (node-twitter-api-v2
#495, #553). A window begins with its first request. A refused request is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.ports import Clock

QUARTER = 900
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Rule:
    """How many requests an endpoint allows; 0 is no limit. user, app: per 15 minutes, by who asks; *_day: per day,
    where `app_day` counts what its users do as well."""

    user: int = 0
    app: int = 0
    user_day: int = 0
    app_day: int = 0


@dataclass(slots=True)
class Window:
    """How many requests since when."""

    limit: int
    seconds: int
    began: float = -math.inf
    used: int = 0

    def turn(self, now: float) -> None:
        """A new window if the old one is over."""
        if now >= self.began + self.seconds:
            self.began, self.used = now, 0

    @property
    def full(self) -> bool:
        return self.used >= self.limit

    def headers(self, prefix: str) -> dict[str, str]:
        return {
            f"{prefix}-limit": str(self.limit),
            f"{prefix}-remaining": str(self.limit - self.used),
            f"{prefix}-reset": str(math.ceil(self.began + self.seconds)),
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether a request was let through, and what its headers say."""

    allowed: bool
    headers: Mapping[str, str]


class Limits:
    """Counts the requests of one app. `rules` may be changed while it runs."""

    def __init__(self, clock: Clock) -> None:
        self.rules: dict[str, Rule] = {}
        self._clock = clock
        self._windows: dict[tuple[str, str, int], Window] = {}

    def take(self, endpoint: str, rule: Rule, user: str | None) -> Taken:
        """Count one request of a user, or of the app itself."""
        now = self._clock.now()
        windows = dict(self._of(endpoint, self.rules.get(endpoint, rule), user))
        for window in windows.values():
            window.turn(now)
        allowed = not any(window.full for window in windows.values())
        for window in windows.values():
            window.used += allowed
        headers: dict[str, str] = {}
        for prefix, window in windows.items():
            headers |= window.headers(prefix)
        return Taken(allowed, headers)

    def _of(self, endpoint: str, rule: Rule, user: str | None) -> Iterator[tuple[str, Window]]:
        """The windows a request falls into, by the beginning of their headers."""
        if count := rule.user if user else rule.app:
            yield "x-rate-limit", self._window(endpoint, user or "app", count, QUARTER)
        if user and rule.user_day:
            yield "x-user-limit-24hour", self._window(endpoint, user, rule.user_day, DAY)
        if rule.app_day:
            yield "x-app-limit-24hour", self._window(endpoint, "app", rule.app_day, DAY)

    def _window(self, endpoint: str, who: str, limit: int, seconds: int) -> Window:
        window = self._windows.setdefault((endpoint, who, seconds), Window(limit, seconds))
        window.limit = limit
        return window
