"""One push as it goes to a webhook, and the reply as it comes back. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from bot.simulators.wechat.account import SimulatedAccount
from bot.simulators.wechat.crypto import Tampered, Vault, same, signature
from bot.simulators.wechat.utterances import Fields, Utterance
from bot.simulators.wechat.xml import Malformed, read, write

# Bytes of UTF-8, by older copies of the official page; users report that longer passive replies lose their end.
LONGEST_TEXT = 2048
_REPLIES = {
    "text": "Content",
    "image": "Image.MediaId",
    "voice": "Voice.MediaId",
    "video": "Video.MediaId",
    "music": "Music.MusicUrl",
    "news": "Articles.item.Title",
}
_TITLES = {"video": "Video.Title", "music": "Music.Title"}


@dataclass(frozen=True, slots=True)
class Push:
    """Everything of one HTTP request but the address: the same bytes and the same query on every attempt."""

    openid: str
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A passive reply as the follower sees it. `cut`: it was too long and lost its end."""

    kind: str
    text: str
    cut: bool = False


class Envelopes:
    """Seals pushes of one account and opens its webhook's replies, in the account's mode and no other."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self._vault = Vault(account.encoding_aes_key, account.app_id) if account.mode == "safe" else None

    def seal(self, openid: str, said: Utterance, msg_id: int, now: float) -> Push:
        """A signed request: XML, encrypted in safe mode."""
        head: Fields = {"ToUserName": self._account.original_id, "FromUserName": openid, "CreateTime": int(now)}
        numbered: Fields = {} if said.msg_type == "event" else {"MsgId": msg_id}
        body = write({**head, "MsgType": said.msg_type, **said.fields, **numbered})
        query = self.signed(now) | {"openid": openid}
        if self._vault is None:
            return Push(openid, query, body)
        sealed = self._vault.seal(body)
        proof = signature(self._account.token, query["timestamp"], query["nonce"], sealed)
        query |= {"encrypt_type": "aes", "msg_signature": proof}
        return Push(openid, query, write({"ToUserName": self._account.original_id, "Encrypt": sealed}))

    def signed(self, now: float) -> dict[str, str]:
        """signature, timestamp and nonce, as on every request of the platform."""
        timestamp, nonce = str(int(now)), str(secrets.randbelow(10**10))
        return {
            "signature": signature(self._account.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
        }

    def open(self, openid: str, body: bytes) -> Reply | None:
        """The reply in a response's body; None for 'success' or nothing. Raises Malformed where WeChat gives up."""
        if body.strip() in (b"", b"success"):
            return None
        fields = read(body)
        if self._vault is not None:
            fields = read(self._unsealed(self._vault, fields))
        return self._understood(openid, fields)

    def _unsealed(self, vault: Vault, fields: Mapping[str, str]) -> bytes:
        try:
            sealed, given = fields["Encrypt"], fields["MsgSignature"]
            expected = signature(self._account.token, fields["TimeStamp"], fields["Nonce"], sealed)
        except KeyError as missing:
            raise Malformed("a reply in safe mode needs Encrypt, MsgSignature, TimeStamp, Nonce") from missing
        if not same(given, expected):
            raise Malformed("MsgSignature")
        try:
            return vault.open(sealed)
        except Tampered as tampered:
            raise Malformed(str(tampered)) from tampered

    def _understood(self, openid: str, fields: Mapping[str, str]) -> Reply:
        if fields.get("ToUserName") != openid or fields.get("FromUserName") != self._account.original_id:
            raise Malformed("ToUserName or FromUserName")
        if not fields.get("CreateTime", "").isdigit():
            raise Malformed("CreateTime")
        kind = fields.get("MsgType", "")
        if kind == "transfer_customer_service":
            return Reply(kind, "")
        return _shown(kind, fields)


def _shown(kind: str, fields: Mapping[str, str]) -> Reply:
    body = fields.get(_REPLIES.get(kind, ""), "")
    if not body:
        raise Malformed("MsgType unknown, or nothing in it")
    if kind != "text":
        return Reply(kind, fields.get(_TITLES.get(kind, ""), "") or body)
    head = body.encode()[:LONGEST_TEXT].decode(errors="ignore")
    return Reply(kind, head, head != body)
