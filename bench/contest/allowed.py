"""The earliest time at which X's limits allow all answers: the baseline of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

QUARTER, DAY = 900.0, 86_400.0


@dataclass(slots=True)
class _Window:
    """A limit as X counts it: it begins with its first request."""

    most: int
    seconds: float
    began: float = -DAY
    used: int = 0

    @property
    def over(self) -> float:
        return self.began + self.seconds

    def left(self, now: float) -> int:
        return self.most if now >= self.over else self.most - self.used

    def take(self, now: float, requests: int) -> None:
        if now >= self.over:
            self.began, self.used = now, 0
        self.used += requests


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests in 15 minutes and in 24 hours, 0 where there is no such limit. each: what one request carries."""

    quarter: int
    day: int = 0
    each: int = 1


def soonest(arrivals: Sequence[tuple[float, int]], rate: Rate) -> list[tuple[float, int]]:
    """(when, how many) at the earliest, in seconds, of what arrives as (when, how many) in order of time: every
    request at once when it is allowed."""
    windows = [_Window(most, span) for most, span in ((rate.quarter, QUARTER), (rate.day, DAY)) if most]
    done, waiting, coming, now = list[tuple[float, int]](), 0, list(arrivals), 0.0
    while waiting or coming:
        while coming and coming[0][0] <= now:
            waiting += coming.pop(0)[1]
        requests = min(-(-waiting // rate.each), *(window.left(now) for window in windows))
        if requests:
            many = min(waiting, requests * rate.each)
            for window in windows:
                window.take(now, requests)
            done.append((now, many))
            waiting -= many
            continue
        over = [window.over for window in windows if not window.left(now)]
        now = max(over) if waiting else coming[0][0]
    return done
