"""What X allows each endpoint we use, and what its answers say about it.

[DOC x-api/fundamentals/rate-limits]. The 24-hour headers are in no documentation but real (node-twitter-api-v2 #495,
#553). Where nothing was heard yet, the documented numbers are kept to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from bot.allowance import Seen, Window
from bot.messages import Instant

QUARTER, DAY = 900.0, 86_400.0
_HEADERS = {"x-rate-limit": "quarter", "x-user-limit-24hour": "user-day", "x-app-limit-24hour": "app-day"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """quarter: requests of a user in 15 minutes; user_day, app_day: in 24 hours, 0 where X has no such limit. way: how
    something is sent by it; '' for looking."""

    name: str
    quarter: int
    user_day: int = 0
    app_day: int = 0
    way: str = ""


POSTS = Endpoint("POST /2/tweets", 100, app_day=10_000, way="posts")
MESSAGES = Endpoint("POST /2/dm_conversations", 15, 1_440, 1_440, "messages")
MENTIONS = Endpoint("GET mentions", 300)
EVENTS = Endpoint("GET /2/dm_events", 15)
SEARCH = Endpoint("GET /2/tweets/search/recent", 300)
ME = Endpoint("GET /2/users/me", 75)


@dataclass(frozen=True, slots=True)
class Holders:
    """Whose limits are used: the account's, and those of the app, which may serve several accounts."""

    account: str
    app: str

    @classmethod
    def of(cls, account: str, consumer_key: str) -> Holders:
        return cls(account, f"app:{hashlib.sha256(consumer_key.encode()).hexdigest()[:16]}")

    def windows(self, endpoint: Endpoint) -> tuple[Window, ...]:
        several = (
            Window(self.account, f"{endpoint.name} quarter", endpoint.quarter, QUARTER),
            Window(self.account, f"{endpoint.name} user-day", endpoint.user_day, DAY),
            Window(self.app, f"{endpoint.name} app-day", endpoint.app_day, DAY),
        )
        return tuple(one for one in several if one.most)

    def seen(self, endpoint: Endpoint, headers: Mapping[str, str]) -> list[Seen]:
        """What the headers of an answer say; what is missing or no number says nothing."""
        found = []
        for prefix, kind in _HEADERS.items():
            left, until = headers.get(f"{prefix}-remaining", ""), headers.get(f"{prefix}-reset", "")
            if _is_count(left) and _is_count(until):
                holder = self.app if kind == "app-day" else self.account
                found.append(Seen(holder, f"{endpoint.name} {kind}", int(left), float(until)))
        return found

    def refused(self, endpoint: Endpoint, headers: Mapping[str, str], now: Instant) -> list[Seen]:
        """What a 429 says: the windows it shows as used up; where it shows none, the quarter is over in 15 minutes."""
        used_up = [one for one in self.seen(endpoint, headers) if one.left == 0 and one.until > now]
        reset = headers.get("x-rate-limit-reset", "")
        until = float(reset) if _is_count(reset) and now < float(reset) <= now + QUARTER + 60 else now + QUARTER
        return used_up or [Seen(self.account, f"{endpoint.name} quarter", 0, until)]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12
