"""What members hear about their points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from bot.intents.calendar import dated
from bot.knowledge.editions import Edition
from bot.membership import Movement, Points
from bot.messages import Instant
from bot.ports import MemberDirectory

NEWEST = 3


class Statement:
    """Reads a member's points and says them in an edition's words. `words` gives the edition of a number."""

    def __init__(self, members: MemberDirectory, words: Callable[[int], Edition]) -> None:
        self._members = members
        self._words = words

    async def read(self, member_id: str, edition: int, language: str, now: Instant) -> str:
        """Balance and tier, what lapses next, the three newest movements. Raises MemberSystemFailed."""
        points = await self._members.points(member_id)
        return "\n".join(_lines(points, self._words(edition), language, now))


def _lines(points: Points, words: Edition, language: str, now: Instant) -> Iterator[str]:
    today = words.day(now)
    yield words.phrase("points.balance", language, points=points.balance, tier=tier_name(words, points.tier, language))
    yield _expiring(points, words, language, today)
    if not points.movements:
        yield words.phrase("points.no_movements", language)
        return
    yield words.phrase("points.movements", language)
    for movement in points.movements[:NEWEST]:
        yield _movement(movement, words, language, today)


def _expiring(points: Points, words: Edition, language: str, today: date) -> str:
    if points.expiring_at is None or points.expiring <= 0:
        return words.phrase("points.none_expiring", language)
    day = dated(words.day(points.expiring_at), language, today)
    return words.phrase("points.expiring", language, points=points.expiring, date=day)


def _movement(movement: Movement, words: Edition, language: str, today: date) -> str:
    what = movement.what.get(language) or next(iter(movement.what.values()), "")
    day = dated(words.day(movement.at), language, today)
    return words.phrase("points.movement", language, date=day, what=what, points=movement.points)


def tier_name(words: Edition, tier: str, language: str) -> str:
    """A tier as editors call it; as the member system does where they have no word for it."""
    name = f"tier.{tier}"
    return words.phrase(name, language) if name in words.phrases else tier
