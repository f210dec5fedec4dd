"""One web chat, seen from Yingda: what visitors send in, and the bell that tells their browsers to look."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from bot.channels.webchat.settings import WebChatSettings
from bot.channels.webchat.visitors import Visitors
from bot.errors import Refused
from bot.messages import (
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
from bot.ports import LiveEvents
from bot.wording import cleaned

TOPIC = "webchat"
LARGEST_BODY = 64 * 1024
LONGEST_TEXT = 2_000  # characters
JSON = "application/json"


class Line(BaseModel):
    """What a visitor says. `id` is made by their browser, once per line: sending it twice says it once."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), BeforeValidator(cleaned)]


class WebChatChannel:
    """`ports.Channel` for web chat. The record is the visitor's mailbox: sending means that it is time to look."""

    def __init__(self, name: str, settings: WebChatSettings, visitors: Visitors, live: LiveEvents) -> None:
        self.name = name
        self.settings = settings
        self.visitors = visitors
        self._live = live

    def receive(self, request: RawRequest) -> Handshake | Messages:
        """One line, proved to be the visitor's by the token in `authorization`. Raises Refused."""
        if request.method != "POST":
            raise Refused(405, "method")
        if len(request.body) > LARGEST_BODY:
            raise Refused(413, "too_large")
        handle = self.visitors.who(bearer(request.headers.get("authorization", "")))
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Refused(400, "content_type")
        line = _line(request.body)
        return Messages(
            (Inbound(self.name, handle, f"{handle}:{line.id}", Kind.TEXT, line.text, at=request.received_at),)
        )

    def answer(self, request: RawRequest, reply: Outbound | None) -> RawResponse:  # noqa: ARG002 - a Channel's
        """Nothing is said in responses: whatever is said comes on the stream, in order."""
        return RawResponse(202, b'{"accepted":true}', JSON)

    async def send(self, message: Outbound) -> Sent:
        """Tell the visitor's open streams, on whichever process, that there is something to read."""
        await self._live.publish(TOPIC, address(message.account, message.handle))
        return Sent()

    def limits(self, conversation: Conversation, now: Instant) -> Limits:  # noqa: ARG002 - always the same
        return Limits(LONGEST_TEXT, "characters")


def address(account: str, handle: str) -> str:
    """How a mailbox is called on the nerve."""
    return f"{account} {handle}"


def bearer(authorization: str) -> str:
    """The token in an Authorization header (RFC 6750, 2.1); '' if there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _line(body: bytes) -> Line:
    try:
        line = Line.model_validate(json.loads(body.decode(errors="replace"), strict=False))
    except (ValidationError, ValueError, RecursionError) as strange:
        raise Refused(400, "malformed") from strange
    if len(line.text) > LONGEST_TEXT:
        raise Refused(413, "too_long")
    return line
