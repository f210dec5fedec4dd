"""Customer-service messages as /cgi-bin/message/custom/send takes them: what may be sent, and how it is shown. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.errors import YingdaError
from bot.simulators.wechat.envelope import LONGEST_TEXT

ERRORS = {
    0: "ok",
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40003: "invalid openid",
    40008: "invalid message type",
    40013: "invalid appid",
    40125: "invalid appsecret",
    41001: "access_token missing",
    42001: "access_token expired",
    44004: "empty content",
    45002: "content size out of limit",
    45008: "article size out of limit",
    45009: "reach max api daily quota limit",
    45015: "response out of time limit or subscription is canceled",
    45047: "out of response count limit",
    45072: "invalid command",
    45080: "no interaction with the user in the last 30 seconds",
    45081: "the typing status is already shown",
    47001: "data format error",
    40164: "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist",
    48001: "api unauthorized",
    48004: "api forbidden for irregularities, view detail on mp.weixin.qq.com",
    50002: "user limited",
    89503: "this ip is waiting for confirmation by an administrator",
}
_ESCAPE = re.compile(rb"(?<!\\)((?:\\\\)*)\\u")
_MEDIA = ("image", "voice", "video", "mpnews", "mpnewsarticle", "wxcard", "miniprogrampage", "music")


class Unfit(YingdaError):
    """A message that the platform does not take. `code` is WeChat's."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(ERRORS[code])


@dataclass(frozen=True, slots=True)
class CustomMessage:
    """A message that is fit to be sent: to whom, of which kind, and what stands in the chat."""

    openid: str
    kind: str
    text: str


def parse(body: bytes) -> CustomMessage:
    """What an API call asks to be sent. Raises Unfit.

    WeChat doesn't undo \\u escapes here: followers read them as they are (offu/WeRoBot#50, w7corp/easywechat#935).
    """
    try:
        asked = json.loads(_ESCAPE.sub(rb"\1\\\\u", body))
    except ValueError as broken:
        raise Unfit(47001) from broken
    if not isinstance(asked, dict) or not isinstance(asked.get("touser"), str):
        raise Unfit(47001)
    kind = asked.get("msgtype")
    content = asked.get(kind) if isinstance(kind, str) else None
    if not isinstance(kind, str) or not isinstance(content, dict):
        raise Unfit(40008)
    return CustomMessage(asked["touser"], kind, _shown(kind, content))


def parse_typing(body: bytes) -> tuple[str, bool]:
    """To whom, and whether typing begins (or ends). Raises Unfit."""
    try:
        asked = json.loads(body)
    except ValueError as broken:
        raise Unfit(47001) from broken
    if not isinstance(asked, dict) or not isinstance(asked.get("touser"), str):
        raise Unfit(47001)
    if asked.get("command") not in ("Typing", "CancelTyping"):
        raise Unfit(45072)
    return asked["touser"], asked["command"] == "Typing"


def _shown(kind: str, content: Mapping[str, Any]) -> str:
    if kind == "text":
        return _fit(str(content.get("content") or ""))
    if kind == "msgmenu":
        return _fit(_menu(content))
    if kind == "news":
        return _article(content.get("articles"))
    if kind not in _MEDIA:
        raise Unfit(40008)
    return str(content.get("title") or content.get("media_id") or "")


def _fit(text: str) -> str:
    if not text:
        raise Unfit(44004)
    if len(text.encode(errors="replace")) > LONGEST_TEXT:
        raise Unfit(45002)
    return text


def _menu(content: Mapping[str, Any]) -> str:
    choices = [str(choice.get("content", "")) for choice in content.get("list", []) if isinstance(choice, dict)]
    lines = (content.get("head_content"), *choices, content.get("tail_content"))
    return "\n".join(str(line) for line in lines if line)


def _article(articles: object) -> str:
    if not isinstance(articles, list) or not articles or not isinstance(articles[0], dict):
        raise Unfit(44004)
    if len(articles) > 1:
        raise Unfit(45008)
    return str(articles[0].get("title", ""))
