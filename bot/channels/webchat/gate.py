"""How often a visitor may knock: buckets in the nerve, and a short memory for those who have just been told to wait."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import Refused
from bot.ports import Buckets

MOST_SHUT = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket of `burst` that fills by `per_second`."""

    per_second: float
    burst: int

    @property
    def wait(self) -> int:
        """After how many seconds there is certainly room again."""
        return max(1, math.ceil(1 / self.per_second))


class TooMany(Refused):
    """Knocked too often; welcome again after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(429, "too_many")
        self.seconds = seconds


class Gate:
    """Counts over all processes. Who was refused is refused again without asking the nerve until they had to wait:
    a flood of ten thousand knocks a second costs the others nothing but a look into a dictionary each."""

    def __init__(self, buckets: Buckets, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = buckets
        self._clock = clock
        self._shut: OrderedDict[str, float] = OrderedDict()

    async def knock(self, name: str, rate: Rate) -> None:
        """Raises TooMany."""
        if self._shut.get(name, 0.0) > self._clock():
            raise TooMany(rate.wait)
        if not await self._buckets.allow(name, rate.per_second, rate.burst):
            self._remember(name, self._clock() + rate.wait)
            raise TooMany(rate.wait)

    def _remember(self, name: str, until: float) -> None:
        self._shut[name] = until
        self._shut.move_to_end(name)
        if len(self._shut) > MOST_SHUT:
            self._shut.popitem(last=False)
