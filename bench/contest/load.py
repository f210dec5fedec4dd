"""The load: a process that has sealed every request before the clock starts, and opens every reply after it stopped."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlencode

import uvloop

from bot.simulators.wechat.actions import follow, text
from bot.simulators.wechat.envelopes import Envelopes
from bot.simulators.wechat.state import SimulatedAccount
from contest.account import APP_ID, ENCODING_AES_KEY, ORIGINAL_ID, TOKEN
from contest.followers import Said

PATIENCE = 90.0
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Task:
    """What to send where. rate: None sends again as soon as a connection is free; else so many a second, at random
    times (a Poisson process), whether or not earlier ones are answered."""

    port: int
    path: str
    said: Sequence[Said]
    first_id: int
    connections: int
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Latencies in seconds, in order of sending, from the time a message was due. `replies` were opened and hold text;
    `acknowledged` say only "success": the bot keeps silent while a person has the conversation."""

    seconds: float
    latencies: list[float]
    replies: int
    acknowledged: int

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


def run(task: Task) -> Measured:
    """Seal, send, open. Raises RuntimeError for a refused, missing or wrong response."""
    envelopes = Envelopes(SimulatedAccount(APP_ID, "", TOKEN, ENCODING_AES_KEY, ORIGINAL_ID))
    requests = [_request(task, envelopes, said, number) for number, said in enumerate(task.said, task.first_id)]
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        traffic, seconds = runner.run(_send(task, requests))
    gc.unfreeze()
    replies = sum(_opened(envelopes, said, traffic.bodies[at]) for at, said in enumerate(task.said))
    return Measured(seconds, traffic.latencies, replies, len(requests) - replies)


def _request(task: Task, envelopes: Envelopes, said: Said, number: int) -> bytes:
    utterance = follow() if said.text is None else text(said.text)
    push = envelopes.seal(said.openid, utterance, number, time.time())
    head = (
        f"POST {task.path}?{urlencode(push.query)} HTTP/1.1\r\nHost: {HOST}:{task.port}\r\nUser-Agent: Mozilla/4.0\r\n"
        f"Accept: */*\r\nPragma: no-cache\r\nContent-Type: text/xml\r\nContent-Length: {len(push.body)}\r\n\r\n"
    )
    return head.encode() + push.body


def _opened(envelopes: Envelopes, said: Said, response: bytes) -> bool:
    """Whether it holds a reply, sealed for this follower and signed; False if it only acknowledges."""
    head, _, body = response.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"a message was answered with {head[:40]!r}")
    reply = envelopes.open(said.openid, body)
    return reply is not None and bool(reply.text)


async def _send(task: Task, requests: list[bytes]) -> tuple[Traffic, float]:
    loop = asyncio.get_running_loop()
    traffic = Traffic(requests, loop)
    for _ in range(task.connections):
        await loop.create_connection(lambda: Connection(traffic), HOST, task.port)
    began = loop.time()
    traffic.start(_timetable(task, began))
    async with asyncio.timeout(PATIENCE):
        await traffic.done
    return traffic, loop.time() - began


def _timetable(task: Task, began: float) -> list[float]:
    """When each message is due; all at once if there is no rate."""
    if task.rate is None:
        return []
    chance, at, times = random.Random(task.first_id), began, []
    for _ in task.said:
        at += chance.expovariate(task.rate)
        times.append(at)
    return times


@dataclass(slots=True)
class Traffic:
    """Which message is sent next, by which connection, and what came back."""

    requests: list[bytes]
    loop: asyncio.AbstractEventLoop
    idle: deque[Connection] = field(default_factory=deque)  # the longest idle goes next, so that none times out
    due: deque[tuple[int, float]] = field(default_factory=deque)
    times: list[float] = field(default_factory=list)
    next: int = 0
    open: int = 0
    bodies: list[bytes] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    done: asyncio.Future[None] = field(init=False)

    def __post_init__(self) -> None:
        self.done = self.loop.create_future()
        self.open = len(self.requests)
        self.bodies = [b""] * self.open
        self.latencies = [0.0] * self.open

    def start(self, times: list[float]) -> None:
        self.times = times
        if times:
            self._tick()
            return
        while self.idle and self.next < len(self.requests):
            self.idle.popleft().send(*self._take(self.loop.time()))

    def free(self, connection: Connection) -> None:
        """A connection can take the next message that is due."""
        if self.due:
            connection.send(*self.due.popleft())
        elif not self.times and self.next < len(self.requests):
            connection.send(*self._take(self.loop.time()))
        else:
            self.idle.append(connection)

    def answered(self, number: int, due: float, response: bytes) -> None:
        self.bodies[number] = response
        self.latencies[number] = self.loop.time() - due
        self.open -= 1
        if not self.open:
            self.done.set_result(None)

    def lost(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))

    def _take(self, due: float) -> tuple[int, float]:
        self.next += 1
        return self.next - 1, due

    def _tick(self) -> None:
        """Send what is due by now; look again when the next one is."""
        now = self.loop.time()
        while self.next < len(self.times) and self.times[self.next] <= now:
            self.due.append(self._take(self.times[self.next]))
        while self.due and self.idle:
            self.idle.popleft().send(*self.due.popleft())
        if self.next < len(self.times):
            self.loop.call_at(self.times[self.next], self._tick)


class Connection(asyncio.Protocol):
    """One kept-alive connection: a request, its response, the next request."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._number = -1
        self._due = 0.0
        self._gathered = b""
        self._whole = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._traffic.idle.append(self)

    def send(self, number: int, due: float) -> None:
        self._number, self._due = number, due
        self._transport.write(self._traffic.requests[number])

    def data_received(self, data: bytes) -> None:
        self._gathered += data
        if self._whole < 0:
            self._whole = _length(self._gathered)
        if 0 <= self._whole <= len(self._gathered):
            response, self._gathered, self._whole = self._gathered, b"", -1
            self._traffic.answered(self._number, self._due, response)
            self._traffic.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._traffic.lost(f"a connection was closed by the server ({exc})")


def _length(gathered: bytes) -> int:
    """How long the response is, head and body; -1 if that is not known yet. All contestants give Content-Length."""
    end = gathered.find(b"\r\n\r\n")
    if end < 0:
        return -1
    at = gathered[:end].lower().index(b"content-length:") + len(b"content-length:")
    return end + 4 + int(gathered[at : gathered.index(b"\r\n", at)])
