"""Why a Redis or Valkey server does not serve us, told apart as far as a person mends it in different places."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    MovedError,
    NoPermissionError,
    ReadOnlyError,
)

CAUSES: dict[str, str] = {
    "password": "it refuses the user or the password",
    "rights": "its user may not do what is needed",
    "certificate": "its certificate is not trusted",
    "tls": "it does not speak TLS as asked",
    "cluster": "it is a cluster",
    "replica": "it is a replica that nobody may write to",
    "loading": "it is still loading",
    "unreachable": "it does not answer",
}
"""By code, in words for the log. Never the server's own words: they may name users and keys."""

_BY_ERROR: tuple[tuple[type[BaseException], str], ...] = (
    (AuthenticationError, "password"),
    (NoPermissionError, "rights"),
    (ssl.SSLCertVerificationError, "certificate"),
    (ssl.SSLError, "tls"),
    (MovedError, "cluster"),
    (AskError, "cluster"),
    (ReadOnlyError, "replica"),
    (BusyLoadingError, "loading"),
)
_BY_WORD = {"NOAUTH": "password", "WRONGPASS": "password", "NOPERM": "rights", "MOVED": "cluster"}


def cause_of(trouble: BaseException) -> str:
    """A code of CAUSES. The client wraps what the system says, so the errors beneath are looked at too."""
    for error in _chain(trouble):
        for kind, code in _BY_ERROR:
            if isinstance(error, kind):
                return code
        first = str(error).partition(" ")[0]
        if first in _BY_WORD:
            return _BY_WORD[first]
    return "unreachable"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
