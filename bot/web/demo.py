"""The demo page: followers' phones and the desk side by side, each in a frame; there is none outside demo mode."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse

from bot.web.guards import POLICY, policy
from bot.web.pages import page, reader_language
from bot.web.parts import Person, Place
from bot.web.sessions import Anybody, parts_of

router = APIRouter()


@router.get("/demo", response_class=HTMLResponse, dependencies=[Depends(Anybody())])
async def demo(request: Request) -> HTMLResponse:
    """Whoever reads Chinese has the Chinese follower first. The desk's frame asks for its login by itself."""
    place = parts_of(request).place
    if place.demo is None or not place.demo.phone:
        raise HTTPException(404, "demo")
    language = reader_language(request)
    people = sorted(place.demo.followers, key=lambda one: one.language != language)
    phones = [{"name": one.name, "number": one.number, "address": _phone(place, one)} for one in people]
    shown = page(request, "demo.html", more={"phones": phones})
    shown.headers[POLICY] = policy(frames=f"'self' {place.demo.phone}")
    return shown


def _phone(place: Place, whose: Person) -> str:
    """The simulator's page with this person's phone alone, showing the desk's time."""
    asked = {"as": whose.name, "phone": whose.number, "lang": whose.language, "tz": place.timezone}
    return f"{place.demo.phone if place.demo else ''}/?only=phone&{urlencode(asked)}"
