"""Authentication of requests: the session cookie, the roles a route is for, and protection against CSRF."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from bot.access.cookies import Cookie
from bot.access.origins import same_host
from bot.desk.transitions import WORKERS
from bot.domain.cases import Role, Session
from bot.web.dependencies import SiteParts

SESSION_COOKIE = Cookie("yingda_session")
CSRF_HEADER = "x-csrf-token"
_SAFE = ("GET", "HEAD", "OPTIONS")


class LoginRequired(Exception):
    """The request has no valid session: pages redirect to the login, the API responds 401."""


def parts_of(request: Request) -> SiteParts:
    parts: SiteParts = request.app.state.parts
    return parts


class Public:
    """Dependency of routes that need no login. Changes must still come from our own pages."""

    roles: frozenset[Role] = frozenset()

    async def __call__(self, request: Request) -> None:
        _require_own_origin(request)


class RequireRole:
    """Dependency of routes for these roles. Raises LoginRequired, or 403 for another role or a request without the CSRF
    token."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)

    async def __call__(self, request: Request) -> Session:
        token = SESSION_COOKIE.read(request)
        session = await parts_of(request).staff.find_session(token, _by_hand(request)) if token else None
        if session is None:
            raise LoginRequired
        request.state.staff = session.staff.id
        if session.staff.role not in self.roles:
            raise HTTPException(403, "role")
        if request.method not in _SAFE:
            _require_own_origin(request)
            token = request.headers.get(CSRF_HEADER) or await _form_token(request)
            if not hmac.compare_digest(token.encode(), session.csrf.encode()):
                raise HTTPException(403, "csrf")
        return session


Parts = Annotated[SiteParts, Depends(parts_of)]
AnyRole = Annotated[Session, Depends(RequireRole(*Role))]
Agent = Annotated[Session, Depends(RequireRole(*WORKERS))]  # a role that works on cases


async def _form_token(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    token = (await request.form()).get("csrf", "")
    return token if isinstance(token, str) else ""


def _require_own_origin(request: Request) -> None:
    """Raise 403 for a change that does not come from our own host (OWASP CSRF cheat sheet, standard headers).

    Without an Origin header, Sec-Fetch-Site must be same-origin.
    """
    if request.method in _SAFE:
        return
    origin = request.headers.get("origin")
    if origin is None:
        ours = request.headers.get("sec-fetch-site") == "same-origin"
    else:
        ours = same_host(origin, request.headers.get("host", ""))
    if not ours:
        raise HTTPException(403, "origin")


def _by_hand(request: Request) -> bool:
    """Whether a person acts: opens a page or changes something."""
    # Reads by the script of an open page do not count, so that an unattended desk becomes idle (desk.idle_minutes).
    path: str = request.scope["path"]
    return request.method not in _SAFE or not path.startswith("/api/")
