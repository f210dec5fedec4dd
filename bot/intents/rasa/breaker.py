"""A circuit breaker: after a few failures in a row nobody asks for a while, then one does to see whether it works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """failures: as many in a row, and it opens. pause: seconds until one may try again. Threads share it."""

    def __init__(self, failures: int, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = failures
        self._pause = pause
        self._clock = clock
        self._failed = 0
        self._closed_from = 0.0
        self._lock = threading.Lock()

    def admit(self, wanted: int) -> int:
        """How many of `wanted` may ask now: all; none while it is open; one, after the pause, for all others."""
        with self._lock:
            if self._failed < self._most:
                return wanted
            if self._clock() < self._closed_from or not wanted:
                return 0
            self._closed_from = self._clock() + self._pause
            return 1

    def worked(self) -> None:
        with self._lock:
            self._failed = 0

    def failed(self) -> None:
        with self._lock:
            self._failed += 1
            if self._failed >= self._most:
                self._closed_from = self._clock() + self._pause
