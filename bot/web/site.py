"""The web site: its routes, its guards, and how everything that goes wrong reads."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from bot.cases import Role, Session
from bot.errors import AlreadyTaken, NotAllowed, Refused, Stale, Unavailable
from bot.origins import own_path
from bot.web import accounts, demo, desk, live, login, password
from bot.web.guards import SafeHeaders, SmallBodies, failure
from bot.web.pages import STATIC, page, reader_language
from bot.web.parts import SiteParts
from bot.web.refusals import Refusals
from bot.web.sessions import LoginNeeded, Only
from bot.web.words import WORDS

_SHOWN = 200  # signs of a header that are told
documents = APIRouter()
ROUTERS = (login.router, password.router, demo.router, accounts.router, desk.router, desk.api, live.router, documents)


def create_site(parts: SiteParts) -> FastAPI:
    """Everything that staff see. Webhooks are no part of it."""
    site = FastAPI(title="Yingda 应答", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    site.state.parts = parts
    site.state.pulse = live.Pulse(parts)
    site.state.refusals = Refusals(parts.door.audit, parts.clock)
    site.state.read = desk.Reading()
    for router in ROUTERS:
        site.include_router(router)
    site.mount("/static", StaticFiles(directory=STATIC), name="static")
    site.add_middleware(SmallBodies)
    site.add_middleware(SafeHeaders, framed_by="'self'" if parts.place.demo else "'none'")
    for kind in _PROBLEMS:
        site.add_exception_handler(kind, _answer)
    site.add_exception_handler(Exception, _failed)
    return site


async def _failed(request: Request, _problem: Exception) -> Response:
    """Starlette raises the problem again afterwards, and the entrance counts it."""
    return failure(request.scope["path"])


@documents.get("/api/openapi.json", include_in_schema=False)
async def openapi(request: Request, _session: Annotated[Session, Depends(Only(*Role))]) -> dict[str, Any]:
    """The API's description, for whoever is logged in."""
    site: FastAPI = request.app
    return site.openapi()


async def _answer(request: Request, problem: Exception) -> Response:
    """An error as its reader wants it: JSON for the API, a page for people, the login for whoever is a stranger."""
    path: str = request.scope["path"]
    for_machine = path.startswith("/api/")
    if isinstance(problem, LoginNeeded) and not for_machine:
        return RedirectResponse(f"/login?next={quote(path)}", 303)
    status, code, more = _reading(problem)
    if status in (403, 429):
        request.app.state.refusals.note(code, staff=getattr(request.state, "staff", ""))
    if status == 404 and path.endswith("/") and (shorter := own_path(path.rstrip("/"), "")):
        return RedirectResponse(quote(shorter), 303)  # a path alone: Starlette's own would name whatever Host was sent
    if code == "origin" and (origin := request.headers.get("origin")):
        code, more = "origin.host", {"origin": origin[:_SHOWN], "host": request.headers.get("host", "")[:_SHOWN]}
    words = WORDS[reader_language(request)]
    said = words.get(f"error.{code}", words.get(f"error.{status}", words["error.other"])).format_map(more)
    headers = {"retry-after": "2"} if status == 503 else {}
    if for_machine:
        return JSONResponse({"code": code.partition(".")[0], "words": said, **more}, status, headers)
    return page(request, "error.html", more={"status": status, "said": said}, status=status)


def _reading(problem: Exception) -> tuple[int, str, dict[str, str]]:
    """Status, code for machines, and what else is worth knowing."""
    match problem:
        case AlreadyTaken():
            return 409, "taken", {"winner": problem.winner, "winner_name": problem.winner_name}
        case NotAllowed():
            return 403, problem.code, {}
        case Refused():
            return problem.status, problem.code, {}
        case HTTPException():
            return problem.status_code, problem.detail, {}
    return *_PLAIN[type(problem)], {}


_PLAIN: dict[type[Exception], tuple[int, str]] = {
    LoginNeeded: (401, "login"),
    Stale: (409, "stale"),
    Unavailable: (503, "unavailable"),
    RequestValidationError: (400, "invalid"),
}
_PROBLEMS = (*_PLAIN, NotAllowed, Refused, HTTPException)
