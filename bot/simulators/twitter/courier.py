"""Challenges webhooks and brings events to them, signed.

Rules: docs.x.com webhooks/introduction and quickstart: CRC by GET, HMAC-SHA256 under the consumer secret, 10 s to
answer. Whether X repeats an event that got no 200 is not said there; here it does not.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

import httpx

from bot.simulators.twitter.account import SimulatedApp

PATIENCE = 10.0


class Courier:
    """Carries what an app's webhooks must get. Outcomes are 'ok', an HTTP status, 'timeout' or 'unreachable'."""

    def __init__(self, app: SimulatedApp, patience: float = PATIENCE) -> None:
        self._app = app
        self._patience = patience
        self._client = httpx.AsyncClient(
            timeout=2 * patience,  # the courier's own clock runs out first
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def challenge(self, url: str) -> str:
        """Ask whether the webhook knows the secret; 'ok' or what was wrong: also 'token' and 'no JSON'."""
        token = secrets.token_urlsafe(36)
        try:
            async with asyncio.timeout(self._patience):
                response = await self._client.get(url, params={"crc_token": token, "nonce": secrets.token_urlsafe(12)})
        except TimeoutError:
            return "timeout"
        except httpx.TransportError:
            return "unreachable"
        if response.status_code != 200:
            return str(response.status_code)
        return "ok" if _token_in(response.content) in self._rightly(token.encode()) else "token"

    async def deliver(self, url: str, event: Mapping[str, Any]) -> str:
        """Bring one event, once."""
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"content-type": "application/json", **self._signatures(body)}
        try:
            async with asyncio.timeout(self._patience):
                response = await self._client.post(url, content=body, headers=headers)
        except TimeoutError:
            return "timeout"
        except httpx.TransportError:
            return "unreachable"
        return "ok" if response.status_code == 200 else str(response.status_code)

    def _signatures(self, body: bytes) -> dict[str, str]:
        names = ("x-twitter-webhooks-signature", "x-twitter-webhooks-signature-oauth2")
        return dict(zip(names, self._rightly(body), strict=False))

    def _rightly(self, content: bytes) -> list[str]:
        """What the content's signature may be: under the consumer secret, and the client secret if there is one."""
        keys = [key for key in (self._app.consumer_secret, self._app.client_secret) if key]
        macs = [hmac.new(key.encode(), content, hashlib.sha256).digest() for key in keys]
        return [f"sha256={base64.b64encode(mac).decode()}" for mac in macs]


def _token_in(content: bytes) -> object:
    try:
        answer = json.loads(content)
    except ValueError:
        return None
    return answer.get("response_token") if isinstance(answer, dict) else None
