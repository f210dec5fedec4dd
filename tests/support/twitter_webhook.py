"""A brand's webhook as X's documentation describes one: it answers challenges and keeps what it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.simulators.server import Simulator, serving


@dataclass
class Webhook:
    """secret: the app's consumer secret. status: what events are answered with. token: a wrong answer to challenges."""

    secret: str
    status: int = 200
    token: str = ""
    challenges: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    forged: int = 0
    address: str = ""

    def kinds(self) -> list[str]:
        return [event["data"]["event_type"] for event in self.events]

    async def challenge(self, request: Request) -> Response:
        self.challenges += 1
        return JSONResponse({"response_token": self.token or self._sign(request.query_params["crc_token"].encode())})

    async def event(self, request: Request) -> Response:
        body = await request.body()
        if self._sign(body) != request.headers["x-twitter-webhooks-signature"]:
            self.forged += 1
        self.events.append(json.loads(body))
        return PlainTextResponse("", self.status)

    def _sign(self, content: bytes) -> str:
        mac = hmac.new(self.secret.encode(), content, hashlib.sha256).digest()
        return f"sha256={base64.b64encode(mac).decode()}"


@asynccontextmanager
async def opened(webhook: Webhook) -> AsyncIterator[Webhook]:
    """The webhook on a free port of this machine."""
    routes = [Route("/twitter/main", webhook.challenge), Route("/twitter/main", webhook.event, methods=["POST"])]
    async with serving(Simulator(Starlette(routes=routes), lambda: None)) as address:
        webhook.address = f"{address}/twitter/main"
        yield webhook
