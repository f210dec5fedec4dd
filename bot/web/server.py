"""Serving one worker: an ASGI application on a socket that other workers may share, with limits per connection.

On SIGTERM requests that have begun are finished.
"""

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

from bot.access.origins import network_of
from bot.i18n import bilingual
from bot.telemetry import count
from bot.web.health import DRAINING
from bot.web.middleware import HEADERS, LONGEST_HEAD

DRAIN_SECONDS = 8  # for which a stopping worker waits for its requests
BACKLOG = 2048  # connections that wait to be accepted
# Seconds a thread may hold the interpreter lock; Python's default of 0.005 cost 12 to 24 % of the messages per second.
SWITCH_INTERVAL = 0.0005
LAST_REQUEST_WAIT = 1.0  # seconds for which a stopping worker waits for a request on an open connection


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of client connections."""

    head: float = 10.0  # seconds in which a request's head must arrive
    body: float = 30.0  # seconds in which its body must arrive
    idle: int = 5  # seconds for which a connection is kept open without a request
    connections: int = 256  # open connections per network


def serve(
    app: Callable[..., Awaitable[None]],
    listener: socket.socket | int,
    proxies: Sequence[str] = (),
    limits: ConnectionLimits = ConnectionLimits(),
) -> None:
    """Serve an ASGI app on a listening socket or an inherited file descriptor. Returns after draining.

    proxies: addresses and networks whose X-Forwarded-For and X-Forwarded-Proto are trusted.
    """
    listening = socket.socket(fileno=listener) if isinstance(listener, int) else listener
    _Worker(settings(app, proxies, limits)).run(sockets=[listening])


def settings(
    app: Callable[..., Awaitable[None]], proxies: Sequence[str] = (), limits: ConnectionLimits = ConnectionLimits()
) -> uvicorn.Config:
    """uvicorn's configuration for a worker."""
    return uvicorn.Config(
        app,
        http=cast(Any, partial(Connection, counter=ConnectionCounter(limits, proxies))),
        timeout_keep_alive=limits.idle,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        forwarded_allow_ips=with_mapped_networks(proxies),
    )


class _Worker(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Objects that exist now live as long as the process; frozen, they cost the garbage collector no time (p99 at
        # half load 47 -> 25 ms).
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_INTERVAL)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain. Serves the connections in the sockets' backlogs too: the kernel would reset them on close."""
        self.lifespan.state[DRAINING] = True
        listeners = [listener.dup() for listener in sockets or []]  # `close` below closes the originals
        for server in self.servers:
            server.close()
        await asyncio.sleep(0)
        protocol = partial(
            cast(Callable[..., asyncio.Protocol], self.config.http_protocol_class),
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        for waiting in [waiting for listener in listeners for waiting in _accept_backlog(listener)]:
            await asyncio.get_running_loop().connect_accepted_socket(protocol, waiting)
        await super().shutdown(sockets)


def _accept_backlog(listener: socket.socket) -> list[socket.socket]:
    """Accept the connections in the backlog, and close the listener."""
    accepted = []
    listener.setblocking(False)
    with listener, suppress(BlockingIOError):
        while True:
            accepted.append(listener.accept()[0])
    return accepted


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits that uvicorn lacks.

    - A request's head over 64 KB is refused while it arrives: httptools would buffer it without limit.
    - A head or body that does not arrive in time ends the connection.
    - A network with too many connections is refused.
    - A stopping worker waits LAST_REQUEST_WAIT for a request on an open connection; uvicorn would close it. Measured
      together with `_accept_backlog`, four clients that connect without a pause: before, four or five requests were cut
      off at each stop; now one in eighteen stops.
    """

    def __init__(self, *args: Any, counter: ConnectionCounter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._counter = counter
        self._limits = counter.limits
        self._in_head = True
        self._head = 0  # bytes of the present head so far
        self._due = 0.0  # loop time by which the head or body must have arrived; 0 while none is expected
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            self.client = (unmapped(self.client[0]), self.client[1])
        if not self._counter.enter(self):
            count("refused", account="", code="connections")
            self._refuse(429, bilingual("page.refused.connections"))
        self._due = self.loop.time() + self._limits.head
        self._timer = self.loop.call_later(self._limits.head, self._check_due)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._counter.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._due and (self.cycle is None or self.cycle.response_complete):
            self._due = self.loop.time() + self._limits.head
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > LONGEST_HEAD and not self.transport.is_closing():
                self._refuse(431, bilingual("page.refused.head"))

    def on_message_begin(self) -> None:
        self._in_head = True
        self._due = self.loop.time() + self._limits.head
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head = 0
        self._due = self.loop.time() + self._limits.body
        super().on_headers_complete()
        if self._stopping:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._due = 0.0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def shutdown(self) -> None:
        """Called when the worker stops: a request may still arrive within LAST_REQUEST_WAIT."""
        if self.cycle is None and not self._stopping:
            self._stopping = True
            self.loop.call_later(LAST_REQUEST_WAIT, self.shutdown)
        else:
            super().shutdown()

    def _check_due(self) -> None:
        """End the connection if the head or body is late. One timer per connection, so that requests set none."""
        now = self.loop.time()
        if self.transport.is_closing():
            if self._closing:
                self.transport.abort()  # the client has not read the last response
                return
            self._closing = True
        elif self._due and now >= self._due and not self.flow.read_paused:
            self._end_slow_request()
        wait = self._due - now if self._due > now else self._limits.head
        self._timer = self.loop.call_later(wait, self._check_due)

    def _end_slow_request(self) -> None:
        count("refused", account="", code="slow")
        # Browsers open spare connections in advance; those that have sent nothing get no response.
        nothing_sent = self._in_head and not self._head
        answered = not self._in_head and self.cycle.response_started
        if nothing_sent or answered:
            self.transport.close()
        else:
            self._refuse(408, bilingual("page.refused.slow"))

    def _refuse(self, status: int, text: str) -> None:
        """Respond before the request is complete, and close the connection."""
        body = text.encode()
        headers = {
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(body)),
            "connection": "close",
            **HEADERS,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n"
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()


class ConnectionCounter:
    """Counts the connections of each network to this worker. Trusted proxies have no limit."""

    def __init__(self, limits: ConnectionLimits, proxies: Sequence[str] = ()) -> None:
        self.limits = limits
        self._proxies = [ip_network(proxy) for proxy in proxies]
        self._counted: dict[Connection, str] = {}
        self._open: Counter[str] = Counter()

    def enter(self, connection: Connection) -> bool:
        """Count a connection. False if its network has reached the limit."""
        address = connection.client[0] if connection.client else ""
        network = network_of(address)
        if self._is_proxy(address):
            return True
        if self._open[network] >= self.limits.connections:
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
        except ValueError:  # a unix socket has no address
            return True
        return any(known in proxy for proxy in self._proxies)


def unmapped(address: str) -> str:
    """The IPv4 address in ::ffff:192.0.2.7, as a dual-stack socket shows it; other addresses unchanged."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    mapped = known.ipv4_mapped if isinstance(known, IPv6Address) else None
    return str(mapped or address)


def with_mapped_networks(proxies: Sequence[str]) -> list[str]:
    """The addresses and networks, and those of IPv4 also in their IPv6-mapped form (::ffff:192.0.2.0/120)."""
    networks = [ip_network(proxy) for proxy in proxies]
    mapped = [f"::ffff:{one.network_address}/{96 + one.prefixlen}" for one in networks if isinstance(one, IPv4Network)]
    return [*proxies, *mapped]
