"""A Redis server for one test, on a port: with users and a password, or behind TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bot.process.embedded_valkey import binary
from bot.process.parent_death import die_with_parent
from bot.process.sockets import free_port


@contextmanager
def redis_server(*settings: str) -> Iterator[int]:
    """The port of a server with these settings, each a line as in redis.conf."""
    port = free_port()
    conf = "\n".join([f"port {port}", "bind 127.0.0.1", "save ''", "appendonly no", "loglevel warning", *settings])
    running = subprocess.Popen(
        die_with_parent([str(binary()), "-"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert running.stdin is not None
        running.stdin.write(conf.encode() + b"\n")
        running.stdin.close()
        _until_open(port)
        yield port
    finally:
        running.kill()
        running.wait()


def _until_open(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        assert time.monotonic() < until, "the server does not start"
        time.sleep(0.02)


@contextmanager
def behind_tls(port: int, shown: ssl.SSLContext) -> Iterator[int]:
    """The port of a TLS end in front of a server, as stunnel is one."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, port, shown), daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()


def _accept(listener: socket.socket, port: int, shown: ssl.SSLContext) -> None:
    with suppress(OSError):
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=_carry, args=(plain, port, shown), daemon=True).start()


def _carry(plain: socket.socket, port: int, shown: ssl.SSLContext) -> None:
    """One connection, both ways; a client that does not trust the certificate hangs up."""
    inside = socket.create_connection(("127.0.0.1", port))
    with suppress(OSError), plain, inside as inner, shown.wrap_socket(plain, server_side=True) as outer:
        back = threading.Thread(target=_pump, args=(inner, outer), daemon=True)
        back.start()
        _pump(outer, inner)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
