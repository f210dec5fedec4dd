"""Access tokens as /cgi-bin/stable_token gives them.

Asked again, the same token comes back with what is left of its two hours; in its last five minutes a new one comes and
the old lives on until its end. A forced refresh kills the old one; not twice within 30 s (the same comes back), not
over 20 times a day (45009). Rules: api_getstableaccesstoken.
"""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass

from bot.ports import Clock

LIFE = 7200.0
RENEWED_BEFORE_END = 300.0
FORCED_PAUSE = 30.0
FORCED_A_DAY = 20
DAY = 86400.0
INVALID, EXPIRED, MISSING = 40001, 42001, 41001
TOO_OFTEN = 45009


@dataclass(frozen=True, slots=True)
class Token:
    value: str
    until: float


class StableTokens:
    """The tokens of one account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._current: Token | None = None
        self._alive: dict[str, Token] = {}
        self._forced: deque[float] = deque()

    def get(self) -> Token:
        now = self._clock.now()
        if self._current is None or self._current.until - now < RENEWED_BEFORE_END:
            self._current = self._made(now)
        return self._current

    def force(self) -> Token | None:
        """A new token in place of all others; None when the day's are used up."""
        now = self._clock.now()
        while self._forced and self._forced[0] <= now - DAY:
            self._forced.popleft()
        if self._current and self._forced and now - self._forced[-1] < FORCED_PAUSE:
            return self._current
        if len(self._forced) >= FORCED_A_DAY:
            return None
        self._forced.append(now)
        self._alive.clear()
        self._current = self._made(now)
        return self._current

    def revoke(self) -> None:
        """Let every token die at once, as when another system forces a refresh."""
        self._alive.clear()
        self._current = None

    def refusal(self, value: str) -> int:
        """0 for a living token, else WeChat's error code."""
        if not value:
            return MISSING
        token = self._alive.get(value)
        if token is None:
            return INVALID
        return 0 if token.until > self._clock.now() else EXPIRED

    def left(self, token: Token) -> int:
        return int(token.until - self._clock.now())

    def _made(self, now: float) -> Token:
        token = Token(secrets.token_urlsafe(117), now + LIFE)
        self._alive[token.value] = token
        return token
