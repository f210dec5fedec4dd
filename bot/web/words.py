"""The desk's own words in Chinese and English, and which of the two a request wants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from starlette.requests import Request

from bot.cookies import Cookie

LANGUAGES = ("zh", "en")
LANGUAGE_COOKIE = Cookie("yingda_language")


def _load() -> Mapping[str, Mapping[str, str]]:
    """By language, then by key."""
    content = yaml.safe_load((Path(__file__).parent / "words.yaml").read_text(encoding="utf-8"))
    return {language: {key: said[language] for key, said in content.items()} for language in LANGUAGES}


WORDS = _load()


def language_of(request: Request, fallback: str) -> str:
    """The staff's own choice, else what the browser prefers, else the deployment's language."""
    chosen = LANGUAGE_COOKIE.sent(request)
    if chosen in LANGUAGES:
        return chosen
    return preferred(request.headers.get("accept-language", "")) or fallback


def preferred(accept_language: str) -> str:
    """The best-weighted of our languages in an Accept-Language header (RFC 9110, 12.5.4); '' if there is none."""
    weighed = []
    for place, part in enumerate(accept_language.split(",")[:20]):
        name, _, weight = part.strip().partition(";q=")
        language = name.split("-")[0].lower()
        if language in LANGUAGES:
            weighed.append((-_weight(weight), place, language))
    return min(weighed)[2] if weighed else ""


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
