"""WeChat's wire format: the XML of a push, its signature and encryption, and the passive reply in the response.

Shares no code with the channel that it tests; both are checked against Tencent's published vectors. Rules: "Message
encryption", "Access overview" and "Passive user reply messages", developers.weixin.qq.com/doc/service/guide/dev/push.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from xml.parsers import expat

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.errors import YingdaError
from bot.simulators.wechat.actions import Fields, FollowerAction
from bot.simulators.wechat.state import SimulatedAccount
from bot.text import clean

# Bytes of UTF-8, by older copies of the official page; users report that longer passive replies lose their end.
LONGEST_TEXT = 2048
_BLOCK = 32  # WeChat pads (PKCS#7) to 32 bytes, although AES's block has 16
_HEAD = 20  # bytes before the text: random(16) + length(4)
_MAX_DEPTH = 5  # elements; WeChat's own messages nest four deep
_LISTS = ("Articles.",)  # paths below which an element may repeat
# The element that holds a passive reply's content, by MsgType, and the one that holds its title.
_CONTENTS = {
    "text": "Content",
    "image": "Image.MediaId",
    "voice": "Voice.MediaId",
    "video": "Video.MediaId",
    "music": "Music.MusicUrl",
    "news": "Articles.item.Title",
}
_TITLES = {"video": "Video.Title", "music": "Music.Title"}


class DecryptError(YingdaError):
    """A ciphertext that its key does not decrypt, or that belongs to another account."""


class MalformedReply(YingdaError):
    """Not the XML that WeChat expects. The follower reads that the service is out of order."""


def signature(*parts: str) -> str:
    """SHA-1 (hex) over the parts, sorted by their bytes and joined without a separator."""
    return hashlib.sha1(b"".join(sorted(part.encode() for part in parts)), usedforsecurity=False).hexdigest()


class MessageCipher:
    """AES-256-CBC of one account over random(16) + length(4, big endian) + text + app id."""

    def __init__(self, encoding_aes_key: str, app_id: str) -> None:
        self._key = base64.b64decode(encoding_aes_key + "=")  # WeChat shows the key without its Base64 padding
        self._app_id = app_id.encode()

    def encrypt(self, text: bytes, noise: bytes | None = None) -> str:
        """Base64 of the ciphertext. noise: the 16 random bytes, given only to reproduce a published vector."""
        packed = b"".join((noise or os.urandom(16), struct.pack(">I", len(text)), text, self._app_id))
        fill = _BLOCK - len(packed) % _BLOCK
        encryptor = self._cipher().encryptor()
        return base64.b64encode(encryptor.update(packed + bytes([fill]) * fill) + encryptor.finalize()).decode()

    def decrypt(self, encrypted: str) -> bytes:
        """The text. Raises DecryptError."""
        try:
            raw = base64.b64decode(encrypted, validate=True)
            decryptor = self._cipher().decryptor()
            padded = decryptor.update(raw) + decryptor.finalize()
        except ValueError as broken:
            raise DecryptError("not Base64 of whole blocks") from broken
        fill = padded[-1] if padded else 0
        if not 1 <= fill <= _BLOCK or padded[-fill:] != bytes([fill]) * fill:
            raise DecryptError("padding")
        packed = padded[:-fill]
        if len(packed) < _HEAD:
            raise DecryptError("too short")
        end = _HEAD + int(struct.unpack(">I", packed[16:_HEAD])[0])
        if end > len(packed):
            raise DecryptError("length beyond its end")
        if not hmac.compare_digest(packed[end:], self._app_id):
            raise DecryptError("another app id")
        return packed[_HEAD:end]

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))  # the key's first half is the IV


def write_xml(fields: Mapping[str, str | int | float]) -> bytes:
    """`<xml>` with one element per field: numbers bare, text as CDATA without control characters, as WeChat writes."""
    return f"<xml>{''.join(_element(name, value) for name, value in fields.items())}</xml>".encode()


def _element(name: str, value: str | float) -> str:
    if isinstance(value, str):
        # "]]>" would end the CDATA section, so the text is split there into two sections.
        value = f"<![CDATA[{clean(value).replace(']]>', ']]]]><![CDATA[>')}]]>"
    return f"<{name}>{value}</{name}>"


def read_xml(body: bytes) -> dict[str, str]:
    """Text by path under the root, e.g. {'MsgType': 'image', 'Image.MediaId': '1'}; of a list, its first item.

    Raises MalformedReply for anything but XML under `<xml>`, and for document types, repeated or deep elements.
    """
    reader = _XmlReader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse_document_type
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.text
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(body, True)
    except expat.ExpatError as broken:
        raise MalformedReply("not XML") from broken
    return reader.found


class _XmlReader:
    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._path: list[str] = []
        self._texts: list[str] = []
        self._leaf = False

    def refuse_document_type(self, *_: object) -> None:
        raise MalformedReply("a document type")  # it could define entities that expand to gigabytes

    def start(self, name: str, _: Mapping[str, str]) -> None:
        if not self._path and name != "xml":
            raise MalformedReply("no <xml>")
        if len(self._path) >= _MAX_DEPTH:
            raise MalformedReply("too deep")
        self._path.append(name)
        self._texts = []
        self._leaf = True

    def text(self, text: str) -> None:
        self._texts.append(text)

    def end(self, _: str) -> None:
        path = ".".join(self._path[1:])
        if self._leaf and path:
            if path in self.found and not path.startswith(_LISTS):
                raise MalformedReply("an element twice")
            self.found.setdefault(path, "".join(self._texts))
        self._path.pop()
        self._leaf = False


@dataclass(frozen=True, slots=True)
class Push:
    """An HTTP request without its URL. Every attempt sends the same bytes and the same query."""

    openid: str
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A passive reply as the follower sees it."""

    kind: str  # MsgType
    text: str
    cut: bool = False  # it was longer than LONGEST_TEXT and lost its end


