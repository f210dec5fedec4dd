"""Looks out for news in the mailboxes whose owners are reading just now, for all streams of this process together.

The nerve says at once whose; without it the marks of all are compared once a second, in one question to the record
for hundreds of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from bot.channels.webchat.channel import TOPIC, address
from bot.errors import Refused
from bot.networks import UNKNOWN
from bot.ports import LiveEvents, Mailbox

BEAT = 1.0
EACH = 8  # streams of one visitor: a ninth tab ends the oldest
ALL = 4_000  # of this process
NEARBY = 100  # of those, from one network
REPLACED = "replaced"

Box = tuple[str, str]


class Seat:
    """One stream's place: waits until there is something to read, or it has to go. gone: why, '' while it may stay."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self.gone = ""
        self.tell()

    def tell(self) -> None:
        self._news.set()

    def end(self, why: str) -> None:
        self.gone = self.gone or why
        self.tell()

    async def news(self) -> None:
        await self._news.wait()
        self._news.clear()


class Full(Refused):
    """No seat is left on this process, or none for this network; perhaps in a while, perhaps on another."""

    def __init__(self) -> None:
        super().__init__(503, "full")


class Lookout:
    """`run` goes on beside the web application; `seat` is taken by each stream."""

    def __init__(self, live: LiveEvents, mailbox: Mailbox, clock: Callable[[], float] = time.monotonic) -> None:
        self._live = live
        self._mailbox = mailbox
        self._clock = clock
        self._seats: dict[Box, list[Seat]] = {}
        self._taken = 0
        self._nearby: Counter[str] = Counter()
        self._marks: dict[Box, str] = {}

    def room_for_one(self, network: str = UNKNOWN) -> None:
        """Raises Full if every seat is taken, or every one that a network may have."""
        if self._taken >= ALL or self._nearby[network] >= NEARBY:
            raise Full

    @contextmanager
    def seat(self, box: Box, network: str = UNKNOWN) -> Iterator[Seat]:
        """A place to wait for news of this mailbox. A visitor's ninth ends their oldest."""
        seat = Seat()
        self._nearby[network] += 1
        seats = self._seats.setdefault(box, [])
        sitting = [one for one in seats if not one.gone]
        if len(sitting) >= EACH:
            sitting[0].end(REPLACED)
        seats.append(seat)
        self._taken += 1
        try:
            yield seat
        finally:
            self._leave(box, seat)
            self._nearby[network] -= 1
            if not self._nearby[network]:
                del self._nearby[network]

    async def run(self) -> None:
        """Until cancelled. Raises Unavailable: then whoever runs it begins again."""
        next_look = 0.0
        async for told in self._live.subscribe(TOPIC):
            account, _, handle = told.partition(" ")
            self._tell((account, handle))
            if self._clock() >= next_look:
                next_look = self._clock() + BEAT
                await self._look(list(self._seats))

    async def publish(self, account: str, handle: str) -> None:
        """The visitor's other tabs have something to read."""
        await self._live.publish(TOPIC, address(account, handle))

    async def _look(self, boxes: Collection[Box]) -> None:
        """Tell those whose mailbox is not as it was when we looked last, or was never looked at."""
        if not boxes:
            return
        for box, mark in (await self._mailbox.marks(boxes)).items():
            if box in self._seats and self._marks.get(box) != mark:
                self._marks[box] = mark
                self._tell(box)

    def _tell(self, box: Box) -> None:
        for seat in self._seats.get(box, ()):
            seat.tell()

    def _leave(self, box: Box, seat: Seat) -> None:
        self._taken -= 1
        seats = self._seats[box]
        seats.remove(seat)
        if not seats:
            del self._seats[box]
            self._marks.pop(box, None)
