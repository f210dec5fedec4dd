"""The rehearsal channel: `{"from": "alice", "text": "hello", "id": "1", "thread": ""}` answered by `{"text": ...}`."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.errors import DeliveryFailed, Refused
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
from bot.wording import clean, new_id

LARGEST_BODY = 64 * 1024


class RehearsalSettings(BaseModel):
    """active: whether the account can send by itself. length: most bytes in one message."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    active: bool = True
    length: int = Field(2047, ge=20)


class Line(BaseModel):
    """What a rehearsing customer says."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    handle: str = Field(alias="from", min_length=1, max_length=200)
    text: str = ""
    id: str = Field(default_factory=new_id, max_length=150)
    kind: Kind = Kind.TEXT
    thread: str = Field("", max_length=200)
    data: dict[str, str] = {}


class RehearsalChannel:
    """ports.Channel. `sent` holds what was sent, oldest first; each failure in `failures` meets one send."""

    def __init__(self, name: str, settings: RehearsalSettings | None = None) -> None:
        self.name = name
        self.settings = settings or RehearsalSettings()
        self.sent: list[Outbound] = []
        self.failures: deque[DeliveryFailed] = deque()

    def receive(self, request: RawRequest) -> Handshake | Messages:
        if request.method == "GET":
            return Handshake(RawResponse(body=b"rehearsal"))
        if len(request.body) > LARGEST_BODY:
            raise Refused(413, "too_large")
        try:
            line = Line.model_validate(_parsed(request.body))
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
        return Sent(f"rehearsal-{len(self.sent)}")

    def limits(self, conversation: Conversation, now: Instant) -> Limits:  # noqa: ARG002 - the Protocol's
        return Limits(self.settings.length, "bytes", public=conversation.public, active=self.settings.active)

    def _inbound(self, line: Line, at: Instant) -> Inbound:
        return Inbound(
            self.name, line.handle, line.id, line.kind, clean(line.text), at=at, thread=line.thread, data=line.data
        )


def _parsed(body: bytes) -> Any:
    return json.loads(body.decode(errors="replace"))
