"""The order of the queue of cases, how long the wait is, and what a customer reads about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.desk.opening_hours import OpeningHours
from bot.domain.cases import CaseLine, CaseState, FirstAnswer, QueueState
from bot.domain.messages import Instant
from bot.knowledge.editions import Edition

ENOUGH_ANSWERS = 3  # below, the last hour says too little about the wait
KEPT_SHARE = 0.75  # of the customers of the last hour, who would have been answered within the wait that is said


def queue_order(lines: Iterable[CaseLine]) -> list[CaseLine]:
    """By priority, then those who have waited longest; customers who wait for no answer come after those who do."""
    return sorted(lines, key=_sort_key)


def queue_position(lines: Sequence[CaseLine], case_id: str) -> int:
    """The place of a waiting case in the queue, from 1; 0 if it does not wait."""
    waiting = [line.id for line in queue_order(lines) if line.state is CaseState.WAITING]
    return waiting.index(case_id) + 1 if case_id in waiting else 0


def expected_minutes(queue: QueueState, minutes_per_case: int) -> int:
    """The wait in minutes, at least 1: as long for each place in the queue as customers have waited for theirs lately.

    minutes_per_case: for each place, if there were too few answers lately.
    """
    # The agents who are logged in do not count: they may be at lunch. What they have answered does.
    if len(queue.answers) < ENOUGH_ANSWERS:
        return queue.place * minutes_per_case
    return max(math.ceil(queue.place * _seconds_per_place(queue.answers) / 60), 1)


def _seconds_per_place(answers: Sequence[FirstAnswer]) -> float:
    paces = sorted(answer.waited / answer.place for answer in answers)
    return paces[math.ceil(KEPT_SHARE * len(paces)) - 1]


def _sort_key(line: CaseLine) -> tuple[int, int, float, float, str]:
    waits = line.waiting_since > 0 or line.state is CaseState.WAITING
    since = line.waiting_since or line.opened_at
    return -line.priority, 0 if waits else 1, since, line.opened_at, line.id


@dataclass(frozen=True, slots=True)
class HandoffNotice:
    """What is said to a customer about a handoff."""

    wordings: tuple[str, ...]  # the one to send first; in public there may be more
    place: int = 0  # of a case that opens
    promised_until: Instant = 0.0  # when the wait that it names ends; 0 if it names none


class HandoffPhrases:
    """Chooses the editor's phrase for a handoff: how long the wait is, or when the desk opens.

    In public neither place nor wait is said: others read along, and each of them has another.

    minutes_per_case: how long people need for one case, until their answers of the last hour tell.
    """

    def __init__(self, hours: OpeningHours, minutes_per_case: int) -> None:
        self._hours = hours
        self._minutes_per_case = minutes_per_case

    def counts_since(self, now: Instant) -> Instant:
        """The earliest opening of a case whose wait tells about the wait now: none with a closed desk in between."""
        since = self._hours.open_since(now)
        return now if since is None else since

    def opening(
        self, edition: Edition, language: str, queue: QueueState, now: Instant, *, public: bool = False
    ) -> HandoffNotice:
        """The message that opens a case."""
        opens = self._opens(language, now)
        if opens and public:
            return HandoffNotice(_lines(edition.phrase("handoff.public_closed", language, opens=opens)), queue.place)
        if opens:
            return HandoffNotice((edition.phrase("handoff.closed", language, opens=opens),), queue.place)
        minutes = expected_minutes(queue, self._minutes_per_case)
        until = None if public else self._hours.after(now, minutes * 60.0)
        if until is None:  # in public, or the desk opens no more
            return HandoffNotice(_lines(edition.phrase("handoff.public", language)), queue.place)
        words = edition.phrase("handoff.waiting", language, position=queue.place, minutes=minutes)
        return HandoffNotice((words,), queue.place, until)

    def still_waiting(self, edition: Edition, language: str, position: int, now: Instant) -> HandoffNotice:
        """The one further message to a customer who writes while the case waits."""
        opens = self._opens(language, now)
        if opens:
            return HandoffNotice((edition.phrase("handoff.still_closed", language, opens=opens),))
        return HandoffNotice((edition.phrase("handoff.still_waiting", language, position=position),))

    def corrected(self, edition: Edition, language: str, queue: QueueState) -> str:
        """The one message to a customer who has waited for longer than they were told."""
        minutes = expected_minutes(queue, self._minutes_per_case)
        return edition.phrase("handoff.corrected", language, position=queue.place, minutes=minutes)

    def is_open(self, now: Instant) -> bool:
        return self._hours.is_open(now)

    def _opens(self, language: str, now: Instant) -> str:
        """When the desk opens, as text; '' if it is open or does not open in the next 400 days."""
        opens = self._hours.opens_at(now)
        return "" if opens is None or opens <= now else self._hours.spoken(opens, language, now)


def _lines(wordings: str) -> tuple[str, ...]:
    return tuple(line for line in wordings.splitlines() if line.strip())
