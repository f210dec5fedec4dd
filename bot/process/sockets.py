"""The listening socket that all workers share, and free ports for services that must know theirs before they listen."""

from __future__ import annotations

import errno
import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import cycle

from bot.config import Deployment, Listen, Simulator
from bot.errors import ConfigProblem, SettingError

BACKLOG = 2048  # connections that wait for accept(); the kernel caps it at net.core.somaxconn
# Below 32768, where Linux begins to hand out ephemeral ports to outgoing connections (ip(7), ip_local_port_range).
_PORTS = range(20_000, 32_000)
_STRIDE = 97  # processes that search at the same time try different ports, except one pair in 97
_LISTEN_ERRORS = {
    errno.EADDRINUSE: "problem.port_taken",
    errno.EACCES: "problem.port_forbidden",
    errno.EADDRNOTAVAIL: "problem.no_such_host",
}


@contextmanager
def listening(host: str, port: int, setting: str = "listen") -> Iterator[socket.socket]:
    """A listening socket; port 0 takes any free port. Raises SettingError if the address cannot be bound.

    setting: the key of config.yaml that holds host and port, for the error message.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # "::" accepts IPv4 as well, whatever /proc/sys/net/ipv6/bindv6only says
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as refused:
            code = _LISTEN_ERRORS.get(refused.errno or 0, "problem.cannot_listen")
            values = {"host": host, "port": port, "reason": refused.strerror, "setting": setting}
            raise SettingError(ConfigProblem.of("config.yaml", 0, setting, code, **values)) from refused
        yield listener


def ports_in_use(deployment: Deployment) -> list[ConfigProblem]:
    """One problem for each port that is needed and in use by another program, with the line to change."""
    addresses: dict[str, Listen | Simulator] = {"listen": deployment.config.listen}
    if deployment.config.mode == "demo":
        addresses["simulator"] = deployment.config.simulator
    taken = []
    for name, address in addresses.items():
        try:
            with listening(address.host, address.port, name):
                continue
        except SettingError as refused:
            line = deployment.page.line(name, "port")
            taken += [
                replace(one, file=str(deployment.page.path), line=line, key=f"{name}.port") for one in refused.problems
            ]
    return taken


def free_port() -> int:
    """A port without a listener, which another process is unlikely to take before the caller uses it."""
    return next(port for port in _port_order(os.getpid()) if _is_free(port))


@cache
def _port_order(process: int) -> Iterator[int]:
    """The ports that a process tries, in order, without an end."""
    ports = _PORTS[process % _STRIDE :: _STRIDE]
    start = random.SystemRandom().randrange(len(ports))
    return cycle([*ports[start:], *ports[:start]])


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
