"""Protocols of redis. It only saves work: the database alone keeps every promise, so all of these may fail silently."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from bot.domain.messages import Instant


class LiveEvents(Protocol):
    """Publish and subscribe. Events may be lost, so subscribers also read the database from time to time."""

    async def publish(self, topic: str, data: str) -> None:
        """Send `data` to the topic's current subscribers. No-op while redis cannot be reached."""
        ...

    def subscribe(self, topic: str) -> AsyncIterator[str]:
        """Yield what is published from now on, and '' about every second, as a chance to read the database."""
        ...


class Leases(Protocol):
    """Keep a job in one process at a time. Without redis every process holds every lease: jobs tolerate it."""

    async def hold(self, name: str, seconds: float) -> bool:
        """Take or prolong a lease for this process; False while another process holds it."""
        ...

    async def release(self, name: str) -> None: ...


class TokenCache(Protocol):
    """Platform access tokens, shared by all processes."""

    async def get(self, name: str) -> tuple[str, Instant] | None:
        """The token and its expiry."""
        ...

    async def put(self, name: str, token: str, until: Instant) -> None: ...

    async def drop(self, name: str, token: str) -> None:
        """Forget `token` unless a newer one is kept by now."""
        ...


class RateLimiter(Protocol):
    """Token buckets, by name."""

    async def allow(self, name: str, per_second: float, burst: int) -> bool:
        """Take a token; False if the bucket is empty."""
        ...
