"""Who carries out work on the record, off the event loop: each piece in a transaction of its own, or several in one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Work: TypeAlias = Callable[[Connection], T]
Transaction: TypeAlias = Callable[[Work[Any]], Any]  # runs its argument in a transaction, committed when it returns
_Waiting: TypeAlias = tuple[Work[Any], Future[Any]]
MOST = 8  # pieces of work in a transaction, each a batch already: it must not take long


class Carrying(Protocol):
    """Carries out work. `close` lets what has begun end."""

    def carry_out(self, work: Work[T]) -> Future[T]: ...

    def close(self) -> None: ...


class Apart:
    """Each piece of work in a transaction of its own, in so many threads."""

    def __init__(self, transaction: Transaction, threads: int, name: str) -> None:
        self._transaction = transaction
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def carry_out(self, work: Work[T]) -> Future[T]:
        return self._threads.submit(self._transaction, work)

    def close(self) -> None:
        self._threads.shutdown(wait=True)


class Joined:
    """One thread for SQLite's one writer. What waits while a transaction is written goes into the next one, together:
    one flush to disk for all of it.

    A transaction that fails has written nothing. Then every piece of work is carried out again in one of its own, so
    that what is wrong with one of them is nobody else's trouble.
    """

    def __init__(self, transaction: Transaction, name: str) -> None:
        self._transaction = transaction
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def carry_out(self, work: Work[T]) -> Future[T]:
        future: Future[T] = Future()
        self._waiting.append((work, future))
        self._thread.submit(self._next)
        return future

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    def _next(self) -> None:
        """Called once for each piece of work; an earlier call may have left nothing for a later one."""
        waiting = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        taken = [one for one in waiting if one[1].set_running_or_notify_cancel()]
        if len(taken) < 2 or not self._together(taken):
            for work, future in taken:
                self._alone(work, future)

    def _together(self, taken: Sequence[_Waiting]) -> bool:
        try:
            results = self._transaction(lambda connection: [work(connection) for work, _ in taken])
        except Exception:  # noqa: BLE001 - whose trouble it is shows when each is alone
            return False
        for (_, future), result in zip(taken, results, strict=True):
            future.set_result(result)
        return True

    def _alone(self, work: Work[Any], future: Future[Any]) -> None:
        try:
            future.set_result(self._transaction(work))
        except BaseException as problem:  # noqa: BLE001 - handed to whoever waits for it
            future.set_exception(problem)
