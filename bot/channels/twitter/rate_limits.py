"""X's rate limits of the endpoints we use, and what its answers' headers say about them.

Numbers: docs.x.com, x-api/fundamentals/rate-limits; they apply until an answer states others. The 24-hour headers are
undocumented but real (node-twitter-api-v2 #495, #553).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.accounts import RateLimitReport, RateLimitWindow
from bot.domain.messages import DAY, Instant

QUARTER = 900.0  # seconds
_HEADERS = {"x-rate-limit": "quarter", "x-user-limit-24hour": "user-day", "x-app-limit-24hour": "app-day"}


@dataclass(frozen=True, slots=True)
class ApiEndpoint:
    """One endpoint and its limits; 0 for a limit that X does not have."""

    name: str
    quarter: int  # requests per user in 15 minutes
    user_day: int = 0  # requests per user in 24 hours
    app_day: int = 0  # requests per app in 24 hours
    way: str = ""  # how it sends, 'posts' or 'messages'; '' if it only reads


POSTS = ApiEndpoint("POST /2/tweets", 100, app_day=10_000, way="posts")
MESSAGES = ApiEndpoint("POST /2/dm_conversations", 15, 1_440, 1_440, "messages")
MENTIONS = ApiEndpoint("GET mentions", 300)
EVENTS = ApiEndpoint("GET /2/dm_events", 15)
SEARCH = ApiEndpoint("GET /2/tweets/search/recent", 300)


@dataclass(frozen=True, slots=True)
class LimitHolders:
    """The holders of the limits: the account, and the app, which may serve several accounts."""

    account: str
    app: str

    @classmethod
    def of(cls, account: str, consumer_key: str) -> LimitHolders:
        """The holders of an account. The key is hashed, because holders are stored in the database."""
        return cls(account, f"app:{hashlib.sha256(consumer_key.encode()).hexdigest()[:16]}")

    def windows(self, endpoint: ApiEndpoint) -> tuple[RateLimitWindow, ...]:
        """The limits that a request to the endpoint counts against."""
        several = (
            RateLimitWindow(self.account, f"{endpoint.name} quarter", endpoint.quarter, QUARTER),
            RateLimitWindow(self.account, f"{endpoint.name} user-day", endpoint.user_day, DAY),
            RateLimitWindow(self.app, f"{endpoint.name} app-day", endpoint.app_day, DAY),
        )
        return tuple(one for one in several if one.most)

    def reports(self, endpoint: ApiEndpoint, headers: Mapping[str, str]) -> list[RateLimitReport]:
        """The limits stated in an answer's headers (lower case); missing or malformed ones are left out."""
        found = []
        for prefix, kind in _HEADERS.items():
            left, until = headers.get(f"{prefix}-remaining", ""), headers.get(f"{prefix}-reset", "")
            if _is_count(left) and _is_count(until):
                holder = self.app if kind == "app-day" else self.account
                found.append(RateLimitReport(holder, f"{endpoint.name} {kind}", int(left), float(until)))
        return found

    def exhausted(self, endpoint: ApiEndpoint, headers: Mapping[str, str], now: Instant) -> list[RateLimitReport]:
        """The limits that a 429 states as used up; if it states none, the 15-minute limit from now on."""
        used_up = [one for one in self.reports(endpoint, headers) if one.left == 0 and one.until > now]
        reset = headers.get("x-rate-limit-reset", "")
        until = float(reset) if _is_count(reset) and now < float(reset) <= now + QUARTER + 60 else now + QUARTER
        return used_up or [RateLimitReport(self.account, f"{endpoint.name} quarter", 0, until)]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12
