"""Polls the platforms that do not push everything: each poll at its own interval, in one process at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bot.domain.messages import Inbound, Instant
from bot.domain.turns import CursorUpdate
from bot.errors import Unavailable
from bot.ports.channels import Clock, Polls
from bot.ports.realtime import Leases
from bot.ports.storage import Cursors
from bot.telemetry import count

log = logging.getLogger(__name__)
CHECK_INTERVAL = 1.0  # seconds between two looks whether a poll is due
LEASE = 120.0  # seconds; longer than a poll takes, and the gap until another process goes on for one that died
RETRY_UNAVAILABLE = 5.0  # seconds until the next try
RETRY_FAILED = 15.0  # seconds until the next try


class Poller:
    """Runs in every process; each poll is done by the process that holds its lease."""

    def __init__(
        self,
        polls: Mapping[tuple[str, str], Polls],  # by account and name
        cursors: Cursors,
        # Accepts what a poll brought and moves its cursor, in one transaction.
        accept: Callable[[Sequence[Inbound], CursorUpdate], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._polls = polls
        self._cursors = cursors
        self._accept = accept
        self._clock = clock
        self._due: dict[tuple[str, str], Instant] = {}

    async def run(self, leases: Leases) -> None:
        """Poll until cancelled, all polls concurrently."""
        async with asyncio.TaskGroup() as tasks:
            for name in self._polls:
                tasks.create_task(self._keep_polling(name, leases))

    async def run_once(self) -> None:
        """Do every poll once, due or not."""
        for name in self._polls:
            await self.poll(name)

    async def poll(self, name: tuple[str, str]) -> None:
        """Poll once, accept what it brought, and note when the next poll is due. name: account and poll."""
        cursor = await self._cursors.cursor(*name)
        polled = await self._polls[name].poll(cursor)
        if polled.inbounds or polled.value != cursor.value:
            await self._accept(polled.inbounds, CursorUpdate(cursor, polled.value))
        if polled.problem:
            code, _, _ = polled.problem.partition(" ")  # behind a space is a number: too many labels
            count("polls_failed", account=name[0], code=code)
        self._due[name] = self._clock.now() + polled.wait

    async def _keep_polling(self, name: tuple[str, str], leases: Leases) -> None:
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            # The lease is prolonged also while nothing is due, so that no other process polls in between.
            if not await leases.hold(f"poll:{':'.join(name)}", LEASE) or self._clock.now() < self._due.get(name, 0.0):
                continue
            try:
                await self.poll(name)
            except Unavailable:
                log.warning("the database cannot be reached; polling again later")
                self._due[name] = self._clock.now() + RETRY_UNAVAILABLE
            except Exception:  # a defect in one channel must not end the loop
                log.exception("polling failed; it is tried again later")
                self._due[name] = self._clock.now() + RETRY_FAILED
