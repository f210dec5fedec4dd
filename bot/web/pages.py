"""HTML pages: templates with the words of the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.cases import Session
from bot.web.sessions import parts_of
from bot.web.words import WORDS, language_of

_HERE = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
STATIC = _HERE / "static"
_NOTHING: Mapping[str, object] = {}


def reader_language(request: Request) -> str:
    return language_of(request, parts_of(request).place.language)


def page(
    request: Request,
    template: str,
    session: Session | None = None,
    more: Mapping[str, object] = _NOTHING,
    status: int = 200,
) -> HTMLResponse:
    """A page in the reader's language. Templates know `words`, `language`, `place`, `session`, `path` and `more`."""
    language = reader_language(request)
    text = _TEMPLATES.get_template(template).render(
        words=WORDS[language],
        language=language,
        place=parts_of(request).place,
        session=session,
        path=request.scope["path"],
        more=more,
    )
    return HTMLResponse(text, status, headers={"content-language": "zh-CN" if language == "zh" else "en"})
