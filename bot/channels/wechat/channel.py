"""The channel of one WeChat Official Account, and WeChat's window for customer-service messages.

The window's rules: developers.weixin.qq.com, api_sendcustommessage (as of 2023-06-12).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.channels.wechat.client import WeChatClient
from bot.channels.wechat.errors import PREFIX
from bot.channels.wechat.payloads import inbound_of, openid_in
from bot.channels.wechat.security import SignatureCheck, mode_of, text_reply
from bot.channels.wechat.settings import WeChatSettings
from bot.channels.wechat.xml import XmlFields
from bot.domain.accounts import SendingStatus
from bot.domain.messages import (
    SILENT,
    Conversation,
    Handshake,
    Inbound,
    Instant,
    Kind,
    Limits,
    Messages,
    Outbound,
    RawRequest,
    RawResponse,
    Sent,
)
from bot.errors import DeliveryFailed, Refused
from bot.http import LARGEST_BODY
from bot.ports.channels import TextLimit
from bot.text import BYTES, clean

AFTER_MESSAGE = (5, 48 * 3600.0)  # (messages, seconds) that WeChat allows after a customer's message
AFTER_ACTION = (3, 60.0)  # the same after a menu click, a follow or a QR scan
ACTIONS = frozenset({Kind.CLICK, Kind.FOLLOW, Kind.EVENT})
# A QR scan and the two scanning buttons of a menu. No other event of Kind.EVENT opens a window.
SCAN_EVENTS = frozenset({"scan", "scancode_push", "scancode_waitmsg"})


@dataclass(frozen=True, slots=True)
class ReplyWindow:
    """Until when and how much the account may send by itself."""

    until: Instant
    left: int  # messages that WeChat still accepts


def opens_window(conversation: Conversation, inbound: Inbound, now: Instant) -> bool:
    """Whether an inbound message opens a new window. An action opens the short one, unless the long one is open."""
    action = inbound.kind in (Kind.CLICK, Kind.FOLLOW) or (
        inbound.kind is Kind.EVENT and inbound.data.get("event") in SCAN_EVENTS
    )
    if not action:
        return inbound.kind not in SILENT
    long_open = conversation.heard_kind not in ACTIONS and now - conversation.heard_at < AFTER_MESSAGE[1]
    return not long_open


def window_of(conversation: Conversation, now: Instant) -> ReplyWindow:
    """The window that the customer's last message or action opened; `left` is 0 after its end."""
    allowed, seconds = AFTER_ACTION if conversation.heard_kind in ACTIONS else AFTER_MESSAGE
    until = conversation.heard_at + seconds
    left = max(0, allowed - conversation.sent_in_window) if now < until else 0
    return ReplyWindow(until, left)


# Bytes. The official page gives no number; old copies say 2,048, measured is 2,047 (dodgepudding/wechat-php-sdk#363).
TEXT = TextLimit("WeChat", 2047, BYTES)
ATTEMPTS = 3  # WeChat delivers a push at most three times, each after five seconds without a response
FETCH_WORD = "1"  # asks for the rest of an answer; the phrases `fetch.send_one` and `fetch.more` name it
# For this body WeChat shows nothing and does not repeat the push. It is never encrypted ("Passive user reply").
ACKNOWLEDGED = RawResponse(body=b"success")
XML = "application/xml; charset=utf-8"
_ECHO = re.compile(r"[A-Za-z0-9+/=_-]{1,256}")


class WeChatChannel:
    """`ports.Channel` for WeChat. `client` is None for accounts with `api: none`."""

    def __init__(self, name: str, settings: WeChatSettings, client: WeChatClient | None = None) -> None:
        self.name, self._settings, self._client = name, settings, client
        self._guard = SignatureCheck(settings.token.get_secret_value(), settings.freshness_seconds)
        self._mode = mode_of(settings)

    def receive(self, request: RawRequest) -> Handshake | Messages:
        """Verify and parse the URL check or a push. Raises Refused: 403 not verified, 413 too large, 400 otherwise."""
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
        """The passive reply to a received push, or the acknowledgement if there is no reply."""
        if reply is None:
            return ACKNOWLEDGED
        ours = openid_in(self._mode.reopen(request), "ToUserName")
        text = text_reply(reply.handle, ours, reply.text, int(request.received_at))
        return RawResponse(body=self._mode.close(text, request).encode(), content_type=XML) if text else ACKNOWLEDGED

    async def send(self, message: Outbound) -> Sent:
        """Send a customer-service message; WeChat returns no id for it. Raises DeliveryFailed."""
        if self._client is None:
            raise DeliveryFailed(f"{PREFIX}no-api", permanent=True)
        await self._client.send_text(message.handle, clean(message.text))
        return Sent()

    async def typing(self, conversation: Conversation) -> None:
        """Show the typing indicator; a no-op with `api: none`. Raises DeliveryFailed."""
        if self._client is not None:
            await self._client.show_typing(conversation.identity.handle)

    def limits(self, conversation: Conversation, now: Instant) -> Limits:
        """2,047 bytes a message; active sending only while the customer's reply window is open."""
        if self._client is None:
            return Limits(TEXT.length, TEXT.unit, active=False, attempts=ATTEMPTS, fetch_word=FETCH_WORD)
        window = window_of(conversation, now)
        return Limits(
            TEXT.length,
            TEXT.unit,
            window_until=window.until,
            left=window.left,
            attempts=ATTEMPTS,
            fetch_word=FETCH_WORD,
        )

    def opens_window(self, conversation: Conversation, inbound: Inbound, now: Instant) -> bool:
        """Whether this message opens a new reply window."""
        return opens_window(conversation, inbound, now)

    async def sending_status(self) -> SendingStatus:
        """The account's sending status. Raises Unavailable."""
        return SendingStatus() if self._client is None else await self._client.sending_status()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _handshake(self, request: RawRequest) -> Handshake:
        """Answer the URL check. `echostr` is not signed, so only harmless characters are echoed (no HTML)."""
        self._guard.check(request.query, request.received_at, "signature")
        echo = request.query.get("echostr", "")
        if not _ECHO.fullmatch(echo):
            raise Refused(400, "echostr")
        return Handshake(RawResponse(body=echo.encode()))

    def _expect_our_account(self, fields: XmlFields) -> None:
        addressed = openid_in(fields, "ToUserName")
        if self._settings.original_id and addressed != self._settings.original_id:
            raise Refused(403, "account")
