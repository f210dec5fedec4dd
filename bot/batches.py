"""Doing together what waits together: the busier, the larger the batch; alone, nobody waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from bot.errors import Unavailable

A = TypeVar("A")
B = TypeVar("B")


class Together(Generic[A, B]):
    """Calls `work` with what has gathered (at most `at_most` items), in as many `lanes` at once.

    A batch that fails is repeated item by item, so that one poisonous item fails alone. Unavailable is nobody's
    poison: it is raised for every item at once.
    """

    def __init__(self, work: Callable[[Sequence[A]], Awaitable[Sequence[B]]], at_most: int, lanes: int = 1) -> None:
        self._work = work
        self._at_most = at_most
        self._free = lanes
        self._waiting: deque[tuple[A, asyncio.Future[B]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, item: A) -> B:
        """The result for `item`. Raises what `work` raised for it alone."""
        future: asyncio.Future[B] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._free:
            self._free -= 1
            task = asyncio.create_task(self._lane())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _lane(self) -> None:
        try:
            while self._waiting:
                size = min(self._at_most, len(self._waiting))
                await self._batch([self._waiting.popleft() for _ in range(size)])
        finally:
            self._free += 1

    async def _batch(self, batch: list[tuple[A, asyncio.Future[B]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except Exception as problem:  # noqa: BLE001 - handed to whoever waits for the item, who decides
            await self._apart(batch, problem)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def _apart(self, batch: list[tuple[A, asyncio.Future[B]]], problem: Exception) -> None:
        if len(batch) > 1 and not isinstance(problem, Unavailable):
            for one in batch:
                await self._batch([one])
            return
        for _, future in batch:
            if not future.done():
                future.set_exception(problem)
