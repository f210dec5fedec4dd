"""The order of the queue of cases, and what a customer reads about the wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.desk.opening_hours import OpeningHours
from bot.domain.cases import CaseLine, CaseState
from bot.domain.messages import Instant
from bot.knowledge.editions import Edition


def queue_order(lines: Iterable[CaseLine]) -> list[CaseLine]:
    """By priority, then those who have waited longest; customers who wait for no answer come after those who do."""
    return sorted(lines, key=_sort_key)


def queue_position(lines: Sequence[CaseLine], case_id: str) -> int:
    """The place of a waiting case in the queue, from 1; 0 if it does not wait."""
    waiting = [line.id for line in queue_order(lines) if line.state is CaseState.WAITING]
    return waiting.index(case_id) + 1 if case_id in waiting else 0


def expected_minutes(position: int, minutes_per_case: int) -> int:
    """Upper estimate of the wait in minutes, with one agent at work. position: from 1."""
    # Not divided by the agents who are logged in: they may be at lunch, and an answer before the time does no harm.
    return max(position, 1) * minutes_per_case


def _sort_key(line: CaseLine) -> tuple[int, int, float, float, str]:
    waits = line.waiting_since > 0 or line.state is CaseState.WAITING
    since = line.waiting_since or line.opened_at
    return -line.priority, 0 if waits else 1, since, line.opened_at, line.id


class HandoffPhrases:
    """Chooses the editor's phrase for a handoff: how long the wait is, or when the desk opens.

    minutes_per_case: how long people need for one case, on average.
    """

    def __init__(self, hours: OpeningHours, minutes_per_case: int) -> None:
        self._hours = hours
        self._minutes_per_case = minutes_per_case

    def opening(self, edition: Edition, language: str, position: int, now: Instant) -> str:
        """The message that opens a case. position: place in the queue, from 1."""
        opens = self._opens(language, now)
        if opens:
            return edition.phrase("handoff.closed", language, opens=opens)
        minutes = expected_minutes(position, self._minutes_per_case)
        return edition.phrase("handoff.waiting", language, position=position, minutes=minutes)

    def still_waiting(self, edition: Edition, language: str, position: int, now: Instant | None = None) -> str:
        """The one further message of a waiting case. now: None if the desk is known to be open."""
        opens = self._opens(language, now) if now is not None else ""
        if opens:
            return edition.phrase("handoff.still_closed", language, opens=opens)
        return edition.phrase("handoff.still_waiting", language, position=position)

    def _opens(self, language: str, now: Instant) -> str:
        """When the desk opens, as text; '' if it is open or does not open in the next 400 days."""
        opens = self._hours.opens_at(now)
        return "" if opens is None or opens <= now else self._hours.spoken(opens, language, now)
