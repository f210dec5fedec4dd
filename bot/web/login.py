"""Pages for login, logout, password, language, the editor's home, and the demo."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BeforeValidator

from bot.access.cookies import Cookie
from bot.access.credentials import LONGEST_PASSWORD, SHORTEST_PASSWORD, normalize_login, password_weakness
from bot.access.origins import network_of, safe_path
from bot.domain.cases import Role, Session
from bot.domain.messages import DAY
from bot.errors import Refused
from bot.i18n import LANGUAGES
from bot.text import cleaned
from bot.web.auth import SESSION_COOKIE, AnyRole, Parts, Public, RequireRole
from bot.web.dependencies import SiteParts
from bot.web.middleware import POLICY, policy
from bot.web.pages import LANGUAGE_COOKIE, page, reader_language
from bot.web.refusals import LOGIN_FAILED

HOME = "/desk"
EDITORS_HOME = "/editor"
KNOWN_COOKIE = Cookie("yingda_known")  # recognises browsers that have logged in before
KNOWN_DAYS = 180  # since its last login
_YEAR = 365 * DAY
# Rate limits: (tries per second, tries at once)
_BY_LOGIN = (0.1, 5)
_BY_NETWORK = (0.5, 20)
_BY_SESSION = (0.1, 5)  # the current password cannot be guessed at an unattended desk
router = APIRouter()
NoLogin = Depends(Public())
Editor = Annotated[Session, Depends(RequireRole(Role.EDITOR))]
Field = Annotated[str, Form(max_length=200), BeforeValidator(cleaned)]
Password = Annotated[str, Form(max_length=LONGEST_PASSWORD)]


@router.get("/", include_in_schema=False, dependencies=[NoLogin])
async def root_page(request: Request, parts: Parts) -> RedirectResponse:
    """Redirect to the home page of the reader's role."""
    token = SESSION_COOKIE.read(request)
    session = await parts.staff.find_session(token, True) if token else None
    return RedirectResponse(home_page(session), 303)


def home_page(session: Session | None) -> str:
    """The home page of the session's role. Editors work in files (docs/edit-the-base.md) and may not read cases."""
    return EDITORS_HOME if session and session.staff.role is Role.EDITOR else HOME


@router.get("/editor", response_class=HTMLResponse)
async def editors_page(request: Request, session: Editor) -> HTMLResponse:
    """What an editor may do, with links to the password page and the logout."""
    return page(request, "editor.html", session)


@router.get("/login", response_class=HTMLResponse, dependencies=[NoLogin])
async def login_page(request: Request) -> HTMLResponse:
    goes = safe_path(request.query_params.get("next", ""), HOME)
    return page(request, "login.html", more={"goes": goes, "wrong": ""})


@router.post("/login", dependencies=[NoLogin])
async def log_in(request: Request, login: Field, password: Field, parts: Parts, goes: Field = HOME) -> Response:
    """Open a session that replaces the browser's last one, and redirect to `goes`.

    A wrong password and an unknown login give the same response after the same time.
    """
    refusals = request.app.state.refusals
    if not await _login_allowed(request, login, parts):
        refusals.record("too_many", LOGIN_FAILED)
        return _refusal(request, "login.too_many", goes, 429)
    try:
        entered = await parts.staff.log_in(login, password, SESSION_COOKIE.read(request))
    except Refused as crowded:
        refusals.record(crowded.code, LOGIN_FAILED)
        return _refusal(request, "login.busy", goes, crowded.status)
    if entered is None:
        refusals.record("password", LOGIN_FAILED, await parts.staff.id_of(login))
        return _refusal(request, "login.wrong", goes, 401)
    token, session = entered
    goes = safe_path(goes, HOME)
    response = RedirectResponse(home_page(session) if goes == HOME else goes, 303)
    SESSION_COOKIE.set(request, response, token, session.until - parts.clock.now())
    KNOWN_COOKIE.set(request, response, _known_browser_token(request, login, parts), KNOWN_DAYS * DAY)
    return response


@router.post("/logout")
async def log_out(request: Request, _session: AnyRole, parts: Parts) -> Response:
    await parts.staff.log_out(SESSION_COOKIE.read(request))
    response = RedirectResponse("/login", 303)
    SESSION_COOKIE.delete(request, response)
    response.headers["clear-site-data"] = '"storage"'  # deletes the drafts of replies in the tab's sessionStorage
    return response


