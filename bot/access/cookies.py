"""Cookies by which a browser is recognised, and the signed tokens in them.

Other hosts of our domain, and an attacker on the network while a browser uses plain http, can set cookies for our host.
Browsers accept a name with the prefix __Host- only from our own host over https (RFC 6265bis, 4.1.3.2), so over https
only such names are read. Over http, on a developer's machine, there is no such protection.

A token identifies a browser by a random handle; the server stores nothing:

    v1.<handle>.<time of issue, hex>.<HMAC-SHA256 of subject, handle and time of issue>

The subject (the account of a web chat, or a login) is part of the signed text: a token is valid for one subject only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from starlette.requests import HTTPConnection
from starlette.responses import Response

from bot.domain.messages import DAY, Instant
from bot.errors import Refused


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie that scripts cannot read."""

    name: str  # without the prefix __Host-
    samesite: Literal["lax", "strict"] = "strict"
    path: str = "/"  # over http; a __Host- cookie always has the path /

    def read(self, request: HTTPConnection) -> str:
        """The value the browser sent; '' for none."""
        return request.cookies.get(self._full_name(request), "")

    def set(self, request: HTTPConnection, response: Response, value: str, seconds: float) -> None:
        response.set_cookie(
            self._full_name(request),
            value,
            max_age=int(seconds),
            path="/" if _is_https(request) else self.path,
            httponly=True,
            samesite=self.samesite,
            secure=_is_https(request),
        )

    def delete(self, request: HTTPConnection, response: Response) -> None:
        # Browsers delete a __Host- cookie only if the new one has the same attributes, so `set` sends them all.
        self.set(request, response, "", 0)

    def _full_name(self, request: HTTPConnection) -> str:
        return f"__Host-{self.name}" if _is_https(request) else self.name


def _is_https(request: HTTPConnection) -> bool:
    """Whether the browser uses https, as seen here or as reported by a trusted proxy."""
    return str(request.scope["scheme"]) == "https"


RENEW_AFTER = 7 * DAY  # a token in use is replaced so seldom that most requests set no cookie
CLOCK_SKEW = 300.0  # seconds by which the clocks of two of our machines may differ
_TOKEN = re.compile(r"v1\.([A-Za-z0-9_-]{22})\.([0-9a-f]{1,12})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class BrowserToken:
    """A handle with the token that proves it."""

    handle: str  # 128 random bits, base64url
    token: str
    fresh: bool  # the token is new: the browser must store it


def bearer(authorization: str) -> str:
    """The token in an Authorization header (RFC 6750, section 2.1); '' if there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class BrowserTokens:
    """Issues and verifies the tokens of one subject.

    secret: the deployment's secret. purpose: what the key is derived for, so that keys for other purposes differ.
    days: how long a token is valid.
    """

    def __init__(self, purpose: str, subject: str, secret: str, days: int, now: Callable[[], Instant]) -> None:
        self._subject = subject
        self._key = hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).digest()
        self._lasts = days * DAY
        self._now = now

    def verify(self, token: str) -> str:
        """The handle of a valid token. Raises Refused: 403 `token` for a forged token, 403 `expired` for an old one."""
        handle, issued = self._parse(token)
        if self._now() - issued > self._lasts:
            raise Refused(403, "expired")
        return handle

    def renew(self, token: str) -> BrowserToken:
        """The handle with a young token; for '' and an expired token a new handle. Raises Refused for a forged one."""
        if not token:
            return self._issue(secrets.token_urlsafe(16))
        handle, issued = self._parse(token)
        age = self._now() - issued
        if age > self._lasts:
            return self._issue(secrets.token_urlsafe(16))
        return self._issue(handle) if age > RENEW_AFTER else BrowserToken(handle, token, fresh=False)

    def _issue(self, handle: str) -> BrowserToken:
        issued = f"{int(self._now()):x}"
        return BrowserToken(handle, f"v1.{handle}.{issued}.{self._signature(handle, issued)}", fresh=True)

    def _parse(self, token: str) -> tuple[str, Instant]:
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise Refused(403, "token")
        handle, issued, signature = parts.groups()
        at = float(int(issued, 16))
        if not hmac.compare_digest(signature, self._signature(handle, issued)) or at > self._now() + CLOCK_SKEW:
            raise Refused(403, "token")
        return handle, at

    def _signature(self, handle: str, issued: str) -> str:
        signed = hmac.new(self._key, f"{self._subject}\n{handle}\n{issued}".encode(), hashlib.sha256).digest()
        return urlsafe_b64encode(signed).rstrip(b"=").decode()
