"""What just happened, for those who watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_MOST_UNREAD = 500


@dataclass(frozen=True, slots=True)
class News:
    """topic: 'hello', what a simulator has to tell, or 'missed': a watcher was too slow, ask again."""

    topic: str
    about: Any = None


class Live:
    """Passes news on to watchers of the same event loop; keeps none."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Queue[News]] = set()

    @property
    def watched(self) -> int:
        """How many are watching now."""
        return len(self._watchers)

    def tell(self, topic: str, about: Any) -> None:
        for watcher in self._watchers:
            if watcher.full():
                _forget(watcher)
                watcher.put_nowait(News("missed"))
            watcher.put_nowait(News(topic, about))

    async def watch(self) -> AsyncIterator[News]:
        """What happens from the 'hello' on, which comes first."""
        with self.seat() as seat:
            yield News("hello")
            while (news := await seat.get()).topic != "bye":
                yield news

    def close(self) -> None:
        """Let every watcher go home: nothing more will happen here."""
        self.tell("bye", None)

    @contextmanager
    def seat(self) -> Iterator[asyncio.Queue[News]]:
        """A queue of what happens from now on; 'bye' is the last."""
        seat: asyncio.Queue[News] = asyncio.Queue(_MOST_UNREAD)
        self._watchers.add(seat)
        try:
            yield seat
        finally:
            self._watchers.discard(seat)


def _forget(watcher: asyncio.Queue[News]) -> None:
    while not watcher.empty():
        watcher.get_nowait()
