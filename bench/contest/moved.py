"""One clock for several processes, and an event loop that lives by it: days pass as fast as the work in them is done.

The clock is two numbers in a file that every process has mapped. Its owner moves it; a process that lives by it tells
how long it would sleep now, and sleeps until the clock has been moved there.
"""

from __future__ import annotations

import asyncio
import mmap
import selectors
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

SLICE = 0.001  # real seconds between two looks at the clock
QUIET = 2  # slices without anything to do after which there is nothing to do
LEAST = 0.001  # the least that the clock can be moved by
FOREVER = 1e9


class SharedClock:
    """A ports.Clock. rests_until: when the process that lives by it wakes up next; 0 while it is at work."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._cells = memoryview(mmap.mmap(file.fileno(), 16)).cast("d")

    @classmethod
    def made(cls, path: Path, at: float) -> SharedClock:
        path.write_bytes(bytes(16))
        clock = cls(path)
        clock.move_to(at)
        return clock

    def now(self) -> float:
        return self._cells[0]

    def move_to(self, at: float) -> None:
        self._cells[0] = max(at, self.now() + LEAST)

    @property
    def rests_until(self) -> float:
        return self._cells[1]

    def rest(self, until: float) -> None:
        self._cells[1] = until


class Threads:
    """Counts what is under way in the threads of this process, from now on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.under_way = 0
        setattr(ThreadPoolExecutor, "submit", self._counted(ThreadPoolExecutor.submit))  # noqa: B010 - mypy forbids it

    def _counted(self, submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        def counted(executor: ThreadPoolExecutor, /, *args: Any, **kwargs: Any) -> Future[Any]:
            self._add(1)
            future = submit(executor, *args, **kwargs)
            future.add_done_callback(lambda _: self._add(-1))
            return future

        return counted

    def _add(self, more: int) -> None:
        with self._lock:
            self.under_way += more


class _MovedSelector(selectors.DefaultSelector):
    """Waits for sockets in real time, and for timers until the clock is there."""

    def __init__(self, clock: SharedClock, threads: Threads) -> None:
        super().__init__()
        self._clock, self._threads = clock, threads

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        until = self._clock.now() + max(LEAST, FOREVER if timeout is None else timeout)
        try:
            return self._waited(until)
        finally:
            self._clock.rest(0.0)

    def _waited(self, until: float) -> list[tuple[selectors.SelectorKey, int]]:
        quiet = 0
        while self._clock.now() < until:
            if found := super().select(SLICE):
                return found
            quiet = 0 if self._threads.under_way else quiet + 1
            if quiet >= QUIET:
                self._clock.rest(until)
        return []


class MovedLoop(asyncio.SelectorEventLoop):
    """Its time is the clock's: every sleep and every timeout in it lasts until the clock has been moved far enough."""

    def __init__(self, clock: SharedClock, threads: Threads) -> None:
        self._moved, self._start = clock, clock.now()
        super().__init__(_MovedSelector(clock, threads))

    def time(self) -> float:
        return self._moved.now() - self._start
