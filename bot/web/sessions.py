"""Who is asking: the cookie, the roles a route is for, and proof that a change was meant."""

from __future__ import annotations

import hmac

from fastapi import HTTPException, Request

from bot.cases import Role, Session
from bot.cookies import Cookie
from bot.origins import same_host
from bot.web.parts import SiteParts

SESSION_COOKIE = Cookie("yingda_session")
CSRF_HEADER = "x-csrf-token"
_SAFE = ("GET", "HEAD", "OPTIONS")


class LoginNeeded(Exception):
    """Nobody is logged in; pages lead to the login, the API says 401."""


def parts_of(request: Request) -> SiteParts:
    parts: SiteParts = request.app.state.parts
    return parts


class Anybody:
    """The guard of routes that need no login. Changes must still come from our own pages."""

    roles: frozenset[Role] = frozenset()

    async def __call__(self, request: Request) -> None:
        _must_be_ours(request)


class Only:
    """The guard of routes for these roles. Raises LoginNeeded, and 403 for another role or a change nobody meant."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)

    async def __call__(self, request: Request) -> Session:
        token = SESSION_COOKIE.sent(request)
        session = await parts_of(request).staff.by_session(token, _by_hand(request)) if token else None
        if session is None:
            raise LoginNeeded
        request.state.staff = session.staff.id
        if session.staff.role not in self.roles:
            raise HTTPException(403, "role")
        await _must_be_meant(request, session)
        return session


async def _must_be_meant(request: Request, session: Session) -> None:
    if request.method in _SAFE:
        return
    _must_be_ours(request)
    token = request.headers.get(CSRF_HEADER) or await _form_token(request)
    if not hmac.compare_digest(token.encode(), session.csrf.encode()):
        raise HTTPException(403, "csrf")


async def _form_token(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    token = (await request.form()).get("csrf", "")
    return token if isinstance(token, str) else ""


def _must_be_ours(request: Request) -> None:
    """A change names our own host as its origin (OWASP: verifying origin with standard headers).

    A browser that sends no Origin must at least say that the site is the same.
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
    """Whether a person does something: opens a page, or changes anything. What an open page reads by itself and its
    event stream are no work of anybody's, so that a desk left alone is idle (desk.idle_minutes)."""
    path: str = request.scope["path"]
    return request.method not in _SAFE or not path.startswith("/api/")
