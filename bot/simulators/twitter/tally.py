"""What went over the wire: counted for tests and benches, kept without content for the page."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Literal

_KEPT = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the API (what: its endpoint), one event pushed to a webhook, or one challenge (crc). took: ms."""

    at: float
    way: Literal["api", "push", "crc"]
    what: str
    outcome: str
    took: float = 0.0


class Tally:
    """asked: all requests by endpoint, such as 'GET /2/dm_events'; refused: those among them that got 429."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.calls: deque[Call] = deque(maxlen=_KEPT)

    def count(self, endpoint: str, status: int) -> None:
        self.asked[endpoint] += 1
        self.statuses[status] += 1
        self.refused[endpoint] += status == 429

    def clear(self) -> None:
        """Begin anew, as at the start of a measurement."""
        self.asked.clear()
        self.refused.clear()
        self.statuses.clear()
        self.calls.clear()
