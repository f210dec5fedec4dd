"""The doctor's checks of a WeChat account: credentials, permission to send, clock, and the webhook's URL check.

It makes two harmless calls: stable_token without force_refresh, which returns the current token, and a message to an
openid that cannot exist, which WeChat refuses with 40003 if the account may send and with 48001 if not.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import Any

import httpx

from bot.channels.wechat.errors import PREFIX, explain
from bot.channels.wechat.security import sign
from bot.channels.wechat.settings import WHERE, WeChatSettings
from bot.i18n import Message, message
from bot.ports.findings import (
    AccountView,
    Finding,
    HttpReply,
    compare_clocks,
    fail,
    ok,
    simulator_stopped,
    unreachable,
    warn,
)
from bot.text import http_date

TIMEOUT = 5.0  # seconds of a call
IMPOSSIBLE_OPENID = "yingda-doctor-asks"
MAY_SEND = frozenset({0, 40003, 45015})  # sent, invalid openid, reply window closed: all prove the permission
_ADDRESS = re.compile(r"invalid ip (?:::ffff:)?([0-9a-fA-F.:]+)")

REFUSALS = {
    code: (message(f"doctor.refusal.{code}"), message(f"doctor.refusal.{code}_mend", where=WHERE))
    for code in ("signature", "stale", "tampered", "app_id", "account", "plain_push", "encrypted")
}


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """One answer of the platform."""

    code: int | None  # errcode, 0 for success; None if the answer is missing or unreadable
    message: str = ""  # errmsg, or what went wrong
    date: str = ""  # the HTTP Date header
    token: str = ""  # the access token, if one was fetched


async def examine(account: AccountView, settings: WeChatSettings) -> list[Finding]:
    """All findings about an account. With `api: none` it has no secret, so its credentials are not checked."""
    found = [] if settings.mode == "safe" else [plain_mode(account.name)]
    if account.public:
        found.append(await handshake(account, settings))
    if settings.api == "customer_service":
        found += await _examine_sending(account, settings)
    return found


async def _examine_sending(account: AccountView, settings: WeChatSettings) -> list[Finding]:
    async with httpx.AsyncClient(headers={"user-agent": "yingda-doctor"}) as http:
        fetched, sent = await ask(settings, http)
    if fetched.code is None and account.simulated(settings.api_url):
        return [simulator_stopped(account.name)]
    found = [credentials(account.name, settings, fetched)]
    if sent is not None:
        found.append(sending(account.name, sent))
    if fetched.date:
        whose = message("doctor.clock.of_platform", name=account.name)
        found.append(compare_clocks(account.now(), http_date(fetched.date), whose))
    return found


def plain_mode(name: str) -> Finding:
    """A warning: in plain mode WeChat's signature covers a timestamp and a nonce, not the message."""
    return warn("doctor.wechat.plain_mode", name=name)


async def handshake(account: AccountView, settings: WeChatSettings) -> Finding:
    """Request our own webhook as WeChat does when its URL is saved, signed with the configured token."""
    stamp, nonce, echo = str(int(account.now())), secrets.token_hex(6), secrets.token_hex(8)
    signed = {"signature": sign(settings.token.get_secret_value(), stamp, nonce), "timestamp": stamp, "nonce": nonce}
    address = f"{account.public.rstrip('/')}/wechat/{account.name}"
    return verified(account.name, address, await account.get(address, signed | {"echostr": echo}), echo)


def verified(name: str, address: str, reply: HttpReply, echo: str) -> Finding:
    """Whether our webhook's answer is the one that WeChat expects."""
    if reply.status == 200 and reply.body == echo:
        return ok("doctor.public.verified", name=name, address=address)
    if reply.status is None:
        return fail("doctor.public.silent", name=name, address=address, error=reply.body)
    return fail("doctor.public.wrong_answer", _why(reply), name=name, address=address, status=reply.status)


def _why(reply: HttpReply) -> Message:
    """What to do about a wrong answer of our webhook."""
    match reply.status:
        case 403:
            return message("doctor.public.other_token_mend")
        case 301 | 302 | 307 | 308:
            return message("doctor.public.redirect_mend")
        case _:
            return unreachable(reply)


async def ask(settings: WeChatSettings, http: httpx.AsyncClient) -> tuple[ApiAnswer, ApiAnswer | None]:
    """WeChat's answers to the token request and, if it gave a token, to a message to IMPOSSIBLE_OPENID."""
    credentials = {
        "grant_type": "client_credential",
        "appid": settings.app_id,
        "secret": settings.app_secret.get_secret_value(),
    }
    fetched = await _post(http, f"{settings.api_url.rstrip('/')}/cgi-bin/stable_token", credentials)
    if not fetched.token:
        return fetched, None
    content = {"touser": IMPOSSIBLE_OPENID, "msgtype": "text", "text": {"content": "-"}}
    url = f"{settings.api_url.rstrip('/')}/cgi-bin/message/custom/send"
    return fetched, await _post(http, url, content, access_token=fetched.token)


async def _post(http: httpx.AsyncClient, url: str, content: dict[str, Any], **query: str) -> ApiAnswer:
    try:
        response = await http.post(url, json=content, params=query, timeout=TIMEOUT)
        answer = json.loads(response.content)
    except (httpx.HTTPError, ValueError) as lost:
        return ApiAnswer(None, type(lost).__name__)
    if not isinstance(answer, dict):
        return ApiAnswer(None, f"HTTP {response.status_code}")
    code, date = answer.get("errcode", 0), response.headers.get("date", "")
    said, token = str(answer.get("errmsg", "")), str(answer.get("access_token", ""))
    return ApiAnswer(code if isinstance(code, int) else None, said, date, token)


def credentials(name: str, settings: WeChatSettings, answer: ApiAnswer) -> Finding:
    """The finding from the answer to stable_token."""
    if answer.code == 0 and answer.token:
        return ok("doctor.wechat.good", name=name)
    if not answer.code:
        return fail("doctor.wechat.silent", name=name, url=settings.api_url, error=answer.message or "no token")
    return fail("doctor.wechat.refused", _hint(answer), name=name, code=answer.code)


def sending(name: str, answer: ApiAnswer) -> Finding:
    """The finding from the answer to the message to IMPOSSIBLE_OPENID."""
    if answer.code in MAY_SEND:
        return ok("doctor.wechat.may_send", name=name)
    if answer.code is None:
        return warn("doctor.wechat.sending_unknown", name=name)
    return fail("doctor.wechat.may_not_send", _hint(answer), name=name, code=answer.code)


def _hint(answer: ApiAnswer) -> Message:
    """How to correct an errcode. For 40164 it names the IP address that WeChat saw, which its allow list lacks."""
    hint = explain(f"{PREFIX}{answer.code}")
    seen = _ADDRESS.search(answer.message) if answer.code == 40164 else None
    return message("doctor.wechat.seen_address_mend", mend=hint, address=seen[1]) if seen else hint