class Envelopes:
    """Builds the pushes of one account and reads its webhook's replies, in the account's mode only."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self._cipher = MessageCipher(account.encoding_aes_key, account.app_id) if account.mode == "safe" else None

    def seal(self, openid: str, action: FollowerAction, msg_id: int, now: float) -> Push:
        """A signed request with the action as XML, encrypted in safe mode."""
        head: Fields = {"ToUserName": self._account.original_id, "FromUserName": openid, "CreateTime": int(now)}
        numbered: Fields = {} if action.msg_type == "event" else {"MsgId": msg_id}  # events have no MsgId
        body = write_xml({**head, "MsgType": action.msg_type, **action.fields, **numbered})
        query = self.signed(now) | {"openid": openid}
        if self._cipher is None:
            return Push(openid, query, body)
        encrypted = self._cipher.encrypt(body)
        proof = signature(self._account.token, query["timestamp"], query["nonce"], encrypted)
        query |= {"encrypt_type": "aes", "msg_signature": proof}
        return Push(openid, query, write_xml({"ToUserName": self._account.original_id, "Encrypt": encrypted}))

    def signed(self, now: float) -> dict[str, str]:
        """The query parameters signature, timestamp and nonce, which every request of the platform has."""
        timestamp, nonce = str(int(now)), str(secrets.randbelow(10**10))
        proof = signature(self._account.token, timestamp, nonce)
        return {"signature": proof, "timestamp": timestamp, "nonce": nonce}

    def open(self, openid: str, body: bytes) -> Reply | None:
        """The reply in a response's body; None for 'success' or an empty body. Raises MalformedReply."""
        if body.strip() in (b"", b"success"):
            return None
        fields = read_xml(body)
        if self._cipher is not None:
            fields = read_xml(self._decrypted(self._cipher, fields))
        if fields.get("ToUserName") != openid or fields.get("FromUserName") != self._account.original_id:
            raise MalformedReply("ToUserName or FromUserName")
        if not fields.get("CreateTime", "").isdigit():
            raise MalformedReply("CreateTime")
        kind = fields.get("MsgType", "")
        if kind == "transfer_customer_service":  # hands the follower to WeChat's own agent console; shows nothing
            return Reply(kind, "")
        content = fields.get(_CONTENTS.get(kind, ""), "")
        if not content:
            raise MalformedReply("MsgType unknown, or nothing in it")
        if kind != "text":
            return Reply(kind, fields.get(_TITLES.get(kind, ""), "") or content)
        shown = content.encode()[:LONGEST_TEXT].decode(errors="ignore")  # drops half a character at the cut
        return Reply(kind, shown, shown != content)

    def _decrypted(self, cipher: MessageCipher, fields: Mapping[str, str]) -> bytes:
        try:
            encrypted, given = fields["Encrypt"], fields["MsgSignature"]
            expected = signature(self._account.token, fields["TimeStamp"], fields["Nonce"], encrypted)
        except KeyError as missing:
            raise MalformedReply("a reply in safe mode needs Encrypt, MsgSignature, TimeStamp, Nonce") from missing
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise MalformedReply("MsgSignature")
        try:
            return cipher.decrypt(encrypted)
        except DecryptError as refused:
            raise MalformedReply(str(refused)) from refused
