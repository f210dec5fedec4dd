"""Ports of this machine for services that have to be told theirs before they listen."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle

_PORTS = range(20_000, 32_000)  # ip(7): from 32768 on, Linux gives them to whoever connects and asks for none
_APART = 97  # processes that look at the same time look at other ports, but for one pair in so many


def free_port() -> int:
    """A port that nobody listens on, and that hardly anybody is given before it is used."""
    return next(port for port in _own(os.getpid()) if _is_free(port))


@cache
def _own(process: int) -> Iterator[int]:
    some = _PORTS[process % _APART :: _APART]
    start = random.SystemRandom().randrange(len(some))
    return cycle([*some[start:], *some[:start]])


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
