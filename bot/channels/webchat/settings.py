"""What a person writes in config.yaml for one web chat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from bot.config import Settings
from bot.origins import origin_of

ANYBODY = "*"
Words = Annotated[str, Field(min_length=1, max_length=80)]


def _as_browsers_send_it(origin: str) -> str:
    """RFC 6454: scheme, host and a port that is not the scheme's own; no path, in lower case."""
    if origin == ANYBODY:
        return origin
    known = origin_of(origin)
    if known is None:
        raise ValueError("is no origin; write scheme and host alone, like https://www.brand.example, or '*'")
    port = int(origin.rpartition(":")[2]) if re.search(r":\d+$", origin) else 0
    own = {"http": 80, "https": 443}[known.scheme]
    return f"{known.scheme}://{known.host.name}" + (f":{port}" if port not in (0, own) else "")


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
