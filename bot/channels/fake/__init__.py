"""The fake channel: JSON in, sent messages kept in memory. For `yingda say` and for tests.

A request is `{"from": "alice", "text": "hello", "id": "1", "thread": ""}`, the answer `{"text": ...}`. It offers what
WeChat lacks: public threads, and sends that fail on demand.
"""

from __future__ import annotations

import json
from collections import deque

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.domain.messages import (
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
from bot.ports.channels import ChannelKind
from bot.text import BYTES, clean, new_id

ATTEMPTS, FETCH_WORD = 3, "1"  # as on WeChat, which it imitates


class FakeSettings(BaseModel):
    """The settings of one fake account."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    active: bool = True  # whether the account can send by itself
    length: int = Field(2047, ge=20)  # maximum bytes of a message


class FakeMessage(BaseModel):
    """A customer's message as JSON."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    handle: str = Field(alias="from", min_length=1, max_length=200)
    text: str = ""
    id: str = Field(default_factory=new_id, max_length=150)
    kind: Kind = Kind.TEXT
    thread: str = Field("", max_length=200)
    data: dict[str, str] = {}


class FakeChannel:
    """`ports.Channel` in memory."""

    def __init__(self, name: str, settings: FakeSettings | None = None) -> None:
        self.name = name
        self.settings = settings or FakeSettings()
        self.sent: list[Outbound] = []  # oldest first
        self.failures: deque[DeliveryFailed] = deque()  # each is raised by one send

    def receive(self, request: RawRequest) -> Handshake | Messages:
        if request.method == "GET":
            return Handshake(RawResponse(body=b"fake"))
        if len(request.body) > LARGEST_BODY:
            raise Refused(413, "too_large")
        try:
            line = FakeMessage.model_validate(json.loads(request.body.decode(errors="replace")))
        except (ValidationError, ValueError, RecursionError) as strange:
            raise Refused(400, "malformed") from strange
        return Messages((self._inbound(line, request.received_at),))

    def answer(self, request: RawRequest, reply: Outbound | None) -> RawResponse:  # noqa: ARG002 - the Protocol's
        told = {"text": reply.text if reply else None}
        return RawResponse(body=json.dumps(told, ensure_ascii=False).encode(), content_type="application/json")

    async def send(self, message: Outbound) -> Sent:
        if self.failures:
            raise self.failures.popleft()
        self.sent.append(message)
        return Sent(f"fake-{len(self.sent)}")

    def limits(self, conversation: Conversation, now: Instant) -> Limits:  # noqa: ARG002 - the Protocol's
        return Limits(
            self.settings.length,
            BYTES,
            public=conversation.public,
            active=self.settings.active,
            attempts=ATTEMPTS,
            fetch_word=FETCH_WORD,
        )

    def _inbound(self, line: FakeMessage, at: Instant) -> Inbound:
        return Inbound(
            self.name, line.handle, line.id, line.kind, clean(line.text), at=at, thread=line.thread, data=line.data
        )


CHANNEL = ChannelKind(FakeSettings, lambda name, settings, _deps: FakeChannel(name, settings), demo_only=True)

__all__ = ["CHANNEL", "FakeChannel", "FakeSettings"]
