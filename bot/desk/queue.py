"""In which order cases are taken, and what may honestly be said about the wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.cases import CaseLine, CaseState


def in_order(lines: Iterable[CaseLine]) -> list[CaseLine]:
    """The most urgent first; among equals whoever waits longest; a customer who waits for nothing comes last."""
    return sorted(lines, key=_place)


def position(lines: Sequence[CaseLine], case_id: str) -> int:
    """The place of a waiting case in the queue, counted from 1; 0 if it does not wait."""
    waiting = [line.id for line in in_order(lines) if line.state is CaseState.WAITING]
    return waiting.index(case_id) + 1 if case_id in waiting else 0


def expected_minutes(position: int, minutes_per_case: int) -> int:
    """How long the wait may be, in minutes: one case after the other.

    Not divided by the agents at work: who is logged in may be at lunch, and being early is the better mistake.
    """
    return max(position, 1) * minutes_per_case


def _place(line: CaseLine) -> tuple[int, int, float, float, str]:
    waits = line.waiting_since > 0 or line.state is CaseState.WAITING
    since = line.waiting_since or line.opened_at
    return -line.priority, 0 if waits else 1, since, line.opened_at, line.id
