"""By what a browser is known again: a random handle in a signed token that it keeps. Nothing is stored here.

    v1.<handle>.<issued at, hex>.<HMAC-SHA256 of subject, handle and issued at>

The subject, a web chat's account or a login, is part of what is signed, so a token for one opens nothing of another.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import Refused
from bot.messages import Instant

DAY = 86_400.0
RENEW_AFTER = 7 * DAY
SKEW = 300.0  # seconds by which the clocks of two of our machines may differ
_TOKEN = re.compile(r"v1\.([A-Za-z0-9_-]{22})\.([0-9a-f]{1,12})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Pass:
    """A handle with the token that proves it. fresh: the browser has to keep this one from now on."""

    handle: str
    token: str
    fresh: bool


class Passes:
    """Those of one subject. `secret` is the deployment's; the key is derived for a purpose, so nothing else fits it."""

    def __init__(self, purpose: str, subject: str, secret: str, days: int, now: Callable[[], Instant]) -> None:
        self._subject = subject
        self._key = hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).digest()
        self._lasts = days * DAY
        self._now = now

    def who(self, token: str) -> str:
        """The handle that `token` proves. Raises Refused: 403, `token` if it is not ours, `expired` if too old."""
        handle, issued = self._proved(token)
        if self._now() - issued > self._lasts:
            raise Refused(403, "expired")
        return handle

    def welcome(self, token: str) -> Pass:
        """The same handle with a token that is young, or with '' or an expired token a new one. Raises Refused."""
        if not token:
            return self._admit(secrets.token_urlsafe(16))
        handle, issued = self._proved(token)
        age = self._now() - issued
        if age > self._lasts:
            return self._admit(secrets.token_urlsafe(16))
        return self._admit(handle) if age > RENEW_AFTER else Pass(handle, token, fresh=False)

    def _admit(self, handle: str) -> Pass:
        issued = f"{int(self._now()):x}"
        return Pass(handle, f"v1.{handle}.{issued}.{self._seal(handle, issued)}", fresh=True)

    def _proved(self, token: str) -> tuple[str, Instant]:
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise Refused(403, "token")
        handle, issued, seal = parts.groups()
        at = float(int(issued, 16))
        if not hmac.compare_digest(seal, self._seal(handle, issued)) or at > self._now() + SKEW:
            raise Refused(403, "token")
        return handle, at

    def _seal(self, handle: str, issued: str) -> str:
        signed = hmac.new(self._key, f"{self._subject}\n{handle}\n{issued}".encode(), hashlib.sha256).digest()
        return urlsafe_b64encode(signed).rstrip(b"=").decode()
