"""The skill that tells members their points."""

from __future__ import annotations

from collections.abc import Callable

from bot.decisions import Answer, Decision, Turn
from bot.intents.linking import begin, verified_member
from bot.intents.statement import Statement
from bot.knowledge.editions import Edition
from bot.messages import Audience
from bot.ports import MemberDirectory


class PointsSkill:
    """Tells a proved member their points, in private; finds out first who anybody else is."""

    intent = "points"

    def __init__(self, members: MemberDirectory, words: Callable[[int], Edition], time_limit: float = 3.0) -> None:
        self._words = words
        self._statement = Statement(members, words)
        self.time_limit = time_limit

    async def respond(self, turn: Turn) -> Decision:
        """Raises MemberSystemFailed."""
        member_id = verified_member(turn.conversation.identity, turn.now)
        if member_id is None:
            return begin(self._words(turn.edition), turn, then=self.intent)
        said = await self._statement.read(member_id, turn.edition, turn.language, turn.now)
        return Answer(said, audience=Audience.PRIVATE)
