"""Hosts and origins as HTTP headers, settings and addresses name them. Every function takes any text; none raises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[^\x00-\x20\x7f/?#@\[\]:\\<>\"^`{|}]{1,255})(?::(\d{0,5}))?")
_SCHEMES = ("http", "https")
_DEFAULT_PORTS = (80, 443)
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Host:
    """name: lower case, an IPv6 address in its brackets. port: 0 if none is named, or one of the web's own, 80 or 443:
    proxies add and drop those, and whoever ends TLS in front of us makes one of the other."""

    name: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a page comes from: http or https, and a host (RFC 6454)."""

    scheme: str
    host: Host


def host_of(text: str) -> Host | None:
    """A Host header (RFC 9110, 7.2); None if it names no host."""
    found = _HOST.fullmatch(text)
    if found is None:
        return None
    port = int(found[2] or 0)
    if port > _HIGHEST_PORT:
        return None
    return Host(found[1].lower(), 0 if port in _DEFAULT_PORTS else port)


def origin_of(text: str) -> Origin | None:
    """An Origin header; None for `null` and for everything that is no origin."""
    scheme, _, rest = text.partition("://")
    host = host_of(rest)
    return Origin(scheme.lower(), host) if host and scheme.lower() in _SCHEMES else None


def same_host(origin: str, host: str) -> bool:
    """Whether an Origin header names the host of a Host header.

    Schemes are not compared: behind a balancer that ends TLS we do not see ours.
    """
    ours, theirs = host_of(host), origin_of(origin)
    return theirs is not None and theirs.host == ours


def hostname_of(url: str) -> str:
    """The host in an address, lower case and without brackets; '' if there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def reached(host: str, port: int) -> str:
    """Where this machine itself reaches what listens on `host`: host and port as they stand in an address."""
    own = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"[{own}]:{port}" if ":" in own and not own.startswith("[") else f"{own}:{port}"


def own_path(goes: str, home: str) -> str:
    """`goes` if it is a path on this site, else `home`: an address that a stranger wrote leads to no other site."""
    strange = not goes.startswith("/") or goes.startswith("//") or "\\" in goes or not goes.isprintable()
    return home if strange else goes
