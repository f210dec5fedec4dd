"""What the heart needs from platforms, and from the clock."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from bot.messages import (
    Conversation,
    Cursor,
    Handshake,
    Instant,
    Limits,
    Messages,
    Outbound,
    Polled,
    RawRequest,
    RawResponse,
    Sent,
)


class Clock(Protocol):
    def now(self) -> Instant:
        """Seconds since the epoch, UTC."""
        ...


class Channel(Protocol):
    """One official account on a platform. Bytes and dicts, never a web framework's types."""

    def receive(self, request: RawRequest) -> Handshake | Messages:
        """Verify, decrypt, parse; no input or output. Raises Refused."""
        ...

    def answer(self, request: RawRequest, reply: Outbound | None) -> RawResponse:
        """The passive reply to `request`, or with None the bare acknowledgement."""
        ...

    async def send(self, message: Outbound) -> Sent:
        """Send by the platform's API. Raises DeliveryFailed."""
        ...

    def limits(self, conversation: Conversation, now: Instant) -> Limits:
        """How long a message may be, and whether and how often we may send by ourselves now."""
        ...


@runtime_checkable
class TakesFew(Protocol):
    """Optional: channels that make only a few calls at a time. What waits for its turn is not being sent yet, so that
    a process that dies leaves nobody in doubt about it."""

    @property
    def at_once(self) -> int: ...


@runtime_checkable
class ShowsTyping(Protocol):
    """Optional: channels on which a customer can see that somebody is writing to them."""

    async def typing(self, conversation: Conversation) -> None:
        """Show it for a while. That a platform will not show it just now is no failure. Raises DeliveryFailed."""
        ...


class Polls(Protocol):
    """One thing that is looked at again and again on an account whose platform does not bring everything."""

    async def poll(self, cursor: Cursor) -> Polled:
        """What is new since the cursor. A platform that fails is a `problem` of the answer, not an exception."""
        ...
