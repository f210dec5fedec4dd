"""How many customer-service messages WeChat still allows in a conversation [DOC api_sendcustommessage, 2023-06-12]."""

from __future__ import annotations

from dataclasses import dataclass

from bot.messages import Conversation, Instant, Kind

WRITTEN = (5, 48 * 3600.0)  # a message of the customer: five within 48 hours
TOUCHED = (3, 60.0)  # a menu click, a follow, a QR scan: three within a minute
TOUCHES = frozenset({Kind.CLICK, Kind.FOLLOW, Kind.EVENT})


@dataclass(frozen=True, slots=True)
class Window:
    until: Instant
    left: int


def window_of(conversation: Conversation, now: Instant) -> Window:
    """The window opened when the customer was last heard; nothing is left once it is over."""
    allowed, seconds = TOUCHED if conversation.heard_kind in TOUCHES else WRITTEN
    until = conversation.heard_at + seconds
    left = max(0, allowed - conversation.sent_in_window) if now < until else 0
    return Window(until, left)
