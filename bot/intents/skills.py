"""The skills there are, by the names that entries give them. A new one is a file and a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.intents.hours import HoursSkill
from bot.intents.linking import LinkSkill, Terms
from bot.intents.opening import OpeningHours
from bot.intents.person import PersonSkill
from bot.intents.points import PointsSkill
from bot.knowledge.editions import Edition
from bot.ports import Codes, MemberDirectory, Skill


@dataclass(frozen=True, slots=True)
class Reach:
    """What a skill may be made with. words: the edition of a number."""

    members: MemberDirectory
    codes: Codes
    terms: Terms
    opening: OpeningHours
    words: Callable[[int], Edition]


SKILLS: dict[str, Callable[[Reach], Skill]] = {
    "points": lambda reach: PointsSkill(reach.members, reach.words),
    "link": lambda reach: LinkSkill(reach.members, reach.codes, reach.words, reach.terms),
    "person": lambda _: PersonSkill(),
    "hours": lambda reach: HoursSkill(reach.opening, reach.words),
}
