"""What people say about the brand without saying it to the brand: for people to see, and never answered.

X forbids to answer those who did not speak to an account (docs.x.com developer-guidelines, Replies & Mentions). So the
only decisions here are a case, or nothing.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from bot.decisions import Change, Decision, HandOff, Quiet, Turn
from bot.intents.sentiment import Sentiment
from bot.messages import Owner, Reason

DAY = 86_400.0
LEAST, MOST = -100, -1  # after everybody who spoke to us
_PERSONS = (Owner.QUEUE, Owner.AGENT)


class OverheardSkill:
    """One case per author and day. feel: how somebody feels who wrote a text."""

    intent = "overheard"
    time_limit = 10.0

    def __init__(self, feel: Callable[[str], Awaitable[Sentiment]]) -> None:
        self._feel = feel

    async def respond(self, turn: Turn) -> Decision:
        """More of the same author goes into the case that waits, which moves up if it is worse than what was there."""
        conversation = turn.conversation
        if conversation.owner not in _PERSONS and turn.now - conversation.resolved_at < DAY:
            return Quiet("overheard_lately")
        sentiment = await self._feel(turn.message.text)
        priority = rank(sentiment.unhappy, reach(turn.message.data.get("followers", "")))
        if conversation.owner in _PERSONS:
            return Quiet("with_a_person", (Change("rank", {"priority": priority, "detail": sentiment.name}),))
        return HandOff(Reason.OVERHEARD, detail=sentiment.name, priority=priority)


def rank(unhappy: float, followers: int) -> int:
    """How early people should look, from LEAST to MOST: how unhappy somebody probably is, times how many read them,
    in powers of ten."""
    return max(LEAST, min(MOST, LEAST + round(10 * unhappy * (1 + math.log10(1 + followers)))))


def unread(why: str) -> HandOff:
    """What nothing could be made of still becomes a case: the last of all."""
    return HandOff(Reason.OVERHEARD, detail=why, priority=LEAST)


def reach(followers: str) -> int:
    """A platform's number, which may be missing or absurd."""
    return int(followers) if followers.isascii() and followers.isdigit() and len(followers) <= 12 else 0
