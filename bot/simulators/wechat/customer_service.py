"""Customer-service messages of /cgi-bin/message/custom/send, and the access tokens of /cgi-bin/stable_token."""

from __future__ import annotations

import json
import re
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.messages import DAY
from bot.errors import YingdaError
from bot.ports.channels import Clock
from bot.simulators.wechat.envelopes import LONGEST_TEXT

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
# A JSON escape like \u4f60, but not the end of an escaped backslash.
_ESCAPE = re.compile(rb"(?<!\\)((?:\\\\)*)\\u")
_MEDIA = ("image", "voice", "video", "mpnews", "mpnewsarticle", "wxcard", "miniprogrampage", "music")


class CallRefused(YingdaError):
    """A call that the platform refuses. code: WeChat's errcode."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


def parse(body: bytes) -> tuple[str, str, str]:
    """Openid, kind and shown text of the message in a call of custom/send. Raises CallRefused."""
    # WeChat does not decode \u escapes here, followers read them literally (offu/WeRoBot#50, w7corp/easywechat#935).
    asked = _addressed(_ESCAPE.sub(rb"\1\\\\u", body))
    kind = asked.get("msgtype")
    content = asked.get(kind) if isinstance(kind, str) else None
    if not isinstance(kind, str) or not isinstance(content, dict):
        raise CallRefused(40008)
    return asked["touser"], kind, _shown(kind, content)


def parse_typing(body: bytes) -> tuple[str, bool]:
    """The openid, and whether typing begins (True) or ends, of a call of custom/typing. Raises CallRefused."""
    asked = _addressed(body)
    if asked.get("command") not in ("Typing", "CancelTyping"):
        raise CallRefused(45072)
    return asked["touser"], asked["command"] == "Typing"


def _addressed(body: bytes) -> dict[str, Any]:
    """A JSON object with a recipient. Raises CallRefused."""
    asked = json_object(body)
    if not isinstance(asked.get("touser"), str):
        raise CallRefused(47001)
    return asked


def json_object(body: bytes) -> dict[str, Any]:
    """Raises CallRefused for anything else."""
    try:
        asked = json.loads(body)
    except ValueError as broken:
        raise CallRefused(47001) from broken
    if not isinstance(asked, dict):
        raise CallRefused(47001)
    return asked


def _shown(kind: str, content: Mapping[str, Any]) -> str:
    if kind == "text":
        return _checked_text(str(content.get("content") or ""))
    if kind == "msgmenu":
        options = [str(one.get("content", "")) for one in content.get("list", []) if isinstance(one, dict)]
        lines = (content.get("head_content"), *options, content.get("tail_content"))
        return _checked_text("\n".join(str(line) for line in lines if line))
    if kind == "news":
        articles = content.get("articles")
        if not isinstance(articles, list) or not articles or not isinstance(articles[0], dict):
            raise CallRefused(44004)
        if len(articles) > 1:
            raise CallRefused(45008)
        return str(articles[0].get("title", ""))
    if kind not in _MEDIA:
        raise CallRefused(40008)
    return str(content.get("title") or content.get("media_id") or "")


def _checked_text(text: str) -> str:
    if not text:
        raise CallRefused(44004)
    if len(text.encode(errors="replace")) > LONGEST_TEXT:
        raise CallRefused(45002)
    return text


# developers.weixin.qq.com, api_getstableaccesstoken. Times are seconds.
TOKEN_LIFETIME = 7200.0
RENEWAL_MARGIN = 300.0  # so long before its end a token is replaced; the old one stays valid until its end
FORCED_PAUSE = 30.0  # a forced refresh within this time returns the same token
FORCED_A_DAY = 20  # further forced refreshes get 45009


@dataclass(frozen=True, slots=True)
class Token:
    value: str
    until: float  # Unix time


class StableTokens:
    """The access tokens of one account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._current: Token | None = None
        self._alive: dict[str, Token] = {}
        self._forced: deque[float] = deque()

    def get(self) -> Token:
        """The current token, renewed in its last RENEWAL_MARGIN seconds."""
        now = self._clock.now()
        if self._current is None or self._current.until - now < RENEWAL_MARGIN:
            self._current = self._made(now)
        return self._current

    def force(self) -> Token:
        """A new token, which makes all others invalid. Raises CallRefused if the day's forced refreshes are used up."""
        now = self._clock.now()
        while self._forced and self._forced[0] <= now - DAY:
            self._forced.popleft()
        if self._current and self._forced and now - self._forced[-1] < FORCED_PAUSE:
            return self._current
        if len(self._forced) >= FORCED_A_DAY:
            raise CallRefused(45009)
        self._forced.append(now)
        self._alive.clear()
        self._current = self._made(now)
        return self._current

    def revoke(self) -> None:
        """Make every token invalid, as when another system forces a refresh."""
        self._alive.clear()
        self._current = None

    def refusal(self, value: str) -> int:
        """0 for a valid token, else WeChat's error code."""
        if not value:
            return 41001
        token = self._alive.get(value)
        if token is None:
            return 40001
        return 0 if token.until > self._clock.now() else 42001

    def _made(self, now: float) -> Token:
        token = Token(secrets.token_urlsafe(117), now + TOKEN_LIFETIME)  # 156 characters, about as long as WeChat's
        self._alive[token.value] = token
        return token
