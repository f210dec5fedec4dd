"""How a refusal reads: a code for the widget, words for whoever looks, and when to try again."""

from __future__ import annotations

from starlette.responses import JSONResponse

from bot.channels.webchat.gate import TooMany
from bot.errors import Refused

_WORDS = {
    "token": "凭证无效，请重新打开对话。 / This token is not ours. Open the chat again.",
    "expired": "凭证已过期，请重新打开对话。 / This token has expired. Open the chat again.",
    "origin": "此网站未获准嵌入对话，请在 config.yaml 的 origins 中添加。 / This site may not embed the chat: "
    "add it to `origins` in config.yaml.",
    "too_many": "太快了，请稍后再试。 / Too fast. Please wait a moment.",
    "too_large": "内容太大。 / That is too large.",
    "too_long": "一条消息最多 2,000 字。 / A message has at most 2,000 characters.",
    "malformed": "请求格式不对。 / This request is not well formed.",
    "content_type": "请使用 application/json。 / Send it as application/json.",
    "method": "不支持此方法。 / This method is not supported.",
    "path": "没有这个地址。 / There is nothing here.",
    "full": "现在人太多，请稍后再试。 / Too many visitors just now. Please try again soon.",
    "unavailable": "暂时不可用，请稍后再试。 / Not available just now. Please try again soon.",
}
_PATIENCE = {"full": 15, "unavailable": 2}


def refusal(refused: Refused) -> JSONResponse:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    wait = refused.seconds if isinstance(refused, TooMany) else _PATIENCE.get(refused.code)
    if wait:
        headers["retry-after"] = str(wait)
    return JSONResponse({"code": refused.code, "words": _WORDS[refused.code]}, refused.status, headers)
