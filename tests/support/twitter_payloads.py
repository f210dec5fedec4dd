"""What X sends to a webhook: the captured payloads of tests/payloads/twitter, signed as X signs them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from support import paths
from support.services import MovableClock

from bot.channels.twitter import TwitterChannel, TwitterClient, TwitterSettings
from bot.domain.accounts import Permit, PermitRequest, RateLimitReport, SendingStatus
from bot.domain.messages import RawRequest

PAYLOADS = paths.PAYLOADS / "twitter"
BRAND, CUSTOMER = "1111111111111111111", "2222222222222222222"
OLDER_BRAND = "4337869213"
SECRET = "a-consumer-secret-of-x"
SIGNED = "x-twitter-webhooks-signature"
JULY_24 = 1_784_928_300.0  # 2026-07-24 21:25 UTC, a minute after the captured mention
GOOD: dict[str, Any] = {
    "user_id": BRAND,
    "consumer_key": "consumer-key",
    "consumer_secret": SECRET,
    "access_token": "access-token",
    "access_token_secret": "an-access-token-secret",
}


def settings(**changes: Any) -> TwitterSettings:
    return TwitterSettings.model_validate(GOOD | changes)


class NoLimits:
    """Rate limits for those who send nothing."""

    async def acquire(self, asked: PermitRequest) -> Permit:
        return Permit(float("inf"), f"quota of {asked.account}")

    async def update_windows(self, windows: Sequence[RateLimitReport]) -> None: ...

    async def spend(self, account: str, amount: int) -> None: ...

    async def halt(self, account: str, code: str, way: str = "") -> None: ...

    async def record_success(self, account: str, way: str = "") -> None: ...

    async def record_result(self, account: str, problem: str) -> None: ...

    async def sending_status(self, account: str) -> SendingStatus:
        return SendingStatus(error=account)


def webhook_channel(name: str = "brand", **changes: Any) -> TwitterChannel:
    """A channel that only listens."""
    clock, account = MovableClock(JULY_24), settings(**changes)
    return TwitterChannel(name, account, TwitterClient(name, account, NoLimits(), clock), clock)


def activity(name: str) -> Any:
    """A captured event of X Activity, as fresh objects."""
    return json.loads((PAYLOADS / "activity-events.json").read_text(encoding="utf-8"))[name]


def older(kind: str) -> Any:
    """A captured request of the Account Activity API."""
    everything = json.loads((PAYLOADS / "account-activity-events.json").read_text(encoding="utf-8"))
    return next(one for one in everything if kind in one)


def push(event: Any, at: float = JULY_24, secret: str = SECRET) -> RawRequest:
    return signed(json.dumps(event).encode(), at, secret)


def signed(body: bytes, at: float = JULY_24, secret: str = SECRET) -> RawRequest:
    proof = "sha256=" + base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()
    return RawRequest("POST", {}, {SIGNED: proof}, body, at)
