"""Who is asking: OAuth 1.0a user context, verified whole, or the app's bearer token.

Rules: RFC 5849 (signature base string 3.4.1, HMAC-SHA1 3.4.2, nonce and timestamp 3.3); docs.x.com "Creating a
signature". Clients sign for X's own host, so the request is taken for one to api.twitter.com, api.x.com, or here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote

from bot.simulators.twitter.account import SimulatedApp
from bot.simulators.twitter.problems import unauthorized

HOSTS = ("https://api.twitter.com", "https://api.x.com")
FRESH = 300.0
_PARAMETER = re.compile(r'([a-z_]+)="([^"]*)"')
_NEEDED = {"consumer_key", "nonce", "signature", "signature_method", "timestamp", "token"}


@dataclass(frozen=True, slots=True)
class Knock:
    """A request as far as its signature covers it. path: as X knows it; query: as it stood in the address."""

    method: str
    here: str
    path: str
    query: str
    authorization: str


class Doorkeeper:
    """Knows the app's keys. wall: the clock that nonces and timestamps live by, which no test moves."""

    def __init__(self, app: SimulatedApp, wall: Callable[[], float] = time.time) -> None:
        self._app = app
        self._wall = wall
        self._nonces: dict[str, float] = {}

    def recognise(self, knock: Knock) -> str | None:
        """The user id of whoever asks, or None for the app itself. Raises Refusal with 401."""
        kind, _, credentials = knock.authorization.partition(" ")
        if kind.lower() == "bearer" and self._is_the_app(credentials.strip()):
            return None
        if kind.lower() == "oauth":
            return self._signed(knock, credentials)
        raise unauthorized()

    def _is_the_app(self, token: str) -> bool:
        return hmac.compare_digest(unquote(token).encode(), unquote(self._app.bearer_token).encode())

    def _signed(self, knock: Knock, credentials: str) -> str:
        said = {unquote(key): unquote(value) for key, value in _PARAMETER.findall(credentials)}
        given = {key.removeprefix("oauth_"): value for key, value in said.items()}
        app = self._app
        ours = (given.get("consumer_key"), given.get("token")) == (app.consumer_key, app.access_token)
        if not given.keys() >= _NEEDED or not ours or given["signature_method"] != "HMAC-SHA1":
            raise unauthorized()
        if not any(self._right(signed, given["signature"]) for signed in _base_strings(knock, said)):
            raise unauthorized()
        self._once(given["nonce"], given["timestamp"])
        return app.user_id

    def _right(self, base_string: str, signature: str) -> bool:
        key = f"{_quoted(self._app.consumer_secret)}&{_quoted(self._app.access_token_secret)}"
        made = base64.b64encode(hmac.new(key.encode(), base_string.encode(), hashlib.sha1).digest()).decode()
        return hmac.compare_digest(made.encode(), signature.encode())

    def _once(self, nonce: str, timestamp: str) -> None:
        now = self._wall()
        if not timestamp.isdecimal() or abs(now - int(timestamp)) > FRESH or nonce in self._nonces:
            raise unauthorized()
        while self._nonces and next(iter(self._nonces.values())) < now - 2 * FRESH:
            del self._nonces[next(iter(self._nonces))]
        self._nonces[nonce] = now


def _base_strings(knock: Knock, said: dict[str, str]) -> Iterable[str]:
    query = parse_qsl(knock.query, keep_blank_values=True)
    signed = [(key, value) for key, value in said.items() if key not in ("oauth_signature", "realm")]
    pairs = sorted((_quoted(key), _quoted(value)) for key, value in (*query, *signed))
    parameters = "&".join(f"{key}={value}" for key, value in pairs)
    for url in (*(host + knock.path for host in HOSTS), knock.here):
        yield f"{knock.method}&{_quoted(url)}&{_quoted(parameters)}"


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")
