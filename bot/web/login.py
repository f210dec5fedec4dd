"""The door: logging in and out, and the language in which staff read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BeforeValidator

from bot import origins
from bot.cases import Role, Session
from bot.web.pages import page
from bot.web.parts import SiteParts
from bot.web.sessions import SESSION_COOKIE, Anybody, Only, parts_of, remember
from bot.web.words import LANGUAGE_COOKIE, LANGUAGES
from bot.wording import cleaned

HOME = "/desk"
_YEAR = 365 * 24 * 3600
_BY_LOGIN = (0.1, 5)  # one try in ten seconds, five at once
_BY_ADDRESS = (0.5, 20)
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
    """Opens a session and leads on. A wrong password and an unknown login read alike and take equally long."""
    if not await _may_try(request, login, parts):
        return _refusal(request, "login.too_many", goes, 429)
    entered = await parts.staff.log_in(login.strip(), password)
    if entered is None:
        return _refusal(request, "login.wrong", goes, 401)
    token, session = entered
    response = RedirectResponse(own_path(goes), 303)
    remember(request, response, token, session.until - parts.clock.now())
    return response


@router.post("/logout")
async def log_out(request: Request, _session: Staff, parts: Parts) -> Response:
    await parts.staff.log_out(request.cookies.get(SESSION_COOKIE, ""))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(SESSION_COOKIE)
    return response


@router.post("/language", dependencies=[Stranger])
async def choose_language(language: Field, goes: Field = HOME) -> Response:
    response = RedirectResponse(own_path(goes), 303)
    if language in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, samesite="strict", httponly=True)
    return response


def own_path(goes: str) -> str:
    """`goes` if it is a path on this site, else home: a login never leads to a stranger's page."""
    return origins.own_path(goes, HOME)


async def _may_try(request: Request, login: str, parts: SiteParts) -> bool:
    address = request.client.host if request.client else ""
    by_address = await parts.buckets.allow(f"login-from:{address}", *_BY_ADDRESS)
    return by_address and await parts.buckets.allow(f"login-as:{login[:60]}", *_BY_LOGIN)


def _refusal(request: Request, wrong: str, goes: str, status: int) -> HTMLResponse:
    return page(request, "login.html", more={"goes": own_path(goes), "wrong": wrong}, status=status)
