"""Two circuit breakers: one of this process, for a service that fails, and one in the database, for an account that its
platform refuses as a whole. Both let one try through now and then; the first that succeeds closes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bot.domain.accounts import PermitRequest, SendingStatus
from bot.errors import DeliveryFailed, Unavailable
from bot.ports.storage import RateLimits


class CircuitBreaker:
    """Opens after so many `failures` in a row. pause: seconds until a single request may try again. Thread-safe."""

    def __init__(self, failures: int, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_failures = failures
        self._pause = pause
        self._clock = clock
        self._failures = 0
        self._next_try = 0.0
        self._lock = threading.Lock()

    def admit(self, wanted: int) -> int:
        """How many of `wanted` requests may be made now: all while closed; while open one per pause, else 0."""
        with self._lock:
            if self._failures < self._max_failures:
                return wanted
            if self._clock() < self._next_try or not wanted:
                return 0
            self._next_try = self._clock() + self._pause
            return 1

    def record_success(self) -> None:
        with self._lock:
            self._failures = 0

    def record_failure(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self._max_failures:
                self._next_try = self._clock() + self._pause


AGAIN = 60.0  # seconds until a postponed message asks again; the database decides who gets the single try


class AccountHalt:
    """The halt of one sender, shared by all processes. name: an account's, or 'sms' for the SMS gateway. label: the
    prefix of its error codes, 'twitter:'."""

    def __init__(self, name: str, label: str, rate_limits: RateLimits) -> None:
        self._name, self._label, self._rate_limits = name, label, rate_limits

    async def permit(self) -> bool:
        """Ask before a send. True: the account is halted and this is the single try.

        Raises DeliveryFailed (attempted=False) while the account is halted. Permits the send if the database is away.
        """
        try:
            granted = await self._rate_limits.acquire(PermitRequest(self._name))
        except Unavailable:
            return False
        if granted.until:
            code = granted.why if granted.why.startswith(self._label) else f"{self._label}{granted.why}"
            raise DeliveryFailed(code, retry_after=AGAIN, attempted=False)
        return granted.probes

    async def record_failure(self, failed: DeliveryFailed, *, probing: bool) -> None:
        """Record a failed send. probing: what `permit` returned.

        A refusal of the sender halts it. A permanent refusal of this one message shows that the sender is accepted.
        """
        try:
            if failed.halts_account:
                await self._rate_limits.halt(self._name, failed.code)
            elif probing and failed.permanent:
                await self._rate_limits.record_success(self._name)
        except Unavailable:
            return  # the next failure is recorded

    async def record_success(self) -> None:
        """Record that the single try succeeded."""
        try:
            await self._rate_limits.record_success(self._name)
        except Unavailable:
            return  # the next try is recorded

    async def sending_status(self) -> SendingStatus:
        """The sender's state. Raises Unavailable."""
        return await self._rate_limits.sending_status(self._name)
