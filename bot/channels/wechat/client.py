"""The client of api.weixin.qq.com: customer-service messages and the account's access token.

wechatpy's client is not used: it blocks, its token fetch has no timeout, and a bad credential makes it recurse until
the stack overflows, 493 token fetches later (wechatpy#684, #580).

The access token is fetched once, shared by all processes and renewed when WeChat rejects it. It comes from
stable_token, where repeated calls return the same token (developers.weixin.qq.com, api_getstableaccesstoken); each call
of the older /cgi-bin/token would invalidate the token of the other processes.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import httpx

from bot.channels.wechat.errors import PREFIX, TOKEN_REJECTED, failure
from bot.channels.wechat.settings import WeChatSettings
from bot.circuit_breaker import AGAIN, AccountHalt
from bot.domain.accounts import SendingStatus
from bot.domain.messages import Instant
from bot.errors import DeliveryFailed
from bot.ports.channels import Clock
from bot.ports.realtime import TokenCache

CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 5.0  # of a call, from connecting to the last byte
RETRY_SECONDS = 5.0  # until a message that certainly was not sent is tried again


def _without_tokens(record: logging.LogRecord) -> bool:
    """A logging filter: httpx logs every URL, and WeChat's contain the access token in the query."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            arg.copy_with(query=None) if isinstance(arg, httpx.URL) and arg.query else arg for arg in record.args
        )
    return True


logging.getLogger("httpx").addFilter(_without_tokens)


