"""Renders the timeline page; everything that changes afterwards comes from the JSON endpoints."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from bot.simulators.page.render import chosen_language, pages, rendered
from bot.simulators.page.words import Language
from bot.simulators.twitter.api import Simulated
from bot.simulators.twitter.page.words import WORDS
from bot.simulators.twitter.platform import Platform

_PAGES = pages(Path(__file__).parent)
# The faults that can be switched on at the page, with one box each.
FAULTS = (
    "down",
    "html",
    "slow",
    "limited",
    "no_reset",
    "broke",
    "truncate",
    "drop",
    "error",
    "lag",
    "duplicate",
    "swap",
    "deaf",
)

page = APIRouter()


@page.get("/")
async def timeline_page(request: Request, platform: Simulated, lang: str = "") -> HTMLResponse:
    return HTMLResponse(render(platform, chosen_language(request, lang), request.app.state.neighbour))


def render(platform: Platform, language: Language, neighbour: str = "") -> str:
    app = platform.app
    return rendered(
        _PAGES,
        "timeline.html",
        WORDS,
        language,
        app=app,
        name=getattr(app, f"name_{language}"),
        questions=[getattr(question, language) for question in app.questions],
        faults=FAULTS,
        neighbour=neighbour,
    )
