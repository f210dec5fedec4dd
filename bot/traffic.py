"""What customers really asked, and what the record knows about what they meant. Frozen, without behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from bot.decisions import Trace
from bot.messages import Instant


@dataclass(frozen=True, slots=True)
class Question:
    """A message to the bot with what was made of it. text: '' where it was none, or was erased.

    corrected: the entry that would have answered it, as an agent says; '' for none; None if nobody has said.
    """

    message_id: str
    conversation_id: str
    seq: int
    at: Instant
    text: str
    trace: Trace
    corrected: str | None = None
