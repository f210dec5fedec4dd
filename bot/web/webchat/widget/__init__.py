"""Serves the widget: its modules, style and texts joined into one script, and a page with the chat alone.

A site embeds one script tag, so everything is one file. It is joined and compressed at the first request, and its
version is a hash of its content.
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

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.i18n import LANGUAGES, preferred, section, translate
from bot.ports.channels import ChatSettings

_HERE = Path(__file__).parent
_MODULES = ("common.js", "connection.js", "host.js", "view.js", "widget.js")  # each imports only from those before it
_TEMPLATES = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
_CACHE_HOUR = "public, max-age=3600, stale-while-revalidate=86400"
_CACHE_FOREVER = "public, max-age=31536000, immutable"
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Script:
    """The widget as it is served."""

    text: bytes
    packed: bytes  # gzip
    version: str  # the first 12 characters of the text's SHA-256


@cache
def widget_script() -> Script:
    """The whole widget, without comments, indentation and blank lines."""
    by_language = {language: section("webchat.widget", language) for language in LANGUAGES}
    parts = [f"const STYLE={_literal(_minify_css(_read('widget.css')))},WORDS={_literal(by_language)};"]
    parts += [_inline_module(_read(name)) for name in _MODULES]
    text = ('(()=>{"use strict";' + "\n".join(parts) + "})();\n").encode()
    return Script(text, gzip.compress(text, 9, mtime=0), hashlib.sha256(text).hexdigest()[:12])


def script(request: Request) -> Response:
    """`/webchat/widget.js`: cached for an hour, with the present version in `?v=` for a year. Any site may load it."""
    whole = widget_script()
    tag = f'"{whole.version}"'
    headers = {
        "cache-control": _CACHE_FOREVER if request.query_params.get("v") == whole.version else _CACHE_HOUR,
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


def page(request: Request, account: str, settings: ChatSettings, prefix: str = "") -> Response:
    """Our own page with the chat alone. prefix: the path of the public URL; '' for none."""
    language = request.query_params.get("language", "")
    if language not in LANGUAGES:
        language = preferred(request.headers.get("accept-language", "")) or "zh"
    text = _TEMPLATES.get_template("chat.html").render(
        account=account,
        language=language,
        title=getattr(settings.title, language),
        no_script=translate("webchat.no_script", language),
        version=widget_script().version,
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


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _minify_css(text: str) -> str:
    """CSS without comments and unneeded white space."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*([{};,>])\s*", r"\1", re.sub(r"\s+", " ", text)).strip()


def _inline_module(text: str) -> str:
    """A module as part of one script: without imports, `export`, comment lines, indentation and blank lines."""
    lines = (line.strip() for line in text.splitlines())
    kept = (line for line in lines if line and not line.startswith(("import ", "// ")))
    return "\n".join(line.removeprefix("export ") for line in kept)


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
