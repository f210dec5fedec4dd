"""Finishes what was abandoned: messages whose process died, unclaimed offers, cases whose agent is silent, old rows.

It also makes the bot speak first where a conversation asks for that: after a pause, or once people are done.
Customers whose answer is late hear so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.messages import Inbound, Instant
from bot.errors import Unavailable
from bot.ports.channels import Clock
from bot.ports.realtime import Leases
from bot.ports.storage import Inbox, RetentionStore
from bot.telemetry import count

log = logging.getLogger(__name__)
AT_ONCE = 64  # conversations taken over together
PURGE_EVERY = 6 * 3_600.0  # seconds until the next look for old rows, once there are none


class AgentReleases(Protocol):
    async def release_silent(self, before: Instant) -> list[str]:
        """Put cases back into the queue whose agent has kept a customer waiting since `before`, or works no cases any
        more. Returns their ids. Raises Unavailable."""
        ...


class Prompts(Protocol):
    async def due(self, limit: int) -> list[Inbound]:
        """The messages that make the bot speak first, in conversations where it is time for that. A message that is
        accepted again is a repeat. Raises Unavailable."""


class CorrectsWaits(Protocol):
    async def say_due(self) -> list[str]:
        """Tell customers whose wait is longer than was said. Returns the ids of their cases. Raises Unavailable."""
        ...


class AbandonedDeliveries(Protocol):
    async def settle_abandoned(self, offered_age: float, sending_age: float) -> None:
        """Settle outbox rows that were offered or in sending so many seconds ago, without a result since."""
        ...


@dataclass(frozen=True, slots=True)
class SweepTimings:
    """All in seconds."""

    agent_timeout: float  # until a claimed case without an answer goes back to the queue
    interval: float = 1.0  # between two sweeps
    offer_timeout: float = 20.0  # until an offered reply that no repeat asked for is settled
    send_timeout: float = 60.0  # until a send without a result is taken for its process's death


class Sweeper:
    """Runs in every process; the one that holds the lease sweeps."""

    def __init__(  # noqa: PLR0913 - every argument is a part that is built elsewhere
        self,
        *,
        inbox: Inbox,
        cases: AgentReleases,
        waits: CorrectsWaits,
        retention: RetentionStore,
        deliveries: AbandonedDeliveries,
        prompts: Prompts,
        clock: Clock,
        timings: SweepTimings,
        resume: Callable[[str], Awaitable[None]],  # runs the turns of a conversation whose lease is ours
        accept: Callable[[Sequence[Inbound]], Awaitable[None]],  # takes in messages, which become turns
        notify_desk: Callable[[str], None],  # called with the id of each case that a sweep has changed
    ) -> None:
        self._inbox, self._cases, self._retention, self._deliveries = inbox, cases, retention, deliveries
        self._waits, self._prompts, self._clock, self._timings = waits, prompts, clock, timings
        self._resume, self._accept, self._notify_desk = resume, accept, notify_desk
        self._purged_at = 0.0

    async def run(self, leases: Leases) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(self._timings.interval)
            # The lease lasts for several sweeps: a slow one does not lose it, and a dead process is soon replaced.
            if not await leases.hold("sweeper", self._timings.interval * 5):
                continue
            try:
                await self.sweep()
            except Unavailable:
                log.warning("the database cannot be reached; the sweeper tries again later")
            except Exception:  # a defect in one of the steps must not end the loop
                log.exception("a sweep failed; it is tried again later")

    async def sweep(self) -> None:
        """Do every step once. Raises Unavailable."""
        await self._deliveries.settle_abandoned(self._timings.offer_timeout, self._timings.send_timeout)
        await self._resume_conversations()
        if due := await self._prompts.due(AT_ONCE):
            await self._accept(due)
        for case_id in await self._cases.release_silent(self._clock.now() - self._timings.agent_timeout):
            self._notify_desk(case_id)
        for case_id in await self._waits.say_due():
            self._notify_desk(case_id)
        await self._purge()

    async def _resume_conversations(self) -> None:
        """Run the turns of conversations whose lease has run out. It ends: one that fails keeps its new lease."""
        while taken := await self._inbox.claim_abandoned(AT_ONCE):
            count("taken_up", len(taken))
            await asyncio.gather(*(self._resume(conversation_id) for conversation_id in taken))

    async def _purge(self) -> None:
        """Delete some expired rows in each sweep: small transactions, so that no message waits behind them."""
        now = self._clock.now()
        if now - self._purged_at < PURGE_EVERY:
            return
        purged = await self._retention.purge(now)
        if purged:
            count("purged", sum(purged.values()))
        else:
            self._purged_at = now
