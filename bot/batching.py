"""Dynamic batching (concurrent calls are coalesced; no added latency when idle), and a bounded set of tasks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from bot.errors import Unavailable
from bot.telemetry import count

A = TypeVar("A")
B = TypeVar("B")


class Batcher(Generic[A, B]):
    """Calls `work` with all items that are waiting, at most `max_size`, in up to `concurrency` concurrent calls. `work`
    returns one result per item, in their order.

    A batch that fails is repeated item by item, so that an item which always fails does not fail the others.
    Unavailable is raised for all items at once: a database that cannot be reached fails for each of them.
    """

    def __init__(
        self, work: Callable[[Sequence[A]], Awaitable[Sequence[B]]], max_size: int, concurrency: int = 1
    ) -> None:
        self._work = work
        self._max_size = max_size
        self._free_slots = concurrency
        self._waiting: deque[tuple[A, asyncio.Future[B]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, item: A) -> B:
        """The result for `item`. Raises what `work` raised for it alone."""
        future: asyncio.Future[B] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._free_slots:
            self._free_slots -= 1
            task = asyncio.create_task(self._run_batches())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _run_batches(self) -> None:
        try:
            while self._waiting:
                size = min(self._max_size, len(self._waiting))
                await self._batch([self._waiting.popleft() for _ in range(size)])
        finally:
            self._free_slots += 1

    async def _batch(self, batch: list[tuple[A, asyncio.Future[B]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except Exception as problem:  # noqa: BLE001 - raised where each item is awaited
            await self._repeat_singly(batch, problem)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def _repeat_singly(self, batch: list[tuple[A, asyncio.Future[B]]], problem: Exception) -> None:
        if len(batch) > 1 and not isinstance(problem, Unavailable):
            for one in batch:
                await self._batch([one])
            return
        for _, future in batch:
            if not future.done():
                future.set_exception(problem)


class Background:
    """Tasks that nothing awaits, at most `max_tasks` at a time."""

    def __init__(self, max_tasks: int) -> None:
        self._max_tasks = max_tasks
        self._tasks: set[asyncio.Task[None]] = set()

    def has_room(self) -> bool:
        """Whether another task may start. Counts `overloaded` if not."""
        if len(self._tasks) >= self._max_tasks:
            count("overloaded")
        return len(self._tasks) < self._max_tasks

    def add(self, task: asyncio.Task[None]) -> None:
        """Keep a reference until the task ends: the event loop itself holds tasks only weakly."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, seconds: float) -> None:
        """Wait until all have ended, at most so many seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
