"""What can go wrong on the platform's side, switched on by a test or by the person at the page."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults that are on.

    slow: seconds by which every API call is late. down: every API call gets 503. error: this errcode for the next
    `error_times` sends. drop: so many sends are carried out and the connection then falls. duplicate: so many
    messages are pushed twice at the same time. swap: so many messages are overtaken by the next one.
    """

    slow: float = 0.0
    down: bool = False
    error: int = 0
    error_times: int = 0
    drop: int = 0
    duplicate: int = 0
    swap: int = 0


class FaultSwitch:
    """The faults now on; the counted ones are used up as they happen."""

    def __init__(self) -> None:
        self.now = Faults()
        self.happened: Counter[str] = Counter()

    def set(self, faults: Faults) -> None:
        self.now = faults

    def take(self, name: str) -> bool:
        """Whether the counted fault `name` happens this time."""
        faults = asdict(self.now)
        if faults[name] <= 0:
            return False
        self.now = Faults(**faults | {name: faults[name] - 1})
        self.happened[name] += 1
        return True
