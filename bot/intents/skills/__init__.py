"""The built-in skills, by the names that entries give them. A new skill is a module and a line in SKILLS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.desk.opening_hours import OpeningHours
from bot.domain.decisions import Answer, Decision, HandOff, Turn
from bot.domain.messages import Audience, Reason
from bot.intents.skills.account_linking import LinkingTerms, LinkSkill, begin, verified_member
from bot.intents.skills.opening_hours import HoursSkill
from bot.intents.skills.points_statement import statement
from bot.ports.nlu import MemberDirectory, Skill
from bot.ports.storage import OneTimeCodeStore


class PersonSkill:
    """Hands off at once: the bot does not try to keep a customer who asks for a person."""

    intent = "person"
    time_limit = 1.0

    def __init__(self, reason: Reason = Reason.ASKED) -> None:
        self._reason = reason

    async def respond(self, turn: Turn) -> Decision:  # noqa: ARG002
        return HandOff(self._reason)


class PointsSkill:
    """Tells verified members their points, in private; asks other customers who they are first."""

    intent = "points"

    def __init__(self, members: MemberDirectory, time_limit: float = 3.0) -> None:
        self._members = members
        self.time_limit = time_limit

    async def respond(self, turn: Turn) -> Decision:
        """Raises MemberSystemFailed."""
        member_id = verified_member(turn.conversation.identity, turn.now)
        if member_id is None:
            return begin(turn, then=self.intent)
        points = await self._members.points(member_id)
        return Answer(statement(points, turn), audience=Audience.PRIVATE)


@dataclass(frozen=True, slots=True)
class SkillDeps:
    """What skills are built from. Their phrases come with each turn's edition."""

    members: MemberDirectory
    codes: OneTimeCodeStore
    terms: LinkingTerms
    opening: OpeningHours


SKILLS: dict[str, Callable[[SkillDeps], Skill]] = {
    "points": lambda deps: PointsSkill(deps.members),
    "link": lambda deps: LinkSkill(deps.members, deps.codes, deps.terms),
    "person": lambda _: PersonSkill(),
    "hours": lambda deps: HoursSkill(deps.opening),
}
OF_MEMBERS = ("points", "link")  # need a member database; without one a person answers
