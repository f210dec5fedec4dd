"""What the pages of all simulators share: the frame, the texts in two languages, and the choice of the language.

A page is rendered once; what changes afterwards comes from the simulator's JSON endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request

from bot.i18n import LANGUAGES, preferred, section

_FRAME = Path(__file__).parent


def page_templates(folder: Path) -> Environment:
    """The templates of one simulator, which extend frame.html."""
    return Environment(
        loader=FileSystemLoader([folder, _FRAME]), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def page_words(simulator: str, language: str) -> Mapping[str, str]:
    """The texts of a simulator's page by name: those of the shared frame, and its own.

    simulator: prefix of its own texts' keys, "simulator.wechat" or "simulator.twitter".
    """
    return {**section("simulator.page", language), **section(simulator, language)}


def render_page(templates: Environment, template: str, simulator: str, language: str, **more: Any) -> str:
    """A page with its texts as `t` and its language, 'zh' or 'en', as `lang`."""
    return templates.get_template(template).render(t=page_words(simulator, language), lang=language, **more)


def chosen_language(request: Request, asked: str) -> str:
    """'zh' or 'en': the language in the address, else the browser's preference, else Chinese."""
    return asked if asked in LANGUAGES else preferred(request.headers.get("accept-language", "")) or "zh"
