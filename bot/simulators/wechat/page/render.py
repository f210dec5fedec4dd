"""Renders the page in Chinese or English; everything that changes afterwards comes from the JSON endpoints."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from bot.simulators.wechat.api import Simulated
from bot.simulators.wechat.page.words import WORDS, Language
from bot.simulators.wechat.platform import Platform

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


page = APIRouter()


@page.get("/")
async def phone_page(request: Request, platform: Simulated, lang: str = "") -> HTMLResponse:
    language = _chosen(lang, request.headers.get("accept-language", ""))
    return HTMLResponse(render(platform, language))


def render(platform: Platform, language: Language) -> str:
    words = {key: both[language] for key, both in WORDS.items()}
    account = platform.account
    return _PAGES.get_template("phone.html").render(
        t=words,
        lang=language,
        account=account,
        name=getattr(account, f"name_{language}"),
        menu=[{"label": getattr(button, language), "key": button.key} for button in account.menu],
        questions=[getattr(question, language) for question in account.questions],
        webhook=platform.webhook_url,
        interval=f"{platform.interval:g}",
    )


def _chosen(asked: str, accepted: str) -> Language:
    """What the person asked for, else what their browser prefers, else Chinese."""
    if asked in ("zh", "en"):
        return "zh" if asked == "zh" else "en"
    return "en" if accepted.lower().startswith("en") else "zh"
