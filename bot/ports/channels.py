"""Protocols of channels. A channel implements `Channel` and any of the optional protocols, which are found by
`isinstance`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel

from bot.access.cookies import BrowserTokens
from bot.domain.accounts import SendingStatus
from bot.domain.messages import (
    Conversation,
    Cursor,
    Handshake,
    Inbound,
    Instant,
    Limits,
    Messages,
    Outbound,
    PollResult,
    RawRequest,
    RawResponse,
    Sent,
)
from bot.i18n import NO_TEXT, Message
from bot.ports.findings import AccountView, Finding
from bot.ports.realtime import LiveEvents, TokenCache
from bot.ports.storage import RateLimits
from bot.text import Unit


class Clock(Protocol):
    def now(self) -> Instant:
        """Seconds since the epoch, UTC."""
        ...


class Channel(Protocol):
    """One official account on a platform. Independent of the web framework: requests are bytes and dicts."""

    def receive(self, request: RawRequest) -> Handshake | Messages:
        """Verify, decrypt and parse a request. Pure: no input or output. Raises Refused."""
        ...

    def answer(self, request: RawRequest, reply: Outbound | None) -> RawResponse:
        """The response to `request` that carries `reply`; with None, the response that only acknowledges."""
        ...

    async def send(self, message: Outbound) -> Sent:
        """Send by the platform's API. Raises DeliveryFailed."""
        ...

    def limits(self, conversation: Conversation, now: Instant) -> Limits:
        """What can be sent in the conversation now."""
        ...


@runtime_checkable
class LimitsConcurrency(Protocol):
    """Optional: channels that send only a few messages at a time."""

    @property
    def max_concurrent_sends(self) -> int:
        """Sends at a time. Delivery takes no more from the outbox: one that waits here would be in doubt if the process
        died."""
        ...


@runtime_checkable
class ShowsTyping(Protocol):
    """Optional: channels with a typing indicator."""

    async def typing(self, conversation: Conversation) -> None:
        """Show the indicator for some seconds. No-op if the platform does not allow it now. Raises DeliveryFailed."""
        ...


class Polls(Protocol):
    """Something to poll on an account whose platform does not push everything."""

    async def poll(self, cursor: Cursor) -> PollResult:
        """What is new since the cursor. A failure of the platform is the result's `problem`, not an exception."""
        ...


@runtime_checkable
class IsPolled(Protocol):
    """Optional: channels that poll their platform."""

    @property
    def polls(self) -> Mapping[str, Polls]:
        """The polls of this account, by name."""
        ...


@runtime_checkable
class HasReplyWindow(Protocol):
    """Optional: channels that may send only for some time after the customer did something."""

    def opens_window(self, conversation: Conversation, inbound: Inbound, now: Instant) -> bool:
        """Whether this arrival opens the window. conversation: as it was before the arrival."""
        ...


@runtime_checkable
class ReportsStatus(Protocol):
    """Optional: channels whose platform can refuse the whole account."""

    async def sending_status(self) -> SendingStatus:
        """Whether the account can send. Raises Unavailable."""
        ...


@runtime_checkable
class HasBudget(Protocol):
    """Optional: channels whose platform charges for calls and counts them by app."""

    @property
    def app(self) -> str:
        """The app whose rate limits this account shares with others."""
        ...

    @property
    def budget(self) -> int | None:
        """Millionths of a dollar per UTC day; None for no limit."""
        ...


@runtime_checkable
class Closes(Protocol):
    """Optional: channels that hold connections."""

    async def close(self) -> None: ...


class ChatSettings(Protocol):
    """The settings of a web chat account that its pages read. title and questions have the fields `zh` and `en`."""

    @property
    def origins(self) -> Sequence[str]: ...
    @property
    def title(self) -> Any: ...
    @property
    def questions(self) -> Any: ...
    @property
    def token_days(self) -> int: ...


@runtime_checkable
class ServesVisitors(Channel, Protocol):
    """Optional: channels whose customers write in a browser, in the widget and page of `bot.web.webchat`."""

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> ChatSettings: ...

    @property
    def visitors(self) -> BrowserTokens:
        """Signs and verifies the tokens that identify visitors."""
        ...

    @property
    def max_length(self) -> int:
        """Characters of a visitor's message, at most."""
        ...


@dataclass(frozen=True, slots=True)
class TextLimit:
    """The length of a text message that a platform accepts."""

    platform: str  # its name as editors know it
    length: int  # in `unit`
    unit: Unit


@dataclass(frozen=True, slots=True)
class ChannelDeps:
    """What channels are built from besides their settings."""

    tokens: TokenCache
    live: LiveEvents
    clock: Clock
    rate_limits: RateLimits
    secret: str  # the deployment's


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """Everything that the rest of the code knows of a channel. Each package in `bot/channels` exports one as
    `CHANNEL`."""

    settings: type[BaseModel]  # validates an account's settings
    build: Callable[[str, Any, ChannelDeps], Channel]  # from the account's name and settings
    text_limit: TextLimit | None = None  # by which `yingda check` measures answers
    explain: Callable[[str], Message] = lambda _code: NO_TEXT  # the text for an error code
    examine: Callable[[AccountView, Any], Awaitable[list[Finding]]] | None = None  # the account's checks in the doctor
    # What was wrong and what to do, by the codes of `Refused` that wrong settings cause.
    refusals: Mapping[str, tuple[Message, Message]] = field(default_factory=dict)
    # If people also write to the brand in public: how such a post arrives, from the account's name, the author, the
    # thread, the text and the time.
    post: Callable[[str, str, str, str, Instant], Inbound | None] | None = None
    demo_only: bool = False  # it does not verify who writes
    demo_values: tuple[str, ...] = ()  # prefixes of the shipped configuration's ids, which live mode refuses
    page: str = ""  # path of our page on which customers write, with `{account}` in it
