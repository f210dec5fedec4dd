"""WeChat's message security: signatures, encryption, passive replies, and the modes `plain` and `safe`.

Rules: developers.weixin.qq.com/doc/service/guide/dev/push.

- Signature: sha1 over the sorted parts. wechatpy sorts and hashes; its check is not used, because it compares in
  varying time, ignores the timestamp's age and accepts an empty token.
- Encryption: AES-256-CBC over random(16) + length(4) + message + app id. wechatpy's cipher and padding are used. Its
  decryption is not: it ignores wrong padding and raises struct.error, IndexError or KeyError on bad input. Its random
  prefix is not either: it comes from `random`, and as the IV is fixed, a guessable prefix shows when replies are equal.
- Replies: wechatpy renders the XML but escapes nothing, so `]]>` in a text would inject elements, and a control
  character makes WeChat show the customer that the account is out of order.
- Mode: only the configuration chooses it. Libraries that decrypt only if the request has `encrypt_type` or
  `msg_signature` accept a forged plain push.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Protocol

from wechatpy.crypto.cryptography import WeChatCipher
from wechatpy.crypto.pkcs7 import PKCS7Encoder
from wechatpy.replies import TextReply
from wechatpy.utils import WeChatSigner

from bot.channels.wechat.payloads import dedup_key
from bot.channels.wechat.settings import WeChatSettings
from bot.channels.wechat.xml import XmlFields, is_number, read_fields
from bot.domain.messages import Instant, RawRequest
from bot.errors import Refused
from bot.text import clean

MAX_NONCE = 128  # characters; WeChat sends about ten digits


def sign(*parts: str) -> str:
    """WeChat's signature of `parts`: sha1 in hex; their order does not matter."""
    signer = WeChatSigner()
    signer.add_data(*parts)
    return str(signer.signature)


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """Checks the signatures of one account's requests.

    A known nonce is not refused: WeChat repeats a push with the same nonce, and the receipts in the database make sure
    that a repeat has no effect.
    """

    token: str
    freshness: int  # seconds by which a timestamp may be older or newer than our clock

    def check(self, query: Mapping[str, str], now: Instant, name: str, *covered: str) -> None:
        """Check that parameter `name` signs timestamp, nonce and `covered` and is fresh. Raises Refused(403)."""
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not (is_number(timestamp) and nonce.isascii() and nonce.isprintable() and 0 < len(nonce) <= MAX_NONCE):
            raise Refused(403, "signature")
        expected = sign(self.token, timestamp, nonce, *covered)
        # Compared as bytes: compare_digest raises TypeError for a str that is not ASCII.
        if not compare_digest(expected.encode(), query.get(name, "").encode(errors="replace")):
            raise Refused(403, "signature")
        if abs(now - int(timestamp)) > self.freshness:
            raise Refused(403, "stale")


SALT_BYTES = 16
HEADER_BYTES = SALT_BYTES + 4  # the salt and the message's length, big-endian
BLOCK_BYTES = 32  # WeChat pads to 32, although AES needs only 16


class MessageCrypto:
    """Encrypts and decrypts messages of one account in safe mode."""

    def __init__(self, encoding_aes_key: str, app_id: str) -> None:
        self._cipher = WeChatCipher(b64decode(encoding_aes_key + "="))
        self._app_id = app_id.encode()

    def encrypt(self, message: bytes, salt: bytes | None = None) -> str:
        """The ciphertext of `message` in base64. salt: 16 bytes, random unless a test vector gives them."""
        salt = salt or secrets.token_bytes(SALT_BYTES)
        content = salt + len(message).to_bytes(4, "big") + message + self._app_id
        return b64encode(self._cipher.encrypt(PKCS7Encoder.encode(content))).decode()

    def decrypt(self, ciphertext: str) -> bytes:
        """The message in `ciphertext` (base64). Raises Refused(403) if it is not encrypted with our key for our app id.

        Call it only after the signature is checked, so that it cannot serve as a padding oracle.
        """
        content = _unpadded(self._decrypted(ciphertext))
        end = HEADER_BYTES + int.from_bytes(content[SALT_BYTES:HEADER_BYTES], "big")
        if not HEADER_BYTES <= end <= len(content):
            raise Refused(403, "tampered")
        if content[end:] != self._app_id:
            raise Refused(403, "app_id")
        return content[HEADER_BYTES:end]

    def _decrypted(self, ciphertext: str) -> bytes:
        try:
            return bytes(self._cipher.decrypt(b64decode(ciphertext, validate=True)))
        except ValueError as broken:  # not base64, or not whole blocks
            raise Refused(403, "tampered") from broken


def _unpadded(content: bytes) -> bytes:
    count = content[-1] if content else 0
    if not 1 <= count <= BLOCK_BYTES or content[-count:] != bytes([count]) * count:
        raise Refused(403, "tampered")
    return content[:-count]


