"""Renders a simulator's page in Chinese or English; what changes afterwards comes from its JSON endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request

from bot.simulators.page.words import Both, Language

_FRAME = Path(__file__).parent


def pages(folder: Path) -> Environment:
    """The templates of one simulator, which extend frame.html."""
    return Environment(
        loader=FileSystemLoader([folder, _FRAME]), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def rendered(templates: Environment, template: str, words: Mapping[str, Both], language: Language, **more: Any) -> str:
    """A page with its words as `t` and its language as `lang`."""
    spoken = {key: both[language] for key, both in words.items()}
    return templates.get_template(template).render(t=spoken, lang=language, **more)


def chosen_language(request: Request, asked: str) -> Language:
    """What the person asked for, else what their browser prefers, else Chinese."""
    if asked in ("zh", "en"):
        return "zh" if asked == "zh" else "en"
    return "en" if request.headers.get("accept-language", "").lower().startswith("en") else "zh"
