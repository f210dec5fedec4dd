"""Posts about the brand that are not addressed to it: shown to people, never answered.

X forbids replies to users who did not address the account (https://docs.x.com/developer-guidelines, "Replies &
Mentions"). So this skill only opens a case, or is quiet.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from bot.domain.decisions import Change, Decision, HandOff, Quiet, Turn
from bot.domain.messages import DAY, PERSONS, Reason
from bot.intents.sentiment import Sentiment

LEAST, MOST = -100, -1  # priorities; customers who wrote to us have 0 or more


class SocialListeningSkill:
    """Opens one case per author and day. sentiment_of: classifies a text."""

    intent = "overheard"
    time_limit = 10.0

    def __init__(self, sentiment_of: Callable[[str], Awaitable[Sentiment]]) -> None:
        self._sentiment_of = sentiment_of

    async def respond(self, turn: Turn) -> Decision:
        """A further post of the same author joins their open case, and moves it up if it is more urgent."""
        conversation = turn.conversation
        if conversation.owner not in PERSONS and turn.now - conversation.resolved_at < DAY:
            return Quiet("overheard_lately")
        sentiment = await self._sentiment_of(turn.message.text)
        priority = rank(sentiment.unhappy, reach(turn.message.data.get("followers", "")))
        if conversation.owner in PERSONS:
            return Quiet("with_a_person", changes=(Change("rank", {"priority": priority, "detail": sentiment.name}),))
        return HandOff(Reason.OVERHEARD, detail=sentiment.name, priority=priority)


def rank(unhappy: float, followers: int) -> int:
    """The priority of a case, LEAST to MOST: grows with the probability that the author is unhappy, and with the
    logarithm of how many follow them."""
    return max(LEAST, min(MOST, LEAST + round(10 * unhappy * (1 + math.log10(1 + followers)))))


def handoff_unread(why: str) -> HandOff:
    """A case for a post whose turn failed, with the lowest priority. why: a code."""
    return HandOff(Reason.OVERHEARD, detail=why, priority=LEAST)


def reach(followers: str) -> int:
    """The number of followers that a platform reports; 0 if it is missing or not a number of at most 12 digits."""
    return int(followers) if followers.isascii() and followers.isdigit() and len(followers) <= 12 else 0
