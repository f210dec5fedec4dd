"""The nerve, which only saves work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from bot.messages import Instant


class LiveEvents(Protocol):
    """The nerve, as those see it who tell or hear what just happened. May lose events: state is asked for again."""

    async def publish(self, topic: str, data: str) -> None:
        """Tell everybody who listens now; silently nothing when the nerve is gone."""
        ...

    def subscribe(self, topic: str) -> AsyncIterator[str]:
        """What is published from now on; yields '' about every second so that the reader can look for itself."""
        ...


class Leases(Protocol):
    """The nerve, as singletons see it. Without the nerve everybody holds every lease: the record keeps promises."""

    async def hold(self, name: str, seconds: float) -> bool:
        """Take or prolong a lease for this process."""
        ...

    async def release(self, name: str) -> None: ...


class Tokens(Protocol):
    """The nerve, as platform clients see it: one token for all processes, fetched by one at a time."""

    async def get(self, name: str) -> tuple[str, Instant] | None:
        """The token and until when it is good."""
        ...

    async def put(self, name: str, token: str, until: Instant) -> None: ...

    async def drop(self, name: str, token: str) -> None:
        """Forget `token` if it is still the one kept."""
        ...


class Buckets(Protocol):
    """The nerve, as doors see it: how often somebody may knock."""

    async def allow(self, name: str, per_second: float, burst: int) -> bool: ...
