"""The account's access token: fetched once, shared by all processes, renewed when WeChat rejects it.

stable_token, because repeated calls give the same token and none invalidates another's, so processes that fetch at the
same moment do no harm [DOC api_getstableaccesstoken]; with /cgi-bin/token they would lock each other out.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bot.channels.wechat.api import RETRY_SECONDS, Api
from bot.channels.wechat.errcodes import PREFIX, failure
from bot.channels.wechat.settings import WeChatSettings
from bot.errors import DeliveryFailed
from bot.messages import Instant
from bot.ports import Clock, Tokens

MARGIN_SECONDS = 60.0  # WeChat renews five minutes early and honours the old token that long


class AccessToken:
    """One account's token. A copy is kept here too, for the time when the nerve is gone."""

    def __init__(self, api: Api, settings: WeChatSettings, tokens: Tokens, clock: Clock) -> None:
        self._api, self._settings, self._tokens, self._clock = api, settings, tokens, clock
        self._name = f"wechat:{settings.app_id}"
        self._own: tuple[str, Instant] | None = None
        self._fetching = asyncio.Lock()

    async def get(self) -> str:
        """A token that is still good. Raises DeliveryFailed."""
        return await self._kept() or await self._renewed("")

    async def replace(self, rejected: str) -> str:
        """Another token than `rejected`, if WeChat has one. Raises DeliveryFailed."""
        await self._tokens.drop(self._name, rejected)
        return await self._renewed(rejected)

    async def _kept(self) -> str:
        now = self._clock.now()
        for kept in (await self._tokens.get(self._name), self._own):
            if kept and now < kept[1]:
                return kept[0]
        return ""

    async def _renewed(self, rejected: str) -> str:
        async with self._fetching:
            kept = await self._kept()
            if kept and kept != rejected:
                return kept  # somebody else has just fetched it
            token, until = await self._fetch(force=False)
            if token == rejected:
                token, until = await self._fetch(force=True)
            self._own = token, until
            await self._tokens.put(self._name, token, until)
            return token

    async def _fetch(self, *, force: bool) -> tuple[str, Instant]:
        """`force` makes WeChat invent a new one; it allows that 20 times a day."""
        try:
            answer = await self._api.post("/cgi-bin/stable_token", self._request(force=force))
        except DeliveryFailed as problem:
            if problem.ambiguous:  # of the fetch, not of the message: that has not been sent yet
                raise DeliveryFailed(problem.code, retry_after=RETRY_SECONDS) from problem
            raise
        return self._read(answer)

    def _request(self, *, force: bool) -> dict[str, Any]:
        return {
            "grant_type": "client_credential",
            "appid": self._settings.app_id,
            "secret": self._settings.app_secret.get_secret_value(),
            "force_refresh": force,
        }

    def _read(self, answer: dict[str, Any]) -> tuple[str, Instant]:
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if isinstance(token, str) and token and isinstance(seconds, int):
            return token, self._clock.now() + seconds - MARGIN_SECONDS
        code = answer.get("errcode")
        if isinstance(code, int) and code:
            raise failure(code)
        raise DeliveryFailed(f"{PREFIX}unclear", retry_after=RETRY_SECONDS)
