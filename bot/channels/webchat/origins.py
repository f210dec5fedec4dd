"""Which sites may speak to a web chat: ours always, others as configured (Fetch standard, CORS protocol)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.channels.webchat.settings import ANYBODY
from bot.origins import same_host

_ALLOWED = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type, last-event-id",
    "access-control-max-age": "7200",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from. own: from our own page; then, and only then, the cookie counts."""

    origin: str
    own: bool
    allowed: bool


def caller_of(headers: Mapping[str, str], origins: Sequence[str]) -> Caller:
    """Whether our own page asks, and whether this site may.

    Browsers leave Origin out where a page reads from its own site, and say so in Sec-Fetch-Site. Whoever says nothing
    at all is no browser: it needs the token like everybody, but no permission for a site.
    """
    origin = headers.get("origin", "")
    if not origin:
        site = headers.get("sec-fetch-site", "same-origin")
        return Caller("", own=site in ("same-origin", "none"), allowed=site in ("same-origin", "none"))
    own = same_host(origin, headers.get("host", ""))
    return Caller(origin, own, own or ANYBODY in origins or origin in origins)


def permission(caller: Caller, *, asked: bool = False) -> dict[str, str]:
    """The headers that let the caller's page read the response. asked: this answers a preflight."""
    told = {"vary": "origin"}
    if caller.origin and caller.allowed and not caller.own:
        told |= {"access-control-allow-origin": caller.origin, "access-control-expose-headers": "retry-after"}
        told |= _ALLOWED if asked else {}
    return told
