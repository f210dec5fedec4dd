"""Cookies that a neighbour cannot plant.

Whoever serves another host of the same domain, or stands between us and a browser that once came over http, can set a
cookie for our host, too. A browser takes a name that begins with __Host- from our own host over https alone (RFC
6265bis, 4.1.3.2); over https no other name is read. Over http, on a programmer's machine, there is no such protection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from starlette.requests import HTTPConnection
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Cookie:
    """One that no script sees. path: where it is sent, over http; over https it is the whole host."""

    name: str
    samesite: Literal["lax", "strict"] = "strict"
    path: str = "/"

    def sent(self, request: HTTPConnection) -> str:
        """What the browser kept; '' for nothing."""
        return request.cookies.get(self._named(request), "")

    def give(self, request: HTTPConnection, response: Response, value: str, seconds: float) -> None:
        response.set_cookie(
            self._named(request),
            value,
            max_age=int(seconds),
            path="/" if _safe(request) else self.path,
            httponly=True,
            samesite=self.samesite,
            secure=_safe(request),
        )

    def take_back(self, request: HTTPConnection, response: Response) -> None:
        """Browsers drop a __Host- cookie only for one that has all its marks."""
        self.give(request, response, "", 0)

    def _named(self, request: HTTPConnection) -> str:
        return f"__Host-{self.name}" if _safe(request) else self.name


def _safe(request: HTTPConnection) -> bool:
    """Served over https, as a proxy that we trust says."""
    return str(request.scope["scheme"]) == "https"
