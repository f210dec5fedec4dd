"""The channel of one web chat account, its settings in config.yaml, and its visitors' tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from bot.access.cookies import BrowserTokens, bearer
from bot.access.origins import ANY_SITE, origin_of
from bot.config.settings import Settings
from bot.domain.messages import (
    MAILBOX_TOPIC,
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
    mailbox_address,
)
from bot.errors import InvalidValue, Refused
from bot.http import LARGEST_BODY
from bot.i18n import translate
from bot.ports.channels import Clock, TextLimit
from bot.ports.realtime import LiveEvents
from bot.text import CHARACTERS, cleaned

Words = Annotated[str, Field(min_length=1, max_length=80)]


def _normalised_origin(origin: str) -> str:
    """The origin as browsers send it (RFC 6454): in lower case, without a path and without the default port."""
    if origin == ANY_SITE:
        return origin
    known = origin_of(origin)
    if known is None:
        raise InvalidValue("config.origin")
    port = int(origin.rpartition(":")[2]) if re.search(r":\d+$", origin) else 0
    own = {"http": 80, "https": 443}[known.scheme]
    return f"{known.scheme}://{known.host.name}" + (f":{port}" if port not in (0, own) else "")


class Title(Settings):
    """The heading of the chat."""

    zh: Words = Field(default_factory=partial(translate, "webchat.title", "zh"))
    en: Words = Field(default_factory=partial(translate, "webchat.title", "en"))


class Questions(Settings):
    """Questions suggested before the visitor's first message."""

    zh: Annotated[Sequence[Words], Field(max_length=6)] = ()
    en: Annotated[Sequence[Words], Field(max_length=6)] = ()


class WebChatSettings(Settings):
    """The settings of one web chat."""

    # The sites that may embed the widget; without any, only our own page shows the chat.
    origins: Sequence[Annotated[str, AfterValidator(_normalised_origin)]] = ()
    title: Title = Title()
    questions: Questions = Questions()
    token_days: int = Field(180, ge=1, le=400)  # after this long away, a visitor is a new customer


TEXT = TextLimit("WebChat", 2_000, CHARACTERS)
JSON = "application/json"


class VisitorTokens(BrowserTokens):
    """Signed tokens of one account's visitors; each holds a random handle and is invalid for other accounts."""

    def __init__(self, account: str, secret: str, days: int, clock: Clock) -> None:
        super().__init__("webchat visitor", account, secret, days, clock.now)


class VisitorMessage(BaseModel):
    """A message as the browser sends it. id: made by the browser for each message; a repeated id is dropped."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), BeforeValidator(cleaned)]


class WebChatChannel:
    """`ports.Channel` for web chat. Replies are read from the database, so sending only notifies open streams."""

    def __init__(self, name: str, settings: WebChatSettings, visitors: VisitorTokens, live: LiveEvents) -> None:
        self.name = name
        self.settings = settings
        self.visitors = visitors
        self.max_length = TEXT.length
        self._live = live

    def receive(self, request: RawRequest) -> Handshake | Messages:
        """Parse one message; the token in `authorization` identifies the visitor. Raises Refused."""
        if request.method != "POST":
            raise Refused(405, "method")
        if len(request.body) > LARGEST_BODY:
            raise Refused(413, "too_large")
        handle = self.visitors.verify(bearer(request.headers.get("authorization", "")))
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Refused(400, "content_type")
        line = _line(request.body)
        return Messages(
            (Inbound(self.name, handle, f"{handle}:{line.id}", Kind.TEXT, line.text, at=request.received_at),)
        )

    def answer(self, request: RawRequest, reply: Outbound | None) -> RawResponse:  # noqa: ARG002 - a Channel's
        """An acknowledgement. Replies never travel in responses, but on the stream, so that they stay in order."""
        return RawResponse(202, b'{"accepted":true}', JSON)

    async def send(self, message: Outbound) -> Sent:
        """Notify the visitor's open streams, in all processes, that there is something to read."""
        await self._live.publish(MAILBOX_TOPIC, mailbox_address(message.account, message.handle))
        return Sent()

    def limits(self, conversation: Conversation, now: Instant) -> Limits:  # noqa: ARG002 - always the same
        return Limits(TEXT.length, TEXT.unit)


def _line(body: bytes) -> VisitorMessage:
    try:
        line = VisitorMessage.model_validate(json.loads(body.decode(errors="replace"), strict=False))
    except (ValidationError, ValueError, RecursionError) as strange:
        raise Refused(400, "malformed") from strange
    if len(line.text) > TEXT.length:
        raise Refused(413, "too_long")
    return line
