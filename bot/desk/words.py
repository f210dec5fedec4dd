"""What a customer hears when a person takes over: how long it will take, or when the desk opens (promise P5)."""

from __future__ import annotations

from bot.desk.queue import expected_minutes
from bot.intents.opening import OpeningHours
from bot.knowledge.editions import Edition
from bot.messages import Instant


class HandoffWords:
    """Chooses the editor's phrase. `minutes_per_case` is how long people take for one case, on average."""

    def __init__(self, hours: OpeningHours, minutes_per_case: int) -> None:
        self._hours = hours
        self._minutes_per_case = minutes_per_case

    def opening(self, edition: Edition, language: str, position: int, now: Instant) -> str:
        """The one message that opens a case. `position` is counted from 1."""
        opens = self._opens(language, now)
        if opens:
            return edition.phrase("handoff.closed", language, opens=opens)
        minutes = expected_minutes(position, self._minutes_per_case)
        return edition.phrase("handoff.waiting", language, position=position, minutes=minutes)

    def still_waiting(self, edition: Edition, language: str, position: int, now: Instant | None = None) -> str:
        """The one further message of a case. Without `now` the desk is taken to be open."""
        opens = self._opens(language, now) if now is not None else ""
        if opens:
            return edition.phrase("handoff.still_closed", language, opens=opens)
        return edition.phrase("handoff.still_waiting", language, position=position)

    def _opens(self, language: str, now: Instant) -> str:
        """When the desk opens, as people say it; '' if it is open, or has no hours at all to wait for."""
        opens = self._hours.opens_at(now)
        return "" if opens is None or opens <= now else self._hours.spoken(opens, language, now)
