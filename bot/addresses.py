"""Addresses of databases and of Redis as people write them in config.yaml, refused where a driver would misread them.

None of the messages repeats the address: a password stands in it.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_TLS_OPTIONS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"}
_OPTIONS = {
    "redis": {"db", "username", "password"},
    "rediss": {"db", "username", "password", *_TLS_OPTIONS},
    "unix": {"db", "username", "password"},
}
# As SQLAlchemy takes an address apart (user, host, path, query), except that a host has no @ and a port is a number.
_SERVER = re.compile(
    r"[\w+]+://(?:[^:/@]*(?::[^@]*)?@)?(?:\[[^/?\]]+\]|[^/:?@]*)(?::\d+)?(?:/[^?]*)?(?:\?.*)?", re.DOTALL
)
_MISREAD = (
    "cannot be read: a sign in its user or password means something else in an address; "
    "write # as %23, / as %2F, ? as %3F, @ as %40, [ as %5B and % as %25 there"
)


def redis_address(text: str) -> str:
    """`text` if it is `embedded` or an address that the client reads as it was meant. Raises ValueError."""
    if text == "embedded":
        return text
    scheme, _, rest = text.partition("://")
    if "sentinel" in scheme:
        raise ValueError("is an address of Redis Sentinel; name the server itself, or a proxy that follows the master")
    if scheme not in _OPTIONS or not rest:
        raise ValueError("is no address of Redis or Valkey; write one like redis://127.0.0.1:6379, or embedded")
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as strange:
        raise ValueError(_MISREAD) from strange
    if "#" in text or (scheme != "unix" and not host):
        raise ValueError(_MISREAD)
    if scheme != "unix" and parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        raise ValueError("names no database by its number; write it like redis://host:6379/0")
    _refuse_strange_options(scheme, parse_qs(parts.query, keep_blank_values=True))
    return text


def _refuse_strange_options(scheme: str, options: dict[str, list[str]]) -> None:
    for name in options:
        if name in _TLS_OPTIONS and scheme == "redis":
            raise ValueError(f"has the option {name} without TLS; write rediss:// at its beginning")
        if name not in _OPTIONS[scheme]:
            raise ValueError(
                f"has an option {name} that nobody knows; write one of {', '.join(sorted(_OPTIONS[scheme]))}"
            )
    for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
        for path in options.get(name, ()):
            if not Path(path).is_file():
                raise ValueError(f"names a file in {name} that is not there; write its whole path")


def database_address(text: str) -> str:
    """`text` if it is '' or an address that SQLAlchemy reads as it was meant. Raises ValueError."""
    if text and "://" not in text:
        raise ValueError("names no database that we have a driver for; write one like postgresql://reader@host/members")
    if text and not text.startswith("sqlite") and not _SERVER.fullmatch(text):
        raise ValueError(_MISREAD)
    return text
