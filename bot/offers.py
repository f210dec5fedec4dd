"""The request that brought a message can still carry the reply, for a while: taken once, or gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto
from typing import Protocol

from bot.errors import Unavailable
from bot.messages import Outbound

log = logging.getLogger(__name__)
GATHERED = 0.25
TAKEN_OVER = 1.0  # seconds between two looks


class Late(Enum):
    """No reply in time."""

    LATE = auto()


LATE = Late.LATE


class Offer:
    """One platform request waiting for its reply until `until` (seconds of the event loop's clock).

    Whoever takes it before the deadline must give it something, or give it back; after the deadline it is gone and
    nobody can take it. So a reply travels either in the response or by the outbox, never both.
    """

    def __init__(self, render: Callable[[Outbound], bytes], until: float) -> None:
        self.render = render
        self.message_id = ""
        self._until = until
        self._taken = False
        self._reply: asyncio.Future[bytes | Late | None] = asyncio.get_running_loop().create_future()

    @property
    def open(self) -> bool:
        """Whether a reply would still be in time."""
        return not self._reply.done() and asyncio.get_running_loop().time() < self._until

    def take(self) -> bool:
        """Reserve it for a reply that is about to be committed."""
        if self._taken or not self.open:
            return False
        self._taken = True
        return True

    def give(self, body: bytes | Late | None) -> None:
        """The response's bytes; None to only acknowledge."""
        if not self._reply.done():
            self._reply.set_result(body)

    def give_back(self) -> None:
        """The commit was lost: somebody may take it again."""
        self._taken = False
        if not self.open:
            self.give(LATE)

    async def outcome(self) -> bytes | Late | None:
        """What to respond; LATE if nobody took it in time. A taken one is waited for: its commit has begun."""
        deadline = asyncio.get_running_loop().call_at(self._until, self._expire)
        try:
            return await self._reply
        finally:
            deadline.cancel()

    def _expire(self) -> None:
        if not self._taken:
            self.give(LATE)


class Notes(Protocol):
    """Remembers what was written until the record knows, past the death of this process."""

    def keep(self, message_id: str) -> None:
        """At once, waiting for nothing."""
        ...

    def only(self, message_ids: Sequence[str]) -> None:
        """The record knows of all others."""
        ...

    async def take_over(self, write: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        """Give `write` what processes that are gone have left, and forget it when that returns."""
        ...


class Written:
    """Notes which responses were written to the platform's connections, a quarter of a second's worth at a time.

    `notes` has them meanwhile. What is lost all the same, with the machine, stands in doubt on the desk: that errs on
    the honest side.
    """

    def __init__(self, write: Callable[[Sequence[str]], Awaitable[None]], notes: Notes) -> None:
        self._write = write
        self._notes = notes
        self._gathered: list[str] = []
        self._task: asyncio.Task[None] | None = None

    def note(self, message_id: str) -> None:
        self._notes.keep(message_id)
        self._gathered.append(message_id)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._later())

    async def flush(self) -> None:
        """Write what has gathered now."""
        gathered, self._gathered = self._gathered, []
        if gathered:
            await self._write(gathered)
            self._notes.only(self._gathered)

    async def take_over(self) -> None:
        """Again and again, until cancelled: write what others that are gone have left."""
        while True:
            await self._notes.take_over(self._write)
            await asyncio.sleep(TAKEN_OVER)

    async def _later(self) -> None:
        while self._gathered:
            await asyncio.sleep(GATHERED)
            try:
                await self.flush()
            except Unavailable:
                log.warning("the database cannot be reached; some replies will be marked as possibly not delivered")
