"""Networks, hosts and origins of requests, as HTTP headers, settings and URLs name them.

Every function accepts any text, and none raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

UNKNOWN_NETWORK = "unknown"
ANY_SITE = "*"  # in a list of origins
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: IPv4 addresses as seen in networks without IPv4
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.%\w]{2,64})\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}")
_LONGEST_ADDRESS = 100  # characters of an address with its zone and port
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[^\x00-\x20\x7f/?#@\[\]:\\<>\"^`{|}]{1,255})(?::(\d{0,5}))?")
_SCHEMES = ("http", "https")
_DEFAULT_PORTS = (80, 443)
_HIGHEST_PORT = 65_535


def network_of(address: str) -> str:
    """The network by which requests from `address` are limited and compared; 'unknown' if it is no address.

    For IPv4, also embedded in IPv6, it is the address; for IPv6 it is the /64, because one customer of a provider can
    use any address in it. Invalid text shares one network, so that invented addresses do not get limits of their own.
    """
    try:
        known = ip_address(_bare_address(address))
    except ValueError:
        return UNKNOWN_NETWORK
    if isinstance(known, IPv4Address):
        return str(known)
    return str(_embedded_ipv4(known) or ip_network((int(known), 64), strict=False).network_address)


def _bare_address(address: str) -> str:
    """Without brackets, port and zone."""
    short = address[:_LONGEST_ADDRESS].strip()
    with_port = _WITH_PORT.fullmatch(short)
    return ((with_port[1] or with_port[2]) if with_port else short).partition("%")[0]


def _embedded_ipv4(known: IPv6Address) -> IPv4Address | None:
    """The IPv4 address in an IPv6 address: mapped (::ffff:0:0/96), 6to4 or NAT64."""
    by_nat64 = IPv4Address(int(known) & 0xFFFF_FFFF) if known in _NAT64 else None
    return known.ipv4_mapped or known.sixtofour or by_nat64


@dataclass(frozen=True, slots=True)
class Host:
    """A host with its port."""

    name: str  # lower case; an IPv6 address in brackets
    # 0 for none, 80 and 443: proxies add and remove default ports, and one that ends TLS turns 443 into 80.
    port: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a page (RFC 6454)."""

    scheme: str  # 'http' or 'https'
    host: Host


def host_of(text: str) -> Host | None:
    """Parse a Host header (RFC 9110, 7.2); None if it is invalid."""
    found = _HOST.fullmatch(text)
    if found is None:
        return None
    port = int(found[2] or 0)
    if port > _HIGHEST_PORT:
        return None
    return Host(found[1].lower(), 0 if port in _DEFAULT_PORTS else port)


def origin_of(text: str) -> Origin | None:
    """Parse an Origin header; None for `null` and for invalid text."""
    scheme, _, rest = text.partition("://")
    host = host_of(rest)
    return Origin(scheme.lower(), host) if host and scheme.lower() in _SCHEMES else None


def same_host(origin: str, host: str) -> bool:
    """Whether an Origin header names the host of a Host header."""
    # Schemes are not compared: behind a balancer that ends TLS our own scheme is not the browser's.
    ours, theirs = host_of(host), origin_of(origin)
    return theirs is not None and theirs.host == ours


def hostname_of(url: str) -> str:
    """The host of a URL, lower case and without brackets; '' if there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def local_address(host: str, port: int) -> str:
    """host:port, as used in a URL, at which this machine reaches a server that listens on `host`."""
    own = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"[{own}]:{port}" if ":" in own and not own.startswith("[") else f"{own}:{port}"


def safe_path(path: str, home: str) -> str:
    """`path` if it is a path on this site, else `home`: a redirect to user input must not leave the site."""
    # Browsers read `//host` and `/\host` as addresses of another site.
    foreign = not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable()
    return home if foreign else path
