"""Asks a port all the time whether it answers, and remembers the longest time without an answer."""

from __future__ import annotations

import threading
import time
from typing import Self

import httpx

PATIENCE = 5.0  # seconds, WeChat's


class AvailabilityProbe:
    """Asks ten times a second on a new connection each. gap: the most seconds between two answers."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/healthz"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.gap = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        answered = time.monotonic()
        while not self._stop.wait(0.1):
            try:
                httpx.get(self._url, timeout=PATIENCE, trust_env=False).raise_for_status()
            except httpx.HTTPError:
                pass
            else:
                answered, before = time.monotonic(), answered
                self.gap = max(self.gap, answered - before)
            self.gap = max(self.gap, time.monotonic() - answered)
