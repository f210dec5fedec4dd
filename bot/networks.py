"""Whom an internet address counts as, for whatever is limited or compared by where it comes from."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

UNKNOWN = "unknown"
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: IPv4 addresses as networks without IPv4 see them
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.%\w]{2,64})\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}")
_LONGEST = 100  # signs of an address with its zone and port


def network_of(address: str) -> str:
    """An IPv4 address is itself, in whatever way IPv6 wraps it; of IPv6 the /64 counts, in which everybody has as many
    addresses as they like. Whatever is no address is `unknown`: words that a stranger chooses make no network."""
    try:
        known = ip_address(_bare(address))
    except ValueError:
        return UNKNOWN
    if isinstance(known, IPv4Address):
        return str(known)
    wrapped = _wrapped(known)
    return str(wrapped or ip_network((int(known), 64), strict=False).network_address)


def _bare(address: str) -> str:
    """Without brackets, port and zone."""
    short = address[:_LONGEST].strip()
    with_port = _WITH_PORT.fullmatch(short)
    return ((with_port[1] or with_port[2]) if with_port else short).partition("%")[0]


def _wrapped(known: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped, by 6to4 or by NAT64."""
    by_nat64 = IPv4Address(int(known) & 0xFFFF_FFFF) if known in _NAT64 else None
    return known.ipv4_mapped or known.sixtofour or by_nat64
