"""The skill that says when people answer."""

from __future__ import annotations

from collections.abc import Callable

from bot.decisions import Answer, Decision, Turn
from bot.intents.opening import OpeningHours
from bot.knowledge.editions import Edition
from bot.messages import Instant


class HoursSkill:
    """Says whether somebody is there now, and until or from when. `words` gives the edition of a number."""

    intent = "hours"
    time_limit = 1.0

    def __init__(self, opening: OpeningHours, words: Callable[[int], Edition]) -> None:
        self._opening = opening
        self._words = words

    async def respond(self, turn: Turn) -> Decision:
        return Answer(self._said(self._words(turn.edition), turn.language, turn.now))

    def _said(self, words: Edition, language: str, now: Instant) -> str:
        if self._opening.is_open(now):
            closes = self._opening.closes_at(now)
            if closes is None:
                return words.phrase("hours.always", language)
            return words.phrase("hours.open", language, closes=self._opening.spoken(closes, language, now))
        opens = self._opening.opens_at(now)
        if opens is None:
            return words.phrase("hours.never", language)
        return words.phrase("hours.closed", language, opens=self._opening.spoken(opens, language, now))
