"""What was left over: messages whose process died, offers nobody asked for again, cases whose agent fell silent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from bot.errors import Unavailable
from bot.messages import Instant
from bot.ports import Clock, Housekeeping, Intake, Leases, Outbox
from bot.telemetry import count

log = logging.getLogger(__name__)
AT_ONCE = 64
PURGE_EVERY = 6 * 3_600.0


class Cases(Protocol):
    async def release_silent(self, before: Instant) -> list[str]:
        """Cases whose agent has left a customer waiting since `before`, or works no cases any more, go back to the
        queue; their ids."""
        ...


class Deliveries(Protocol):
    async def doubt_orphans(self, age: float) -> int:
        """Sends whose process died `age` seconds ago stand in doubt; how many."""
        ...


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Where the sweeper looks."""

    intake: Intake
    outbox: Outbox
    cases: Cases
    housekeeping: Housekeeping
    deliveries: Deliveries


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may lie, in seconds, and how often to look."""

    silent_agent: float
    every: float = 1.0
    offer: float = 20.0
    sending: float = 60.0


class Sweeper:
    """Runs in every process; one of them, by lease, does the work at a time."""

    def __init__(
        self,
        left: Leftovers,
        patience: Patience,
        clock: Clock,
        resume: Callable[[str], Awaitable[None]],
        released: Callable[[str], None],
    ) -> None:
        self._left = left
        self._patience = patience
        self._clock = clock
        self._resume = resume
        self._released = released
        self._purged_at = 0.0

    async def run(self, leases: Leases) -> None:
        """Sweep until cancelled. The outermost loop: a sweep that fails is reported, and the next one tries again."""
        while True:
            await asyncio.sleep(self._patience.every)
            if not await leases.hold("sweeper", self._patience.every * 5):
                continue
            try:
                await self.sweep()
            except Unavailable:
                log.warning("the database cannot be reached; the sweeper tries again later")
            except Exception:
                log.exception("a sweep failed; it is tried again later")

    async def sweep(self) -> None:
        """Look once at everything that may have been left over."""
        await self._outbox()
        await self._take_up()
        for case_id in await self._left.cases.release_silent(self._clock.now() - self._patience.silent_agent):
            self._released(case_id)
        await self._purge()

    async def _take_up(self) -> None:
        """Each conversation once: one that fails again keeps its lease, so this ends."""
        while taken := await self._left.intake.take_up(AT_ONCE):
            for _ in taken:
                count("taken_up")
            await asyncio.gather(*(self._resume(conversation_id) for conversation_id in taken))

    async def _outbox(self) -> None:
        await self._left.outbox.close_offers(self._patience.offer)
        await self._left.deliveries.doubt_orphans(self._patience.sending)

    async def _purge(self) -> None:
        """A little in each sweep, so that nothing else waits; once nothing is due, not again for hours."""
        now = self._clock.now()
        if now - self._purged_at < PURGE_EVERY:
            return
        gone = await self._left.housekeeping.purge(now)
        if gone:
            count("purged", sum(gone.values()))
        else:
            self._purged_at = now
