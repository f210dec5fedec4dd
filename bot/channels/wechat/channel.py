"""One WeChat Official Account, seen from Yingda."""

from __future__ import annotations

import re

from bot.allowance import Standing
from bot.channels.wechat.client import WeChatClient
from bot.channels.wechat.errcodes import PREFIX
from bot.channels.wechat.modes import mode_of
from bot.channels.wechat.parsing import inbound_of, name_in
from bot.channels.wechat.reading import Fields
from bot.channels.wechat.replies import text_reply
from bot.channels.wechat.settings import WeChatSettings
from bot.channels.wechat.signature import Guard
from bot.channels.wechat.windows import window_of
from bot.errors import DeliveryFailed, Refused
from bot.messages import Conversation, Handshake, Instant, Limits, Messages, Outbound, RawRequest, RawResponse, Sent
from bot.wording import clean

LARGEST_BODY = 64 * 1024
LONGEST_TEXT = 2047  # bytes; 2,048 in old copies of the documentation, 2,047 as counted (reference 1.5)
ACKNOWLEDGED = RawResponse(body=b"success")  # never encrypted, asks for no repeat, shows nothing (reference 1.2, 1.3)
XML = "application/xml; charset=utf-8"
_ECHO = re.compile(r"[A-Za-z0-9+/=_-]{1,256}")


class WeChatChannel:
    """`ports.Channel` for WeChat. `client` is None for accounts with `api: none`."""

    def __init__(self, name: str, settings: WeChatSettings, client: WeChatClient | None = None) -> None:
        self.name, self._settings, self._client = name, settings, client
        self._guard = Guard(settings.token.get_secret_value(), settings.freshness_seconds)
        self._mode = mode_of(settings)

    def receive(self, request: RawRequest) -> Handshake | Messages:
        """The URL check or one push, proved to be WeChat's. Raises Refused: 403 not proved, 413 too large, 400 else."""
        if len(request.body) > LARGEST_BODY:
            raise Refused(413, "size")
        if request.method == "GET":
            return self._handshake(request)
        if request.method != "POST":
            raise Refused(400, "method")
        fields = self._mode.open(request)
        self._expect_our_account(fields)
        return Messages((inbound_of(self.name, fields, request.received_at, self._settings.unfollow),))

    def answer(self, request: RawRequest, reply: Outbound | None) -> RawResponse:
        """The passive reply to a push that was received, or the acknowledgement if nothing is to be said."""
        if reply is None:
            return ACKNOWLEDGED
        ours = name_in(self._mode.reopen(request), "ToUserName")
        text = text_reply(reply.handle, ours, reply.text, int(request.received_at))
        return RawResponse(body=self._mode.close(text, request).encode(), content_type=XML) if text else ACKNOWLEDGED

    async def send(self, message: Outbound) -> Sent:
        """A customer-service message. WeChat gives it no id. Raises DeliveryFailed."""
        if self._client is None:
            raise DeliveryFailed(f"{PREFIX}no-api", permanent=True)
        await self._client.send_text(message.handle, clean(message.text))
        return Sent()

    async def typing(self, conversation: Conversation) -> None:
        """The customer sees that somebody writes, where the account may send by itself. Raises DeliveryFailed."""
        if self._client is not None:
            await self._client.show_typing(conversation.identity.handle)

    def limits(self, conversation: Conversation, now: Instant) -> Limits:
        """2,047 bytes a message; by ourselves only in the window that the customer's last act has opened."""
        if self._client is None:
            return Limits(LONGEST_TEXT, active=False)
        window = window_of(conversation, now)
        return Limits(LONGEST_TEXT, window_until=window.until, left=window.left)

    async def standing(self) -> Standing:
        """How the account fares with WeChat. Raises Unavailable."""
        return Standing() if self._client is None else await self._client.standing()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _handshake(self, request: RawRequest) -> Handshake:
        """`echostr` is plain in both modes and not covered by the signature, so only harmless characters go back."""
        self._guard.check(request.query, request.received_at, "signature")
        echo = request.query.get("echostr", "")
        if not _ECHO.fullmatch(echo):
            raise Refused(400, "echostr")
        return Handshake(RawResponse(body=echo.encode()))

    def _expect_our_account(self, fields: Fields) -> None:
        addressed = name_in(fields, "ToUserName")
        if self._settings.original_id and addressed != self._settings.original_id:
            raise Refused(403, "account")
