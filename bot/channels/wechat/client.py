"""Customer-service messages: texts that we send by ourselves [DOC api_sendcustommessage]."""

from __future__ import annotations

from bot.channels.wechat.api import Api
from bot.channels.wechat.errcodes import PREFIX, TOKEN_REJECTED, failure
from bot.channels.wechat.settings import WeChatSettings
from bot.channels.wechat.tokens import AccessToken
from bot.errors import DeliveryFailed
from bot.ports import Clock, Tokens


class WeChatClient:
    """The sending half of one account. One event loop per client."""

    def __init__(self, settings: WeChatSettings, tokens: Tokens, clock: Clock) -> None:
        self._api = Api(settings.api_url)
        self._access = AccessToken(self._api, settings, tokens, clock)

    async def send_text(self, openid: str, text: str) -> None:
        """Send once; once more if the access token was rejected, then never again. Raises DeliveryFailed."""
        token = await self._access.get()
        code = await self._send(openid, text, token)
        if code in TOKEN_REJECTED:
            code = await self._send(openid, text, await self._access.replace(token))
        if code:
            raise failure(code)

    async def check(self) -> None:
        """Ask WeChat whether the credentials are good; for `doctor`. Raises DeliveryFailed."""
        await self._access.get()

    async def close(self) -> None:
        await self._api.close()

    async def _send(self, openid: str, text: str, token: str) -> int:
        """WeChat's errcode."""
        message = {"touser": openid, "msgtype": "text", "text": {"content": text}}
        answer = await self._api.post("/cgi-bin/message/custom/send", message, access_token=token)
        code = answer.get("errcode")
        if not isinstance(code, int):
            raise DeliveryFailed(f"{PREFIX}unclear", ambiguous=True)
        return code
