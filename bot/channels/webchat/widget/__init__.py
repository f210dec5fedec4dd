"""The widget as it is served: its modules, style and words joined into one script, and the page that shows it alone.

A site embeds one tag, so there is one file; it is joined at the first request, packed once, and named by its content.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.channels.webchat.settings import WebChatSettings

_HERE = Path(__file__).parent
_MODULES = ("ground.js", "line.js", "place.js", "view.js", "widget.js")  # each imports only from those before it
_PAGES = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
_HOUR = "public, max-age=3600, stale-while-revalidate=86400"
_FOR_EVER = "public, max-age=31536000, immutable"
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Script:
    """version: the first letters of the text's hash."""

    text: bytes
    packed: bytes
    version: str


@cache
def joined() -> Script:
    """The whole widget. Without comments, indentation and blank lines; nothing else is changed."""
    words = yaml.safe_load(_read("words.yaml"))
    by_language = {language: {key: said[language] for key, said in words.items()} for language in ("zh", "en")}
    parts = [f"const STYLE={_literal(_lean(_read('widget.css')))},WORDS={_literal(by_language)};"]
    parts += [_module(_read(name)) for name in _MODULES]
    text = ('(()=>{"use strict";' + "\n".join(parts) + "})();\n").encode()
    return Script(text, gzip.compress(text, 9, mtime=0), hashlib.sha256(text).hexdigest()[:12])


def script(request: Request) -> Response:
    """`/webchat/widget.js`: good for an hour, and with its `?v=` for ever. Any site may load it."""
    whole = joined()
    tag = f'"{whole.version}"'
    headers = {
        "cache-control": _FOR_EVER if request.query_params.get("v") == whole.version else _HOUR,
        "etag": tag,
        "vary": "accept-encoding",
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(
        whole.packed if packed else whole.text, headers=headers, media_type="text/javascript; charset=utf-8"
    )


def page(request: Request, account: str, settings: WebChatSettings, prefix: str = "") -> Response:
    """The chat alone on a page of ours. Only our own script runs in it. prefix: the path below which we are."""
    language = _chosen(request.query_params.get("language", ""), request.headers.get("accept-language", ""))
    text = _PAGES.get_template("chat.html").render(
        account=account,
        language=language,
        title=getattr(settings.title, language),
        version=joined().version,
        prefix=prefix,
    )
    headers: Mapping[str, str] = {
        "content-security-policy": _POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
        "vary": "accept-language",
        "content-language": "zh-CN" if language == "zh" else "en",
    }
    return HTMLResponse(text, headers=dict(headers))


def _chosen(asked: str, accepted: str) -> str:
    """What the address says, else what the browser prefers, else Chinese."""
    if asked in ("zh", "en"):
        return asked
    return "en" if accepted.lower().startswith("en") else "zh"


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _lean(text: str) -> str:
    """CSS without comments and the space between things."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*([{};,>])\s*", r"\1", re.sub(r"\s+", " ", text)).strip()


def _module(text: str) -> str:
    """A module's lines as part of one script: without imports, the word export, comments of their own and indents."""
    lines = (line.strip() for line in text.splitlines())
    kept = (line for line in lines if line and not line.startswith(("import ", "// ")))
    return "\n".join(line.removeprefix("export ") for line in kept)


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
