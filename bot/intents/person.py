"""The skill of knowing when a person is wanted."""

from __future__ import annotations

from bot.decisions import Decision, HandOff, Turn
from bot.messages import Reason


class PersonSkill:
    """Asked for a person, the bot makes no attempt to talk anybody out of it."""

    intent = "person"
    time_limit = 1.0

    async def respond(self, turn: Turn) -> Decision:  # noqa: ARG002 - nothing in it could change this
        return HandOff(Reason.ASKED)
