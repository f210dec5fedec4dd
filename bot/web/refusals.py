"""What is refused at the desk's door, told to those who run it: counters, a warning a minute, audit rows.

Everything is gathered and written once a minute, so that whoever knocks a thousand times fills neither log nor record.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping

from bot.cases import Deed
from bot.errors import Unavailable
from bot.messages import Instant
from bot.ports import AuditTrail, Clock
from bot.telemetry import count, counted_here

log = logging.getLogger(__name__)
MINUTE = 60.0
FAILED = "login_failed"
COUNTED = ("turned_away", "refused")
LOST_WAYS = frozenset({"path", "method"})  # scanners and typing mistakes; counted, and no news


class Refusals:
    """Of one process. Its memory is bounded: kinds are our own codes, and people are staff or nobody."""

    def __init__(self, trail: AuditTrail, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock
        self._since: dict[tuple[str, str, str], Instant] = {}
        self._times: Counter[tuple[str, str, str]] = Counter()
        self._told = _totals()

    def note(self, kind: str, action: str = "refused", staff: str = "") -> None:
        """Something was refused. kind: a code of ours. action: how the audit calls it. staff: an id, '' for a stranger
        who has said nothing that we know."""
        count("turned_away", kind=kind)
        if not staff and action != FAILED:
            return  # what strangers try beside logging in is nobody's deed
        key = (staff, action, kind)
        self._since.setdefault(key, self._clock.now())
        self._times[key] += 1

    async def run(self) -> None:
        """Tell once a minute, and once more when the process ends."""
        try:
            while True:
                await asyncio.sleep(MINUTE)
                await self.tell()
        finally:
            await self.tell()

    async def tell(self) -> None:
        self._warn()
        await self._write()

    def _warn(self) -> None:
        totals = _totals()
        for kind, times in totals.items():
            more = times - self._told.get(kind, 0)
            if more > 0:
                log.warning("refused %d times within a minute: %s", more, kind)
        self._told = totals

    async def _write(self) -> None:
        """What the record does not take now, it is given again."""
        since, times = self._since, self._times
        self._since, self._times = {}, Counter()
        deeds = [Deed(since[key], key[0], key[1], key[2], number) for key, number in times.items()]
        try:
            await self._trail.note(deeds)
        except Unavailable:
            self._since = {**self._since, **since}
            self._times.update(times)


def _totals() -> Mapping[str, int]:
    """How often each kind was refused since the process began: `login`, `signature on shop`."""
    totals: Counter[str] = Counter()
    for name in COUNTED:
        for labels, times in counted_here(name):
            code = labels.get("kind") or labels.get("code", "")
            if code not in LOST_WAYS:
                totals[f"{code} on {labels['account']}" if labels.get("account") else code] += int(times)
    return totals
