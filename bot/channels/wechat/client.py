"""Customer-service messages: texts that we send by ourselves [DOC api_sendcustommessage]."""

from __future__ import annotations

from collections.abc import Mapping

from bot.allowance import Standing
from bot.channels.wechat.api import Api
from bot.channels.wechat.errcodes import PREFIX, TOKEN_REJECTED, failure
from bot.channels.wechat.settings import WeChatSettings
from bot.channels.wechat.tokens import AccessToken
from bot.errors import DeliveryFailed
from bot.halting import Halting
from bot.ports import Clock, Tokens

NOT_NOW = frozenset({45080, 45081})  # nothing said in the last 30 seconds; shown already


class WeChatClient:
    """The sending half of one account. One event loop per client. halting: where it is kept that WeChat refuses the
    account itself; without it each message fails alone."""

    def __init__(self, settings: WeChatSettings, tokens: Tokens, clock: Clock, halting: Halting | None = None) -> None:
        self._api = Api(settings.api_url)
        self._access = AccessToken(self._api, settings, tokens, clock)
        self._halting = halting

    async def send_text(self, openid: str, text: str) -> None:
        """Send once; once more if the access token was rejected, then never again. Raises DeliveryFailed."""
        trying = await self._halting.permit() if self._halting else False
        try:
            await self._send(openid, text)
        except DeliveryFailed as failed:
            if self._halting:
                await self._halting.met(failed, trying=trying)
            raise
        if trying and self._halting:
            await self._halting.worked()

    async def show_typing(self, openid: str) -> None:
        """Show for 15 seconds that somebody writes [DOC api_typing]. Raises DeliveryFailed."""
        code = await self._ask("typing", {"touser": openid, "command": "Typing"})
        if code and code not in NOT_NOW:
            raise failure(code)

    async def check(self) -> None:
        """Ask WeChat whether the credentials are good; for `doctor`. Raises DeliveryFailed."""
        await self._access.get()

    async def close(self) -> None:
        await self._api.close()

    async def standing(self) -> Standing:
        """How the account fares with WeChat. Raises Unavailable."""
        return await self._halting.standing() if self._halting else Standing()

    async def _send(self, openid: str, text: str) -> None:
        code = await self._ask("send", {"touser": openid, "msgtype": "text", "text": {"content": text}})
        if code:
            raise failure(code)

    async def _ask(self, what: str, content: Mapping[str, object]) -> int:
        """WeChat's errcode; asked once more if the access token was rejected."""
        token = await self._access.get()
        code = await self._post(what, content, token)
        return await self._post(what, content, await self._access.replace(token)) if code in TOKEN_REJECTED else code

    async def _post(self, what: str, content: Mapping[str, object], token: str) -> int:
        answer = await self._api.post(f"/cgi-bin/message/custom/{what}", content, access_token=token)
        code = answer.get("errcode")
        if not isinstance(code, int):
            raise DeliveryFailed(f"{PREFIX}unclear", ambiguous=True)
        return code
