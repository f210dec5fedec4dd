"""A turn as the gates of the dialogue manager see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.decisions import Turn
from bot.domain.messages import Conversation, Kind, Limits, StoredMessage
from bot.knowledge.editions import Edition
from bot.text.folding import folded, is_invisible

TALK_LASTS = 3_600.0  # seconds since the bot's last words, after which a talk begins anew
_SPOKEN = frozenset({Kind.TEXT, Kind.CLICK, Kind.VOICE})


@dataclass(frozen=True, slots=True)
class DialogueTurn(Turn):
    edition: Edition
    limits: Limits  # of the channel, now
    failure: Exception | None = None  # why the engine failed

    @property
    def has_words(self) -> bool:
        """Whether the customer said something in words, by typing, speaking or a menu's key."""
        return self.message.kind in _SPOKEN and not is_invisible(self.message.text)

    @property
    def fetches(self) -> bool:
        return fetches(self.message, self.conversation, self.limits)

    @property
    def slots(self) -> Mapping[str, Any]:
        return self.conversation.slots

    @property
    def begun(self) -> bool:
        """Whether the bot spoke lately: a greeting now is no beginning."""
        return self.now - float(self.slots.get("at", 0.0)) < TALK_LASTS


def fetches(message: StoredMessage, conversation: Conversation, limits: Limits) -> bool:
    """Whether the customer only asks for waiting replies, with the channel's word for it ("1")."""
    return bool(limits.fetch_word) and conversation.waiting > 0 and folded(message.text) == limits.fetch_word
