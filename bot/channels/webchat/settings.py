"""What a person writes in config.yaml for one web chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from bot.config import Settings

ANYBODY = "*"
Words = Annotated[str, Field(min_length=1, max_length=80)]


def _as_browsers_send_it(origin: str) -> str:
    """RFC 6454: scheme, host and a port that is not the scheme's own; no path, in lower case."""
    if origin == ANYBODY:
        return origin
    scheme, _, host = origin.partition("://")
    if scheme not in ("http", "https") or not host or any(one in host for one in "/?#@ "):
        raise ValueError("is no origin; write scheme and host alone, like https://www.brand.example, or '*'")
    name, _, port = host.partition(":")
    own = {"http": "80", "https": "443"}[scheme]
    return f"{scheme}://{name.lower()}" + (f":{port}" if port and port != own else "")


class Title(Settings):
    zh: Words = "在线客服"
    en: Words = "Chat with us"


class Questions(Settings):
    zh: Annotated[Sequence[Words], Field(max_length=6)] = ()
    en: Annotated[Sequence[Words], Field(max_length=6)] = ()


class WebChatSettings(Settings):
    """origins: the sites that may embed the widget; none means only our own page. title: what stands over the chat.

    questions: suggested before the first word. token_days: a visitor who stays away for longer is somebody new.
    """

    origins: Sequence[Annotated[str, AfterValidator(_as_browsers_send_it)]] = ()
    title: Title = Title()
    questions: Questions = Questions()
    token_days: int = Field(180, ge=1, le=400)
