"""The skill that says when people answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from bot.decisions import Answer, Decision, Turn
from bot.intents.calendar import near
from bot.intents.days import asked_day
from bot.intents.opening import OpeningHours
from bot.knowledge.editions import Edition
from bot.messages import Instant


class HoursSkill:
    """Says when somebody is there: on the day that is asked about, else now and until or from when. `words` gives the
    edition of a number."""

    intent = "hours"
    time_limit = 1.0

    def __init__(self, opening: OpeningHours, words: Callable[[int], Edition]) -> None:
        self._opening = opening
        self._words = words

    async def respond(self, turn: Turn) -> Decision:
        words, day = self._words(turn.edition), asked_day(turn.message.text, self._opening.today(turn.now))
        about_day = self._said_of(day, words, turn.language, turn.now) if day else ""
        return Answer(about_day or self._said(words, turn.language, turn.now))

    def _said_of(self, day: date, words: Edition, language: str, now: Instant) -> str:
        """When somebody is there on a day; '' where the edition has no words for it."""
        name, times = near(day, language, self._opening.today(now)), self._opening.hours_of(day, language)
        if times:
            return words.phrase_if_any("hours.day", language, day=name, times=times)
        opens = self._opening.opens_after(day)
        if opens is None:
            return words.phrase("hours.never", language)
        spoken = self._opening.spoken(opens, language, now)
        return words.phrase_if_any("hours.day_closed", language, day=name, opens=spoken)

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