def text_reply(to: str, sender: str, text: str, at: int) -> str:
    """The XML of a passive text reply (WeChat docs, "Passive user reply message"); '' if the text shows nothing.

    at: Unix time in seconds.
    """
    readable = clean(text)
    if not readable.strip():
        return ""
    reply = TextReply(target=_cdata(to), source=_cdata(sender), content=_cdata(readable), time=at)
    return str(reply.render())


def envelope(ciphertext: str, signature: str, timestamp: str, nonce: str) -> str:
    """The XML of an encrypted reply. nonce: that of the request."""
    return (
        f"<xml><Encrypt><![CDATA[{ciphertext}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{_cdata(nonce)}]]></Nonce></xml>"
    )


def _cdata(text: str) -> str:
    """Escape for a CDATA section: a `]]>` is split over two sections."""
    return text.replace("]]>", "]]]]><![CDATA[>")


MAX_UNANSWERED = 1_024  # decrypted pushes kept until they are answered
MAX_USED = 50_000  # signed addresses remembered by a process; each is valid for minutes


class SecurityMode(Protocol):
    """How one account's pushes are verified and decrypted and its replies encrypted."""

    def open(self, request: RawRequest) -> XmlFields:
        """Verify a push and return its fields. Raises Refused."""
        ...

    def reopen(self, request: RawRequest) -> XmlFields:
        """The fields of a push that `open` has verified before."""
        ...

    def close(self, reply: str, request: RawRequest) -> str:
        """The response body for a reply's XML to `request`."""
        ...


@dataclass(frozen=True, slots=True)
class PlainMode:
    """Plain mode: the signature covers token, timestamp and nonce, not the body.

    So a signed address that leaks would authorise any body while it is fresh. To limit that, an address is accepted for
    one message and its repeats only. The list is per process: another process may accept one more message.
    """

    guard: SignatureCheck
    used: dict[tuple[str, str], str] = field(default_factory=dict)  # dedup key by (timestamp, nonce), oldest first

    def open(self, request: RawRequest) -> XmlFields:
        self.guard.check(request.query, request.received_at, "signature")
        fields = self.reopen(request)
        self._refuse_replay(request, dedup_key(fields))
        return fields

    def _refuse_replay(self, request: RawRequest, message: str) -> None:
        """Raises Refused(403) if this signed address came with another message before."""
        address = request.query["timestamp"], request.query["nonce"]
        if self.used.setdefault(address, message) != message:
            raise Refused(403, "replayed")
        too_old = request.received_at - 2 * self.guard.freshness
        while self.used and (len(self.used) > MAX_USED or int(next(iter(self.used))[0]) < too_old):
            del self.used[next(iter(self.used))]

    def reopen(self, request: RawRequest) -> XmlFields:
        fields = read_fields(request.body)
        if fields.raw("Encrypt") and not fields.raw("MsgType"):
            raise Refused(400, "encrypted")  # WeChat is set to safe mode, our configuration to plain
        return fields

    def close(self, reply: str, request: RawRequest) -> str:  # noqa: ARG002
        return reply


@dataclass(frozen=True, slots=True)
class SafeMode:
    """Safe mode: `msg_signature` covers the ciphertext too, and `signature` is ignored."""

    guard: SignatureCheck
    crypto: MessageCrypto
    opened: dict[bytes, XmlFields] = field(default_factory=dict)  # by body, so that no push is decrypted twice

    def open(self, request: RawRequest) -> XmlFields:
        ciphertext = self._ciphertext(request)
        self.guard.check(request.query, request.received_at, "msg_signature", ciphertext)
        fields = read_fields(self.crypto.decrypt(ciphertext))
        self.opened[request.body] = fields
        if len(self.opened) > MAX_UNANSWERED:
            del self.opened[next(iter(self.opened))]  # the oldest: a dict keeps the order of insertion
        return fields

    def reopen(self, request: RawRequest) -> XmlFields:
        return self.opened.pop(request.body, None) or read_fields(self.crypto.decrypt(self._ciphertext(request)))

    def close(self, reply: str, request: RawRequest) -> str:
        ciphertext, now = self.crypto.encrypt(reply.encode()), str(int(request.received_at))
        nonce = request.query.get("nonce", "")
        return envelope(ciphertext, sign(self.guard.token, now, nonce, ciphertext), now, nonce)

    def _ciphertext(self, request: RawRequest) -> str:
        outside = read_fields(request.body)
        ciphertext = outside.get("Encrypt")
        if not ciphertext:
            raise Refused(403, "plain_push")
        if "Encrypt" in outside.repeated:
            raise Refused(400, "repeated")
        return ciphertext


def mode_of(settings: WeChatSettings) -> SecurityMode:
    """The security mode that the settings choose."""
    guard = SignatureCheck(settings.token.get_secret_value(), settings.freshness_seconds)
    if settings.mode == "plain":
        return PlainMode(guard)
    return SafeMode(guard, MessageCrypto(settings.encoding_aes_key.get_secret_value(), settings.app_id))
