"""Ids as X makes them: 41 bits of milliseconds, then a sequence; a later thing has a greater id."""

from __future__ import annotations

from bot.ports import Clock

_EPOCH = 1_288_834_974_657  # milliseconds, 2010-11-04
_SEQUENCE = 22


class Snowflakes:
    """Never the same id twice, never a smaller one, even when the clock is moved back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        now = (int(self._clock.now() * 1000) - _EPOCH) << _SEQUENCE
        self._last = max(now, self._last + 1)
        return self._last
