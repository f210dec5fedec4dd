"""The text that tells a member their points."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from bot.desk.opening_hours import spoken_date
from bot.domain.decisions import EditionWords, Turn
from bot.domain.members import Points, PointsChange

NEWEST = 3  # changes that are listed


def statement(points: Points, turn: Turn) -> str:
    """Balance and tier, what expires next, and the newest changes, in the phrases of the turn's edition."""
    return "\n".join(_lines(points, turn.edition, turn.language, turn.edition.day(turn.now)))


def _lines(points: Points, words: EditionWords, language: str, today: date) -> Iterator[str]:
    yield words.phrase("points.balance", language, points=points.balance, tier=tier_name(words, points.tier, language))
    yield _expiring(points, words, language, today)
    if not points.movements:
        yield words.phrase("points.no_movements", language)
        return
    yield words.phrase("points.movements", language)
    for movement in points.movements[:NEWEST]:
        yield _movement(movement, words, language, today)


def _expiring(points: Points, words: EditionWords, language: str, today: date) -> str:
    if points.expiring_at is None or points.expiring <= 0:
        return words.phrase("points.none_expiring", language)
    day = spoken_date(words.day(points.expiring_at), language, today)
    return words.phrase("points.expiring", language, points=points.expiring, date=day)


def _movement(movement: PointsChange, words: EditionWords, language: str, today: date) -> str:
    what = movement.what.get(language) or next(iter(movement.what.values()), "")
    day = spoken_date(words.day(movement.at), language, today)
    return words.phrase("points.movement", language, date=day, what=what, points=movement.points)


def tier_name(words: EditionWords, tier: str, language: str) -> str:
    """The edition's phrase for a tier; the member system's own name if it has none."""
    return words.phrase_if_any(f"tier.{tier}", language) or tier
