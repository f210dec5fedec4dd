"""Renders the phone page; everything that changes afterwards comes from the JSON endpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from bot.simulators.page.render import chosen_language, pages, rendered
from bot.simulators.wechat.account import MenuButton
from bot.simulators.wechat.api import Simulated
from bot.simulators.wechat.page.words import WORDS, Language
from bot.simulators.wechat.platform import Platform

_PAGES = pages(Path(__file__).parent)

page = APIRouter()


@page.get("/")
async def phone_page(
    request: Request, platform: Simulated, lang: str = "", tz: str = "", only: str = ""
) -> HTMLResponse:
    """only=phone: a phone alone, for a frame. `as` and `phone` in the address, read by the page: whose it is."""
    language = chosen_language(request, lang)
    zone = tz if tz in available_timezones() else platform.account.timezone
    return HTMLResponse(render(platform, language, zone, only == "phone", request.app.state.neighbour))


def render(platform: Platform, language: Language, zone: str = "", alone: bool = False, neighbour: str = "") -> str:
    account = platform.account
    return rendered(
        _PAGES,
        "phone.html",
        WORDS,
        language,
        account=account,
        name=getattr(account, f"name_{language}"),
        menu=[_button(button, language) for button in account.menu],
        questions=[getattr(question, language) for question in account.questions],
        webhook=platform.webhook_url,
        zone=zone or account.timezone,
        alone=alone,
        neighbour=neighbour,
    )


def _button(button: MenuButton, language: Language) -> dict[str, Any]:
    label = button.zh if language == "zh" else button.en
    return {"label": label, "buttons": [_button(one, language) for one in button.buttons]}
