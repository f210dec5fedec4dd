"""Real sockets that are slow, too many or too long: each costs the worker little, and streams stay open."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
from support.running_product import eventually

from bot.http import stream
from bot.web.middleware import OuterMiddleware
from bot.web.server import ConnectionLimits, settings, unmapped, with_mapped_networks

QUICK = ConnectionLimits(head=0.4, body=0.8, idle=1, connections=8)
PATIENT = ConnectionLimits(head=20, body=20, idle=20, connections=8)  # where no time limit is to be reached
REQUEST = b"POST / HTTP/1.1\r\nHost: desk.test\r\nContent-Length: 10\r\n\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with who asks, once the body is there; /events is a stream."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/events":
        await stream(silence())(scope, receive, send)
        return
    while (event := await receive()).get("more_body"):
        if event["type"] == "http.disconnect":
            return
    if event["type"] == "http.request":
        told = f"{scope['client'][0]} {scope['scheme']}".encode()
        headers = [(b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})


async def silence() -> Any:
    await asyncio.sleep(60)
    yield


@contextmanager
def serving(host: str = "127.0.0.1", proxies: tuple[str, ...] = (), limits: ConnectionLimits = QUICK) -> Iterator[int]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family, dualstack_ipv6=":" in host)
    config = settings(OuterMiddleware(application), proxies, limits)
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()[1]
    server.force_exit = server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as opened:
        yield opened


@pytest.fixture(scope="module")
def patient_port() -> Iterator[int]:
    with serving(limits=PATIENT) as opened:
        yield opened


def calling(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), 5)


def said(caller: socket.socket) -> bytes:
    """Everything until the other side ends the connection."""
    heard = b""
    while piece := caller.recv(65_536):
        heard += piece
    return heard


LATE = 20  # seconds; the limits are below one, and the machine may stand still for some


def seconds_until_the_end(caller: socket.socket) -> tuple[float, bytes]:
    began = time.monotonic()
    heard = said(caller)
    return time.monotonic() - began, heard


def test_a_request_head_that_arrives_byte_by_byte_ends_the_connection(port: int) -> None:
    with calling(port) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: desk.test\r\nX-Slow: ")
        assert dripped(caller, 100) < 100


def dripped(caller: socket.socket, signs: int) -> int:
    """How many signs the other side takes, one at a time."""
    for sent in range(signs):
        try:
            caller.sendall(b"a")
        except OSError:
            return sent
        time.sleep(0.03)
    return signs


def test_an_incomplete_request_head_gets_408(port: int) -> None:
    with calling(port) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: desk")
        took, heard = seconds_until_the_end(caller)
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert b"x-content-type-options: nosniff" in heard
    assert 0.2 < took < LATE


def test_an_incomplete_body_gets_408(port: int) -> None:
    with calling(port) as caller:
        caller.sendall(REQUEST + b"12345")
        took, heard = seconds_until_the_end(caller)
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert 0.6 < took < LATE


def test_a_connection_that_sends_nothing_is_closed_without_a_response(port: int) -> None:
    with calling(port) as caller:
        took, heard = seconds_until_the_end(caller)
    assert heard == b""
    assert took < LATE


def test_empty_lines_do_not_keep_a_connection(port: int) -> None:
    with calling(port) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: desk.test\r\n\r\n")
        assert caller.recv(4096).startswith(b"HTTP/1.1 200 ")
        caller.sendall(b"\r\n")
        took, _ = seconds_until_the_end(caller)
    assert took < LATE


def test_an_idle_connection_is_kept_for_a_while_and_then_ended() -> None:
    with serving(limits=replace(QUICK, head=20, idle=3)) as port, calling(port) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: desk.test\r\n\r\n")
        assert caller.recv(4096).startswith(b"HTTP/1.1 200 ")
        time.sleep(0.5)
        caller.sendall(b"GET / HTTP/1.1\r\nHost: desk.test\r\n\r\n")
        assert caller.recv(4096).startswith(b"HTTP/1.1 200 ")
        took, _ = seconds_until_the_end(caller)
    assert 2 < took < LATE


def test_an_event_stream_outlives_every_timeout(port: int) -> None:
    with calling(port) as caller:
        caller.sendall(b"GET /events HTTP/1.1\r\nHost: desk.test\r\n\r\n")
        assert b"text/event-stream" in caller.recv(4096)
        caller.settimeout(2)
        with pytest.raises(TimeoutError):
            caller.recv(4096)


@pytest.mark.parametrize("in_one_piece", [True, False])
def test_a_long_head_is_refused(patient_port: int, in_one_piece: bool) -> None:
    head = b"GET / HTTP/1.1\r\nHost: desk.test\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n"
    pieces = [head] if in_one_piece else [head[:40_000], head[40_000:80_000], head[80_000:]]
    with calling(patient_port) as caller:
        for piece in pieces:
            caller.sendall(piece)
            time.sleep(0.05)
        assert caller.recv(65_536).startswith(b"HTTP/1.1 431 ")


def test_many_cookies_take_no_time(patient_port: int) -> None:
    for cookies in (
        b"yingda_session=" + b"a" * 5_000,
        b"a=" + b"\\" * 60_000,
        b"yingda_session=" + b'"' + b"\\" * 50_000,
    ):
        asked = b"GET / HTTP/1.1\r\nHost: desk.test\r\nConnection: close\r\nCookie: " + cookies + b"\r\n\r\n"
        took = []
        for _ in range(3):  # the quickest of them tells what the cookies cost; the machine may stand still meanwhile
            with calling(patient_port) as caller:
                caller.sendall(asked)
                seconds, heard = seconds_until_the_end(caller)
            took.append(seconds)
        assert min(took) < 0.3
        assert heard.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 200 "))
        assert heard.startswith(b"HTTP/1.1 431 ") == (b"aaa" in cookies)


def test_a_network_with_too_many_connections_is_refused() -> None:
    with serving(limits=PATIENT) as port:
        with ExitStack() as stack:
            callers = [stack.enter_context(calling(port)) for _ in range(12)]
            for caller in callers:
                caller.sendall(b"GET / HTTP/1.1\r\nHost: desk.test\r\n\r\n")
            answers = [caller.recv(4096)[9:12] for caller in callers]
        assert sorted(answers) == [b"200"] * 8 + [b"429"] * 4
        eventually(lambda: accepted(port), "the closed connections count no more")


def accepted(port: int) -> bool:
    with calling(port) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: desk.test\r\n\r\n")
        return caller.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_trusted_proxy_may_have_any_number_of_connections() -> None:
    with serving(proxies=("127.0.0.0/8",)) as port, ExitStack() as stack:
        callers = [stack.enter_context(calling(port)) for _ in range(20)]
        for caller in callers:
            caller.sendall(b"GET / HTTP/1.1\r\nHost: desk.test\r\n\r\n")
        assert {caller.recv(4096)[9:12] for caller in callers} == {b"200"}


def test_a_dual_stack_socket_shows_ipv4_addresses_unmapped() -> None:
    for proxies, told in (((), b"127.0.0.1 http"), (("127.0.0.1",), b"203.0.113.9 https")):
        with serving("::", proxies) as port, calling(port) as caller:
            caller.sendall(
                b"GET / HTTP/1.1\r\nHost: desk.test\r\nX-Forwarded-For: 203.0.113.9, ::ffff:127.0.0.1\r\n"
                b"X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
            )
            heard = said(caller)
        assert heard.endswith(told)
        assert (b"strict-transport-security: max-age=31536000" in heard) == (b"https" in told)


@pytest.mark.parametrize(
    ("address", "known"), [("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::7"), ("", ""), ("x", "x")]
)
def test_a_mapped_address_is_unwrapped(address: str, known: str) -> None:
    assert unmapped(address) == known


def test_ipv4_proxies_are_trusted_in_mapped_form_too() -> None:
    assert with_mapped_networks(["10.0.0.0/8", "::1"]) == ["10.0.0.0/8", "::1", "::ffff:10.0.0.0/104"]
