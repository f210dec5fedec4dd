"""Looking for what platforms do not bring by themselves: each poll in its own time, by one process at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bot.errors import Unavailable
from bot.messages import Cursor, Instant, Polled
from bot.ports import Clock, Cursors, Leases, Polls
from bot.telemetry import count

log = logging.getLogger(__name__)
LOOK = 1.0
LEASE = 120.0  # longer than a poll takes; a process that died is followed by another after this
AWAY = 5.0
AFTER_FAILURE = 15.0


@dataclass(frozen=True, slots=True)
class Sources:
    """polls: by account and name. cursors: how far each has come. take_in: accepts what a poll brought and moves its
    cursor in the same transaction."""

    polls: Mapping[tuple[str, str], Polls]
    cursors: Cursors
    take_in: Callable[[Cursor, Polled], Awaitable[None]]


class Poller:
    """Runs in every process; each poll is one process's, by lease."""

    def __init__(self, sources: Sources, clock: Clock) -> None:
        self._sources = sources
        self._clock = clock
        self._due: dict[tuple[str, str], Instant] = {}

    async def run(self, leases: Leases) -> None:
        """Poll until cancelled, the polls beside each other."""
        async with asyncio.TaskGroup() as tasks:
            for name in self._sources.polls:
                tasks.create_task(self._keep_looking(name, leases))

    async def once(self) -> None:
        """Every poll once, due or not."""
        for name in self._sources.polls:
            await self.look(name)

    async def look(self, name: tuple[str, str]) -> None:
        """Poll once, accept what it brought, and note when to look again."""
        cursor = await self._sources.cursors.cursor(*name)
        polled = await self._sources.polls[name].poll(cursor)
        if polled.inbounds or polled.value != cursor.value:
            await self._sources.take_in(cursor, polled)
        if polled.problem:
            code, _, _ = polled.problem.partition(" ")  # what follows is a number, of which there are too many to count
            count("polls_failed", account=name[0], code=code)
        self._due[name] = self._clock.now() + polled.wait

    async def _keep_looking(self, name: tuple[str, str], leases: Leases) -> None:
        """The outermost loop: a look that fails is reported, and the next one tries again."""
        while True:
            await asyncio.sleep(LOOK)
            # prolonged also while there is nothing to do, so that no other process looks in between
            if not await leases.hold(f"poll:{':'.join(name)}", LEASE) or self._clock.now() < self._due.get(name, 0.0):
                continue
            try:
                await self.look(name)
            except Unavailable:
                log.warning("the database cannot be reached; polling again later")
                self._due[name] = self._clock.now() + AWAY
            except Exception:
                log.exception("polling failed; it is tried again later")
                self._due[name] = self._clock.now() + AFTER_FAILURE
