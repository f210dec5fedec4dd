"""The page on which somebody chooses a new password for themselves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse

from bot.cases import Role, Session
from bot.errors import Refused
from bot.passwords import LONGEST, SHORTEST, weakness
from bot.web.pages import page
from bot.web.parts import SiteParts
from bot.web.refusals import FAILED
from bot.web.sessions import SESSION_COOKIE, Only, parts_of

router = APIRouter()
_TRIES = (0.1, 5)  # whoever finds an open desk does not find out the password by trying
Parts = Annotated[SiteParts, Depends(parts_of)]
Anyone = Annotated[Session, Depends(Only(*Role))]
Field = Annotated[str, Form(max_length=LONGEST)]


@router.get("/password", response_class=HTMLResponse)
async def password_page(request: Request, session: Anyone) -> HTMLResponse:
    return _shown(request, session)


@router.post("/password", response_class=HTMLResponse)
async def change_password(
    request: Request, current: Field, new: Field, again: Field, session: Anyone, parts: Parts
) -> HTMLResponse:
    """The new password holds at once, and the person's other sessions end."""
    login = session.staff.login
    weak = "again" if new != again else weakness(new, login, parts.door.brand)
    if weak:
        return _shown(request, session, f"password.{weak}", 400)
    if not await parts.buckets.allow(f"password-of:{session.staff.id}", *_TRIES):
        request.app.state.refusals.note("too_many", staff=session.staff.id)
        return _shown(request, session, "login.too_many", 429)
    try:
        changed = await parts.staff.change_password(SESSION_COOKIE.sent(request), current, new)
    except Refused as crowded:
        return _shown(request, session, "login.busy", crowded.status)
    if not changed:
        request.app.state.refusals.note("password", FAILED, session.staff.id)
        return _shown(request, session, "password.wrong", 400)
    return _shown(request, session, done=True)


def _shown(
    request: Request, session: Session, wrong: str = "", status: int = 200, *, done: bool = False
) -> HTMLResponse:
    return page(request, "password.html", session, {"wrong": wrong, "done": done, "shortest": SHORTEST}, status)
