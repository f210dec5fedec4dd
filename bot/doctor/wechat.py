"""How WeChat sees an account: are its credentials good, may it send by itself, what does its clock say.

Two harmless calls: the token that stands already (stable_token without force_refresh, reference/wechat.md 1.5), and a
message to an OpenID that cannot exist, which WeChat refuses with 40003 where sending is allowed and 48001 where not.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx

from bot.channels.wechat.errcodes import PREFIX, explain
from bot.channels.wechat.settings import WeChatSettings
from bot.doctor.findings import Finding, Words, fail, ok, warn

PATIENCE = 5.0
NOBODY = "yingda-doctor-asks"
MAY_SEND = frozenset({0, 40003, 45015})
_ADDRESS = re.compile(r"invalid ip (?:::ffff:)?([0-9a-fA-F.:]+)")


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer of the platform: errcode (0 is well; None: no answer that makes sense), errmsg, its Date header."""

    code: int | None
    message: str = ""
    date: str = ""
    token: str = ""


async def ask(settings: WeChatSettings, http: httpx.AsyncClient) -> tuple[Answered, Answered | None]:
    """What the platform says to the credentials, and, if they are good, to our sending."""
    credentials = {
        "grant_type": "client_credential",
        "appid": settings.app_id,
        "secret": settings.app_secret.get_secret_value(),
    }
    entrance = await _post(http, f"{settings.api_url.rstrip('/')}/cgi-bin/stable_token", credentials)
    if not entrance.token:
        return entrance, None
    letter = {"touser": NOBODY, "msgtype": "text", "text": {"content": "-"}}
    url = f"{settings.api_url.rstrip('/')}/cgi-bin/message/custom/send"
    return entrance, await _post(http, url, letter, access_token=entrance.token)


async def _post(http: httpx.AsyncClient, url: str, content: dict[str, Any], **query: str) -> Answered:
    try:
        response = await http.post(url, json=content, params=query, timeout=PATIENCE)
        answer = json.loads(response.content)
    except (httpx.HTTPError, ValueError) as lost:
        return Answered(None, type(lost).__name__)
    if not isinstance(answer, dict):
        return Answered(None, f"HTTP {response.status_code}")
    code, date = answer.get("errcode", 0), response.headers.get("date", "")
    said, token = str(answer.get("errmsg", "")), str(answer.get("access_token", ""))
    return Answered(code if isinstance(code, int) else None, said, date, token)


def credentials(name: str, settings: WeChatSettings, answer: Answered) -> Finding:
    """What the answer to stable_token says about an account."""
    if answer.code == 0 and answer.token:
        return ok(f"{name}：微信接受 app_id 与 app_secret", f"{name}: WeChat accepts app_id and app_secret")
    if not answer.code:
        url, why = settings.api_url, answer.message or "no token"
        return fail(
            Words(f"{name}：{url} 没有给出可用的答复（{why}）", f"{name}: {url} gives no answer of use ({why})"),
            Words("检查网络、DNS、代理与 api_url", "check network, DNS, proxy and api_url"),
        )
    what = Words(f"{name}：微信拒绝（{answer.code}）", f"{name}: WeChat refuses ({answer.code})")
    return fail(what, _mend(answer))


def sending(name: str, answer: Answered) -> Finding:
    """What the answer to a message to nobody says about an account with `api: customer_service`."""
    if answer.code in MAY_SEND:
        return ok(f"{name}：可以主动发客服消息", f"{name}: may send customer-service messages")
    if answer.code is None:
        return warn(
            Words(f"{name}：没能试出客服接口权限", f"{name}: whether it may send could not be found out"),
            Words("稍后再试", "try again later"),
        )
    what = Words(f"{name}：不能主动发消息（{answer.code}）", f"{name}: cannot send by itself ({answer.code})")
    return fail(what, _mend(answer))


def _mend(answer: Answered) -> Words:
    """In plain words; for 40164 with the address that WeChat saw, which is what to put on its list."""
    code = f"{PREFIX}{answer.code}"
    seen = _ADDRESS.search(answer.message) if answer.code == 40164 else None
    zh, en = (f" 微信看到的 IP：{seen[1]}", f" WeChat saw: {seen[1]}") if seen else ("", "")
    return Words(explain(code, "zh") + zh, explain(code, "en") + en)
