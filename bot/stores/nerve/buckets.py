"""Rate buckets of this process alone, for while the nerve is gone."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MOST = 10_000


class OwnBuckets:
    """Bounded: of more than 10,000 names the ones unused for longest are forgotten, which fills their buckets."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, name: str, per_second: float, burst: int) -> bool:
        now = self._clock()
        level, at = self._levels.pop(name, (float(burst), now))
        level = min(burst, level + (now - at) * per_second)
        allowed = level >= 1
        self._levels[name] = (level - allowed, now)
        if len(self._levels) > MOST:
            self._levels.popitem(last=False)
        return allowed