@router.get("/password", response_class=HTMLResponse)
async def password_page(request: Request, session: AnyRole) -> HTMLResponse:
    return _password_page(request, session)


@router.post("/password", response_class=HTMLResponse)
async def change_password(
    request: Request, current: Password, new: Password, again: Password, session: AnyRole, parts: Parts
) -> HTMLResponse:
    """Change the reader's own password; their other sessions end."""
    login = session.staff.login
    weak = "again" if new != again else password_weakness(new, login, parts.login.brand)
    if weak:
        return _password_page(request, session, f"password.{weak}", 400)
    if not await parts.buckets.allow(f"password-of:{session.staff.id}", *_BY_SESSION):
        request.app.state.refusals.record("too_many", staff=session.staff.id)
        return _password_page(request, session, "login.too_many", 429)
    try:
        changed = await parts.staff.change_password(SESSION_COOKIE.read(request), current, new)
    except Refused as crowded:
        return _password_page(request, session, "login.busy", crowded.status)
    if not changed:
        request.app.state.refusals.record("password", LOGIN_FAILED, session.staff.id)
        return _password_page(request, session, "password.wrong", 400)
    return _password_page(request, session, done=True)


@router.post("/language", dependencies=[NoLogin])
async def choose_language(request: Request, language: Field, goes: Field = HOME) -> Response:
    response = RedirectResponse(safe_path(goes, HOME), 303)
    if language in LANGUAGES:
        LANGUAGE_COOKIE.set(request, response, language, _YEAR)
    return response


@router.get("/demo", response_class=HTMLResponse, dependencies=[NoLogin])
async def demo_page(request: Request, parts: Parts) -> HTMLResponse:
    """In demo mode: the followers' phones and the desk in frames; followers with the reader's language come first."""
    demo = parts.branding.demo
    if demo is None or not demo.phone:
        raise HTTPException(404, "demo")
    language = reader_language(request)
    phones = []
    for one in sorted(demo.followers, key=lambda follower: follower.language != language):
        # The simulator's page reduced to this follower's phone, with times in the desk's zone.
        query = {"as": one.name, "phone": one.number, "lang": one.language, "tz": parts.branding.timezone}
        address = f"{demo.phone}/?only=phone&{urlencode(query)}"
        phones.append({"name": one.name, "number": one.number, "address": address})
    shown = page(request, "demo.html", more={"phones": phones})
    shown.headers[POLICY] = policy(frames=f"'self' {demo.phone}")
    return shown


def _password_page(
    request: Request, session: Session, wrong: str = "", status: int = 200, *, done: bool = False
) -> HTMLResponse:
    return page(
        request, "password.html", session, {"wrong": wrong, "done": done, "shortest": SHORTEST_PASSWORD}, status
    )


async def _login_allowed(request: Request, login: str, parts: SiteParts) -> bool:
    """Whether the rate limits permit a try. Requests count against the login and the network.

    A browser that has logged in with this login before has its own limit: guessing by others does not lock out the
    login's owner.
    """
    known = _known_browser(request, login, parts)
    if known:
        return await parts.buckets.allow(f"login-known:{known}", *_BY_LOGIN)
    network = network_of(request.client.host if request.client else "")
    by_network = await parts.buckets.allow(f"login-from:{network}", *_BY_NETWORK)
    return by_network and await parts.buckets.allow(f"login-as:{normalize_login(login)}", *_BY_LOGIN)


def _known_browser(request: Request, login: str, parts: SiteParts) -> str:
    """The handle of a browser that has logged in with this login before; '' for others."""
    try:
        return parts.login.browser_tokens(normalize_login(login)).verify(KNOWN_COOKIE.read(request))
    except Refused:
        return ""


def _known_browser_token(request: Request, login: str, parts: SiteParts) -> str:
    """The token by which the browser is recognised later: its present one while that is valid, else a new one."""
    kept = KNOWN_COOKIE.read(request) if _known_browser(request, login, parts) else ""
    return parts.login.browser_tokens(normalize_login(login)).renew(kept).token


def _refusal(request: Request, wrong: str, goes: str, status: int) -> HTMLResponse:
    return page(request, "login.html", more={"goes": safe_path(goes, HOME), "wrong": wrong}, status=status)
