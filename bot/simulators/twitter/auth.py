"""Authenticates API requests: an OAuth 1.0a signature of the account, or the app's bearer token.

Rules: RFC 5849 (signature base string 3.4.1, HMAC-SHA1 3.4.2, nonce and timestamp 3.3); docs.x.com "Creating a
signature".
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

from bot.simulators.twitter.refusals import unauthorized
from bot.simulators.twitter.state import SimulatedApp

# A client signs X's own address even when it is configured to call this machine, so these are accepted as well.
HOSTS = ("https://api.twitter.com", "https://api.x.com")
TIMESTAMP_TOLERANCE = 300.0  # seconds
_PARAMETER = re.compile(r'([a-z_]+)="([^"]*)"')
_NEEDED = {"consumer_key", "nonce", "signature", "signature_method", "timestamp", "token"}


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that its signature covers."""

    method: str
    here: str  # URL without its query
    path: str  # as on X's own host
    query: str  # not decoded
    authorization: str  # the header


class Authenticator:
    """Checks requests against the app's keys.

    wall: the clock for timestamps and nonces. Clients sign with the system's time, also when a test moves its clock.
    """

    def __init__(self, app: SimulatedApp, wall: Callable[[], float] = time.time) -> None:
        self._app = app
        self._wall = wall
        self._nonces: dict[str, float] = {}

    def authenticate(self, request: SignedRequest) -> str | None:
        """The id of the user who makes the request, or None for the app itself. Raises Refusal with 401."""
        kind, _, credentials = request.authorization.partition(" ")
        # X shows bearer tokens percent-encoded, and accepts them either way.
        token, own = unquote(credentials.strip()), unquote(self._app.bearer_token)
        if kind.lower() == "bearer" and hmac.compare_digest(token.encode(), own.encode()):
            return None
        if kind.lower() == "oauth":
            return self._signed(request, credentials)
        raise unauthorized()

    def _signed(self, request: SignedRequest, credentials: str) -> str:
        parameters = {unquote(key): unquote(value) for key, value in _PARAMETER.findall(credentials)}
        given = {key.removeprefix("oauth_"): value for key, value in parameters.items()}
        app = self._app
        ours = (given.get("consumer_key"), given.get("token")) == (app.consumer_key, app.access_token)
        if not given.keys() >= _NEEDED or not ours or given["signature_method"] != "HMAC-SHA1":
            raise unauthorized()
        key = f"{_quoted(app.consumer_secret)}&{_quoted(app.access_token_secret)}".encode()
        macs = (hmac.new(key, base.encode(), hashlib.sha1).digest() for base in _base_strings(request, parameters))
        signature = given["signature"].encode()
        if not any(hmac.compare_digest(base64.b64encode(mac), signature) for mac in macs):
            raise unauthorized()
        self._check_fresh(given["nonce"], given["timestamp"])
        return app.user_id

    def _check_fresh(self, nonce: str, timestamp: str) -> None:
        now = self._wall()
        if not timestamp.isdecimal() or abs(now - int(timestamp)) > TIMESTAMP_TOLERANCE or nonce in self._nonces:
            raise unauthorized()
        # Nonces are kept in order of their use; one whose timestamp would be refused anyway may go.
        while self._nonces and next(iter(self._nonces.values())) < now - 2 * TIMESTAMP_TOLERANCE:
            del self._nonces[next(iter(self._nonces))]
        self._nonces[nonce] = now


def _base_strings(request: SignedRequest, given: dict[str, str]) -> Iterable[str]:
    """The signature base string for each address that the client may have signed. given: OAuth's own parameters."""
    query = parse_qsl(request.query, keep_blank_values=True)
    signed = [(key, value) for key, value in given.items() if key not in ("oauth_signature", "realm")]
    pairs = sorted((_quoted(key), _quoted(value)) for key, value in (*query, *signed))
    parameters = "&".join(f"{key}={value}" for key, value in pairs)
    for url in (*(host + request.path for host in HOSTS), request.here):
        yield f"{request.method}&{_quoted(url)}&{_quoted(parameters)}"


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")
