"""What every simulated platform has: live events, faults to switch on, the last requests, connections to webhooks."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar

import httpx

from bot.errors import YingdaError
from bot.ports.channels import Clock

_MAX_UNREAD = 500  # events kept for one subscriber before they are dropped


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event, or one of three messages about the subscription itself."""

    topic: str  # 'hello': subscribed; 'missed': events were dropped, read the state again; 'bye': closed
    about: Any = None


class Broadcast:
    """Passes events to the subscribers in this event loop. Keeps none for later subscribers."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[LiveEvent]] = set()

    @property
    def watchers(self) -> int:
        """The number of subscribers now."""
        return len(self._queues)

    def publish(self, topic: str, about: Any) -> None:
        """Queue an event for each subscriber. Never blocks: a full queue is emptied and gets 'missed' first."""
        for queue in self._queues:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(LiveEvent("missed"))
            queue.put_nowait(LiveEvent(topic, about))

    async def watch(self) -> AsyncIterator[LiveEvent]:
        """'hello', then every event until the broadcast is closed."""
        with self.subscribed() as queue:
            yield LiveEvent("hello")
            while (event := await queue.get()).topic != "bye":
                yield event

    def close(self) -> None:
        """End every subscription."""
        self.publish("bye", None)

    @contextmanager
    def subscribed(self) -> Iterator[asyncio.Queue[LiveEvent]]:
        """A queue of the events from now on; 'bye' is the last."""
        queue: asyncio.Queue[LiveEvent] = asyncio.Queue(_MAX_UNREAD)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)


F = TypeVar("F", bound=Any)  # a frozen dataclass of faults; those that happen a number of times are int fields


class FaultSwitch(Generic[F]):
    """The faults that are on. A counted fault is used up each time it happens."""

    def __init__(self, faults: F, live: Broadcast | None = None) -> None:
        self.now = faults
        self.happened: Counter[str] = Counter()
        self._live = live  # publishes 'faults' at each change

    def set(self, faults: F) -> None:
        self.now = faults
        if self._live is not None:
            self._live.publish("faults", faults)

    def take(self, name: str) -> bool:
        """Whether the counted fault `name` happens this time; if so, it is counted down."""
        left: int = getattr(self.now, name)
        if left <= 0:
            return False
        self.set(replace(self.now, **{name: left - 1}))
        self.happened[name] += 1
        return True


class SystemClock:
    """The clock of a simulated platform unless a test passes another one."""

    def now(self) -> float:
        return time.time()


class SimulatedPlatform(ABC, Generic[F]):
    """One platform, which lives in one event loop. allow_remote: talk to other machines than this one."""

    def __init__(self, faults: F, clock: Clock | None, allow_remote: bool) -> None:
        self.clock = clock or SystemClock()
        self.allow_remote = allow_remote
        self.live = Broadcast()
        self.faults = FaultSwitch(faults, self.live)
        self.calls: deque[Any] = deque(maxlen=200)  # the last requests in either direction, for the page

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @abstractmethod
    async def aclose(self) -> None:
        """Cancel the deliveries and close the connections."""

    def set_faults(self, faults: F) -> None:
        self.faults.set(faults)

    def note(self, call: Any) -> None:
        """Keep a request for the page's list of requests. call: a dataclass."""
        self.calls.append(call)
        self.live.publish("call", call)


class NoAnswer(YingdaError):
    """No response came. outcome: 'timeout' or 'unreachable'; why: the connection's error, '' after a timeout."""

    def __init__(self, outcome: str, why: str = "") -> None:
        super().__init__(outcome, why)
        self.outcome = outcome
        self.why = why


class WebhookConnections:
    """Connections to webhooks. timeout: seconds for a whole request."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            timeout=2 * timeout,  # longer than asyncio.timeout(timeout), which limits the whole request
            trust_env=False,  # a proxy in the environment would see requests to this machine
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Send a request. more: as httpx takes it. Raises NoAnswer."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._client.request(method, url, **more)
        except TimeoutError as late:
            raise NoAnswer("timeout") from late
        except httpx.TransportError as failed:
            raise NoAnswer("unreachable", type(failed).__name__) from failed
