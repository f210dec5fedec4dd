"""The door: logging in and out, and the language in which staff read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BeforeValidator

from bot import origins
from bot.cases import Role, Session
from bot.cookies import Cookie
from bot.errors import Refused
from bot.logins import plain_login
from bot.networks import network_of
from bot.passes import DAY
from bot.web.pages import page
from bot.web.parts import SiteParts
from bot.web.refusals import FAILED
from bot.web.sessions import SESSION_COOKIE, Anybody, Only, parts_of
from bot.web.words import LANGUAGE_COOKIE, LANGUAGES
from bot.wording import cleaned

HOME = "/desk"
KNOWN_COOKIE = Cookie("yingda_known")
KNOWN_DAYS = 180  # since it last logged in
_YEAR = 365 * DAY
_BY_LOGIN = (0.1, 5)  # one try in ten seconds, five at once
_BY_NETWORK = (0.5, 20)
router = APIRouter()
Parts = Annotated[SiteParts, Depends(parts_of)]
Stranger = Depends(Anybody())
Staff = Annotated[Session, Depends(Only(*Role))]
Field = Annotated[str, Form(max_length=200), BeforeValidator(cleaned)]


@router.get("/", include_in_schema=False, dependencies=[Stranger])
async def front_door() -> RedirectResponse:
    """People who type only the address want the desk."""
    return RedirectResponse(HOME, 303)


@router.get("/login", response_class=HTMLResponse, dependencies=[Stranger])
async def login_page(request: Request) -> HTMLResponse:
    return page(request, "login.html", more={"goes": own_path(request.query_params.get("next", "")), "wrong": ""})


@router.post("/login", dependencies=[Stranger])
async def log_in(request: Request, login: Field, password: Field, parts: Parts, goes: Field = HOME) -> Response:
    """Opens a session in place of the browser's last one, and leads on. A wrong password and an unknown login read
    alike and take equally long."""
    refusals = request.app.state.refusals
    if not await _may_try(request, login, parts):
        refusals.note("too_many", FAILED)
        return _refusal(request, "login.too_many", goes, 429)
    try:
        entered = await parts.staff.log_in(login, password, SESSION_COOKIE.sent(request))
    except Refused as crowded:
        refusals.note(crowded.code, FAILED)
        return _refusal(request, "login.busy", goes, crowded.status)
    if entered is None:
        refusals.note("password", FAILED, await parts.staff.id_of(login))
        return _refusal(request, "login.wrong", goes, 401)
    token, session = entered
    response = RedirectResponse(own_path(goes), 303)
    SESSION_COOKIE.give(request, response, token, session.until - parts.clock.now())
    KNOWN_COOKIE.give(request, response, _pass(request, login, parts), KNOWN_DAYS * DAY)
    return response


@router.post("/logout")
async def log_out(request: Request, _session: Staff, parts: Parts) -> Response:
    await parts.staff.log_out(SESSION_COOKIE.sent(request))
    response = RedirectResponse("/login", 303)
    SESSION_COOKIE.take_back(request, response)
    response.headers["clear-site-data"] = '"storage"'  # drafts that the tab kept
    return response


@router.post("/language", dependencies=[Stranger])
async def choose_language(request: Request, language: Field, goes: Field = HOME) -> Response:
    response = RedirectResponse(own_path(goes), 303)
    if language in LANGUAGES:
        LANGUAGE_COOKIE.give(request, response, language, _YEAR)
    return response


def own_path(goes: str) -> str:
    """`goes` if it is a path on this site, else home: a login never leads to a stranger's page."""
    return origins.own_path(goes, HOME)


async def _may_try(request: Request, login: str, parts: SiteParts) -> bool:
    """Strangers are counted by the login that they try and by their network. A browser that has logged in with this
    login before is counted by itself: nobody else's tries keep its owner out."""
    known = _known(request, login, parts)
    if known:
        return await parts.buckets.allow(f"login-known:{known}", *_BY_LOGIN)
    network = network_of(request.client.host if request.client else "")
    by_network = await parts.buckets.allow(f"login-from:{network}", *_BY_NETWORK)
    return by_network and await parts.buckets.allow(f"login-as:{plain_login(login)}", *_BY_LOGIN)


def _known(request: Request, login: str, parts: SiteParts) -> str:
    """The handle of a browser that has logged in with this login before; '' of a stranger's."""
    try:
        return parts.door.passes(plain_login(login)).who(KNOWN_COOKIE.sent(request))
    except Refused:
        return ""


def _pass(request: Request, login: str, parts: SiteParts) -> str:
    """By which the browser will be known again: its own as long as that is good, else a new one."""
    kept = KNOWN_COOKIE.sent(request) if _known(request, login, parts) else ""
    return parts.door.passes(plain_login(login)).welcome(kept).token


def _refusal(request: Request, wrong: str, goes: str, status: int) -> HTMLResponse:
    return page(request, "login.html", more={"goes": own_path(goes), "wrong": wrong}, status=status)
