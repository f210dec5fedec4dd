"""Counts refused requests, and reports them once a minute in the log and the audit trail.

Reports are collected for a minute, so that a flood of requests fills neither the log nor the database.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping

from bot.domain.cases import AuditAction, AuditEntry
from bot.domain.messages import Instant
from bot.errors import Unavailable
from bot.ports.channels import Clock
from bot.ports.desk import AuditTrail
from bot.telemetry import Counted, count, process_counters

log = logging.getLogger(__name__)
MINUTE = 60.0
LOGIN_FAILED: AuditAction = "login_failed"
COUNTED: tuple[Counted, ...] = ("turned_away", "refused")  # metrics that are logged
HARMLESS = frozenset({"path", "method"})  # scanners and typing mistakes: counted and not logged


class Refusals:
    """The refusals of one process."""

    def __init__(self, trail: AuditTrail, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock
        # By staff id, action and kind. Bounded: kinds are our own codes, and staff ids are those of known people.
        self._since: dict[tuple[str, AuditAction, str], Instant] = {}
        self._times: Counter[tuple[str, AuditAction, str]] = Counter()
        self._logged = _totals()

    def record(self, kind: str, action: AuditAction = "refused", staff: str = "") -> None:
        """Count a refusal. kind: one of our codes. action: its name in the audit trail. staff: an id, '' if unknown."""
        count("turned_away", kind=kind)
        if not staff and action != LOGIN_FAILED:
            return  # only attempts to log in are audited without a staff member
        key = (staff, action, kind)
        self._since.setdefault(key, self._clock.now())
        self._times[key] += 1

    async def run(self) -> None:
        """Report once a minute, and when the process ends."""
        try:
            while True:
                await asyncio.sleep(MINUTE)
                await self.report()
        finally:
            await self.report()

    async def report(self) -> None:
        self._warn()
        await self._write()

    def _warn(self) -> None:
        totals = _totals()
        for kind, times in totals.items():
            more = times - self._logged.get(kind, 0)
            if more > 0:
                log.warning("refused %d times within a minute: %s", more, kind)
        self._logged = totals

    async def _write(self) -> None:
        """Write the audit rows; rows that cannot be written now are kept for the next time."""
        since, times = self._since, self._times
        self._since, self._times = {}, Counter()
        entries = [AuditEntry(since[key], key[0], key[1], key[2], number) for key, number in times.items()]
        try:
            await self._trail.record(entries)
        except Unavailable:
            self._since = {**self._since, **since}
            self._times.update(times)


def _totals() -> Mapping[str, int]:
    """Refusals since the process began, by label: 'login', 'signature on shop'."""
    totals: Counter[str] = Counter()
    for name in COUNTED:
        for labels, times in process_counters(name):
            code = labels.get("kind") or labels.get("code", "")
            if code not in HARMLESS:
                totals[f"{code} on {labels['account']}" if labels.get("account") else code] += int(times)
    return totals