class WeChatApi:
    """Posts JSON to the API at `url`. Tells for each failure whether the request can have arrived."""

    def __init__(self, url: str) -> None:
        timeout = httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout)

    async def post(self, path: str, content: Mapping[str, Any], **query: str) -> dict[str, Any]:
        """The answer's JSON object. Raises DeliveryFailed: retry_after if nothing was sent, ambiguous if it may be.

        Text is not escaped: WeChat shows JSON's \\u escapes to the customer.
        """
        body = json.dumps(content, ensure_ascii=False).encode()
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                response = await self._http.post(
                    path, params=query, content=body, headers={"content-type": "application/json"}
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as unsent:
            raise DeliveryFailed(f"{PREFIX}unreachable", retry_after=RETRY_SECONDS) from unsent
        except (httpx.HTTPError, TimeoutError) as lost:
            raise DeliveryFailed(f"{PREFIX}timeout", ambiguous=True) from lost
        return _object(response)

    async def close(self) -> None:
        await self._http.aclose()


def _object(response: httpx.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise _http_failure(response.status_code)
    try:
        answer = response.json()
    except ValueError as nonsense:
        raise DeliveryFailed(f"{PREFIX}unclear", ambiguous=True) from nonsense
    if not isinstance(answer, dict):
        raise DeliveryFailed(f"{PREFIX}unclear", ambiguous=True)
    return answer


def _http_failure(status: int) -> DeliveryFailed:
    """WeChat itself always answers 200, so another status comes from a proxy between: a 4xx refuses every request, so
    the account is paused; a 5xx may come after the request went through."""
    code = f"{PREFIX}http-{status}"
    if status == 429:
        return DeliveryFailed(code, retry_after=RETRY_SECONDS)
    if status < 500:
        return DeliveryFailed(code, retry_after=AGAIN, attempted=False, halts_account=True)
    return DeliveryFailed(code, ambiguous=True)


MARGIN_SECONDS = 60.0  # before expiry; WeChat renews five minutes early and honours the old token that long


class AccessToken:
    """One account's access token, from the shared cache; a copy in memory serves while the cache is unreachable."""

    def __init__(self, api: WeChatApi, settings: WeChatSettings, tokens: TokenCache, clock: Clock) -> None:
        self._api, self._settings, self._tokens, self._clock = api, settings, tokens, clock
        self._name = f"wechat:{settings.app_id}"
        self._own: tuple[str, Instant] | None = None  # (token, expiry)
        self._fetching = asyncio.Lock()  # one fetch at a time per process

    async def get(self) -> str:
        """A valid token. Raises DeliveryFailed."""
        return await self._kept() or await self._renewed("")

    async def replace(self, rejected: str) -> str:
        """A token that is not `rejected`, if WeChat gives one. Raises DeliveryFailed."""
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
                return kept  # another task or process has just fetched it
            token, until = await self._fetch(force=False)
            if token == rejected:
                token, until = await self._fetch(force=True)
            self._own = token, until
            await self._tokens.put(self._name, token, until)
            return token

    async def _fetch(self, *, force: bool) -> tuple[str, Instant]:
        """Fetch (token, expiry). force: invalidate the current token; WeChat allows that 20 times a day."""
        try:
            answer = await self._api.post(
                "/cgi-bin/stable_token",
                {
                    "grant_type": "client_credential",
                    "appid": self._settings.app_id,
                    "secret": self._settings.app_secret.get_secret_value(),
                    "force_refresh": force,
                },
            )
        except DeliveryFailed as problem:
            if problem.ambiguous:  # the token request may have arrived, but the message was not sent yet
                raise DeliveryFailed(problem.code, retry_after=RETRY_SECONDS) from problem
            raise
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if isinstance(token, str) and token and isinstance(seconds, int):
            return token, self._clock.now() + seconds - MARGIN_SECONDS
        code = answer.get("errcode")
        if isinstance(code, int) and code:
            raise failure(code)
        raise DeliveryFailed(f"{PREFIX}unclear", retry_after=RETRY_SECONDS)


# Errcodes of the typing call that are no failure: no message in the last 30 seconds; already shown.
TYPING_NOT_SHOWN = frozenset({45080, 45081})


class WeChatClient:
    """Sends for one account. Use it on one event loop only.

    halting: pauses sending while WeChat refuses the account itself; without it each message fails by itself.
    """

    def __init__(
        self, settings: WeChatSettings, tokens: TokenCache, clock: Clock, account_halt: AccountHalt | None = None
    ) -> None:
        self._api = WeChatApi(settings.api_url)
        self._access = AccessToken(self._api, settings, tokens, clock)
        self._account_halt = account_halt

    async def send_text(self, openid: str, text: str) -> None:
        """Send a text; a second time only if the access token was rejected. Raises DeliveryFailed."""
        probing = await self._account_halt.permit() if self._account_halt else False
        try:
            code = await self._call("send", {"touser": openid, "msgtype": "text", "text": {"content": text}})
            if code:
                raise failure(code)
        except DeliveryFailed as failed:
            if self._account_halt:
                await self._account_halt.record_failure(failed, probing=probing)
            raise
        if probing and self._account_halt:
            await self._account_halt.record_success()

    async def show_typing(self, openid: str) -> None:
        """Show the typing indicator, for 15 seconds (WeChat docs, api_typing). Raises DeliveryFailed."""
        code = await self._call("typing", {"touser": openid, "command": "Typing"})
        if code and code not in TYPING_NOT_SHOWN:
            raise failure(code)

    async def check(self) -> None:
        """Check the credentials by fetching a token. Raises DeliveryFailed."""
        await self._access.get()

    async def close(self) -> None:
        await self._api.close()

    async def sending_status(self) -> SendingStatus:
        """The account's sending status. Raises Unavailable."""
        return await self._account_halt.sending_status() if self._account_halt else SendingStatus()

    async def _call(self, what: str, content: Mapping[str, object]) -> int:
        """WeChat's errcode, 0 for success; called once more with a new token if the token was rejected."""
        token = await self._access.get()
        code = await self._post(what, content, token)
        return await self._post(what, content, await self._access.replace(token)) if code in TOKEN_REJECTED else code

    async def _post(self, what: str, content: Mapping[str, object], token: str) -> int:
        answer = await self._api.post(f"/cgi-bin/message/custom/{what}", content, access_token=token)
        code = answer.get("errcode")
        if not isinstance(code, int):
            raise DeliveryFailed(f"{PREFIX}unclear", ambiguous=True)
        return code
