"""Things that can go wrong on a platform's side, switched on by a test or by the person at the page."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Generic, TypeVar

from bot.simulators.live import Live

F = TypeVar("F", bound=Any)  # a frozen dataclass; the faults that happen a number of times are int fields


class FaultSwitch(Generic[F]):
    """The faults now on; the counted ones are used up as they happen. live: who watches sees both."""

    def __init__(self, faults: F, live: Live | None = None) -> None:
        self.now = faults
        self.happened: Counter[str] = Counter()
        self._live = live

    def set(self, faults: F) -> None:
        self.now = faults
        if self._live is not None:
            self._live.tell("faults", faults)

    def take(self, name: str) -> bool:
        """Whether the counted fault `name` happens this time."""
        left: int = getattr(self.now, name)
        if left <= 0:
            return False
        self.set(replace(self.now, **{name: left - 1}))
        self.happened[name] += 1
        return True
