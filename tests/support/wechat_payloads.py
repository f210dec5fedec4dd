"""WeChat as others wrote it: WeRoBot signs and encrypts the pushes that our channel has to read.

Payloads are those of tests/payloads/wechat, byte for byte.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

from support import paths
from werobot.crypto import MessageCrypt
from werobot.utils import get_signature

from bot.channels.wechat import WeChatChannel, WeChatSettings
from bot.domain.messages import Inbound, Messages, RawRequest

PAYLOADS = paths.PAYLOADS / "wechat"
VECTORS: dict[str, list[dict[str, Any]]] = json.loads((PAYLOADS / "vectors.json").read_text(encoding="utf-8"))
NOW = 1_790_000_000.0
TOKEN = "spring-tea"
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APP_ID = "wx1234567890abcdef"
GH = "gh_97417a04a28d"
OPENID = "o9AgO5Kd5ggOC-bXrbNODIiE3bGY"

SAFE = WeChatSettings.model_validate(
    {"app_id": APP_ID, "token": TOKEN, "mode": "safe", "encoding_aes_key": KEY, "api": "none"}
)
PLAIN = WeChatSettings.model_validate({"app_id": APP_ID, "token": TOKEN, "mode": "plain", "api": "none"})


def payload(name: str) -> str:
    return (PAYLOADS / f"{name}.xml").read_text(encoding="utf-8")


def push_xml(content: str = "你好", kind: str = "text", **more: str) -> str:
    """A push with CDATA as WeChat writes it; `more` are further tags, or replace one."""
    tags = {"ToUserName": GH, "FromUserName": OPENID, "CreateTime": "1790000000", "MsgType": kind, "Content": content}
    tags |= {"MsgId": "23456789012345678", **more}
    return "<xml>" + "".join(f"<{tag}><![CDATA[{text}]]></{tag}>" for tag, text in tags.items()) + "</xml>"


def plain_request(xml: str | bytes, now: float = NOW, token: str = TOKEN, signed_at: float | None = None) -> RawRequest:
    """Each push has a nonce of its own, and its repeats have the same."""
    body = xml if isinstance(xml, bytes) else xml.encode()
    timestamp, nonce = str(int(now if signed_at is None else signed_at)), str(zlib.crc32(body))
    query = {"signature": get_signature(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
    return RawRequest("POST", query, {}, body, now)


def safe_request(
    xml: str | bytes, now: float = NOW, *, token: str = TOKEN, key: str = KEY, app_id: str = APP_ID, at: float = NOW
) -> RawRequest:
    """What WeChat posts in safe mode, made by WeRoBot's crypto."""
    envelope = MessageCrypt(token, key, app_id).encrypt_message(xml, timestamp=str(int(at)), nonce="415670741")
    return sealed_request(tag(envelope, "Encrypt"), tag(envelope, "MsgSignature"), str(int(at)), "415670741", now)


def sealed_request(sealed: str, msg_signature: str, timestamp: str, nonce: str, now: float) -> RawRequest:
    body = f"<xml><ToUserName><![CDATA[{GH}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
    query = {"timestamp": timestamp, "nonce": nonce, "encrypt_type": "aes", "msg_signature": msg_signature}
    query["signature"] = get_signature(TOKEN, timestamp, nonce)
    return RawRequest("POST", query, {}, body.encode(), now)


def tag(xml: str, name: str) -> str:
    found = re.search(rf"<{name}>(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?</{name}>", xml, re.DOTALL)
    assert found, f"no {name} in {xml}"
    return found.group(1)


def received(channel: WeChatChannel, request: RawRequest) -> Inbound:
    messages = channel.receive(request)
    assert isinstance(messages, Messages)
    (inbound,) = messages.inbounds
    return inbound
