"""HTML pages: renders templates with the texts of the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.access.cookies import Cookie
from bot.domain.cases import Session
from bot.i18n import LANGUAGES, preferred, section
from bot.web.auth import parts_of

_HERE = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
LANGUAGE_COOKIE = Cookie("yingda_language")
STATIC = _HERE / "static"
_NOTHING: Mapping[str, object] = {}


def reader_language(request: Request) -> str:
    """'zh' or 'en': the reader's choice, else the browser's preference, else the deployment's language."""
    chosen = LANGUAGE_COOKIE.read(request)
    if chosen in LANGUAGES:
        return chosen
    return preferred(request.headers.get("accept-language", "")) or parts_of(request).branding.language


def page(
    request: Request,
    template: str,
    session: Session | None = None,
    more: Mapping[str, object] = _NOTHING,
    status: int = 200,
) -> HTMLResponse:
    """Render a template in the reader's language with `words`, `language`, `branding`, `session`, `path` and `more`."""
    language = reader_language(request)
    text = _TEMPLATES.get_template(template).render(
        words=section("desk", language),
        language=language,
        branding=parts_of(request).branding,
        session=session,
        path=request.scope["path"],
        more=more,
    )
    return HTMLResponse(text, status, headers={"content-language": "zh-CN" if language == "zh" else "en"})
