"""One worker: an ASGI app on a socket that others may share, until SIGTERM, and then what has begun is finished."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Address, ip_address, ip_network
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bot.networks import network_of
from bot.telemetry import count
from bot.web.entrance import LONGEST_HEAD
from bot.web.guards import HEADERS
from bot.web.probes import DRAINING

DRAIN_SECONDS = 8
BACKLOG = 2048
SWITCH = (
    0.0005  # seconds a thread may keep the others waiting; Python's 0.005 cost 12 to 24 % of the messages per second
)
LAST_CALL = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """What a stranger's connection may cost. head, body: seconds in which those of a request must have arrived. idle:
    seconds for which a connection is kept open without a request. connections: how many a network may have open."""

    head: float = 10.0
    body: float = 30.0
    idle: int = 5
    connections: int = 256


def serve(
    app: Callable[..., Awaitable[None]],
    door: socket.socket | int,
    proxies: Sequence[str] = (),
    patience: Patience = Patience(),
) -> None:
    """Serve an ASGI app on a listening socket, or on the number of an inherited one. Returns after draining.

    proxies: addresses and networks whose X-Forwarded-For and X-Forwarded-Proto are believed; nobody else's are.
    """
    listening = socket.socket(fileno=door) if isinstance(door, int) else door
    _Worker(settings(app, proxies, patience)).run(sockets=[listening])


def settings(
    app: Callable[..., Awaitable[None]], proxies: Sequence[str] = (), patience: Patience = Patience()
) -> uvicorn.Config:
    """How a worker serves."""
    return uvicorn.Config(
        app,
        http=cast(Any, partial(Connection, doorman=Doorman(patience, proxies))),
        timeout_keep_alive=patience.idle,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        forwarded_allow_ips=both_ways(proxies),
    )


class _Worker(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """What exists now lives for ever: the collector need not look at it again (p99 at half load 47 -> 25 ms)."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut the door behind those who stand in it: the system has let them in already, and would cut them off."""
        self.lifespan.state[DRAINING] = True
        doors = [door.dup() for door in sockets or []]
        for server in self.servers:
            server.close()
        await asyncio.sleep(0)
        for caller in [caller for door in doors for caller in _last_callers(door)]:
            await asyncio.get_running_loop().connect_accepted_socket(self._connection, caller)
        await super().shutdown(sockets)

    def _connection(self) -> asyncio.Protocol:
        made = cast(Callable[..., asyncio.Protocol], self.config.http_protocol_class)
        return made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def _last_callers(door: socket.socket) -> list[socket.socket]:
    """Everybody who waits to be accepted; the door is shut."""
    callers = []
    door.setblocking(False)
    with door, suppress(BlockingIOError):
        while True:
            caller, _ = door.accept()
            callers.append(caller)
    return callers


class Connection(HttpToolsProtocol):
    """uvicorn's, with its gaps closed.

    A request's head of more than 64 KB is refused while it arrives: the parser alone would gather it for ever. A head
    or a body that does not arrive in time ends the connection, and so does having too many of them. And when the worker
    stops, a connection whose request is still on its way is waited for, which uvicorn would close. With the worker's
    own last callers: of four clients connecting without a pause, four or five were cut off at each stop; now one in
    eighteen stops.
    """

    def __init__(self, *args: Any, doorman: Doorman, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._doorman = doorman
        self._patience = doorman.patience
        self._in_head = True
        self._head = 0
        self._due = 0.0  # by when what is arriving must have arrived; 0 while nothing is
        self._look_again: asyncio.TimerHandle | None = None
        self._ending = False
        self._last_call = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            self.client = (unmapped(self.client[0]), self.client[1])
        if not self._doorman.enter(self):
            count("refused", account="", code="connections")
            self._turn_away(429, "Too many connections from this network.")
        self._due = self.loop.time() + self._patience.head
        self._look_again = self.loop.call_later(self._patience.head, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look_again is not None:
            self._look_again.cancel()
        self._doorman.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._due and (self.cycle is None or self.cycle.response_complete):
            self._due = self.loop.time() + self._patience.head
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > LONGEST_HEAD and not self.transport.is_closing():
                self._turn_away(431, "The head of this request is too long.")

    def on_message_begin(self) -> None:
        self._in_head = True
        self._due = self.loop.time() + self._patience.head
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head = 0
        self._due = self.loop.time() + self._patience.body
        super().on_headers_complete()
        if self._last_call:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._due = 0.0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._turn_away(400, msg)

    def shutdown(self) -> None:
        """The worker stops: what has begun is finished, what is on its way has a second to arrive."""
        if self.cycle is None and not self._last_call:
            self._last_call = True
            self.loop.call_later(LAST_CALL, self.shutdown)
        else:
            super().shutdown()

    def _look(self) -> None:
        """Whether what is arriving is late. One timer of each connection, so that a request costs none."""
        now = self.loop.time()
        if self.transport.is_closing():
            if self._ending:
                self.transport.abort()  # nobody took the last answer
                return
            self._ending = True
        elif self._due and now >= self._due and not self.flow.read_paused:
            self._too_slow()
        wait = self._due - now if self._due > now else self._patience.head
        self._look_again = self.loop.call_later(wait, self._look)

    def _too_slow(self) -> None:
        """Who has sent nothing at all is told nothing: browsers open connections that they may need."""
        count("refused", account="", code="slow")
        nothing_sent = self._in_head and not self._head
        answered = not self._in_head and self.cycle.response_started
        if nothing_sent or answered:
            self.transport.close()
        else:
            self._turn_away(408, "This request took too long to arrive.")

    def _turn_away(self, status: int, words: str) -> None:
        """An answer to what is no request yet, and the end of the connection."""
        headers = {
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(words)),
            "connection": "close",
            **HEADERS,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n{words}".encode("ascii"))
        self.transport.close()


class Doorman:
    """Counts the connections of each network to this worker. Proxies that are trusted may have any number: behind them
    stands everybody."""

    def __init__(self, patience: Patience, proxies: Sequence[str] = ()) -> None:
        self.patience = patience
        self._proxies = [ip_network(proxy) for proxy in proxies]
        self._counted: dict[Connection, str] = {}
        self._open: Counter[str] = Counter()

    def enter(self, connection: Connection) -> bool:
        """Whether there is room for one more of its network."""
        address = connection.client[0] if connection.client else ""
        network = network_of(address)
        if self._is_proxy(address):
            return True
        if self._open[network] >= self.patience.connections:
            return False
        self._open[network] += 1
        self._counted[connection] = network
        return True

    def leave(self, connection: Connection) -> None:
        network = self._counted.pop(connection, None)
        if network is None:
            return
        self._open[network] -= 1
        if not self._open[network]:
            del self._open[network]

    def _is_proxy(self, address: str) -> bool:
        try:
            known = ip_address(address)
        except ValueError:  # a socket of this machine's own
            return True
        return any(known in proxy for proxy in self._proxies)


def unmapped(address: str) -> str:
    """An IPv4 address as itself, also where a socket for both kinds shows it as ::ffff:192.0.2.7."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    mapped = known.ipv4_mapped if isinstance(known, IPv6Address) else None
    return str(mapped or address)


def both_ways(proxies: Sequence[str]) -> list[str]:
    """Addresses and networks, those of IPv4 also as a socket or a proxy for both kinds writes them."""
    networks = [ip_network(proxy) for proxy in proxies]
    mapped = [f"::ffff:{one.network_address}/{96 + one.prefixlen}" for one in networks if isinstance(one, IPv4Network)]
    return [*proxies, *mapped]
