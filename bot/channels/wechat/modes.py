"""Plain and safe: how an account's pushes are opened and its replies closed.

Which one it is stands in the configuration. Nothing in a request can choose: libraries that decrypt only when
`encrypt_type` or `msg_signature` is present can be talked into taking a plain push (reference 1.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from bot.channels.wechat.crypto import Seal
from bot.channels.wechat.parsing import dedup_key
from bot.channels.wechat.reading import Fields, read_fields
from bot.channels.wechat.replies import envelope
from bot.channels.wechat.settings import WeChatSettings
from bot.channels.wechat.signature import Guard, sign
from bot.errors import Refused
from bot.messages import RawRequest

UNANSWERED = 1_024
MOST_USED = 50_000  # addresses remembered; they are good for minutes


class Mode(Protocol):
    def open(self, request: RawRequest) -> Fields:
        """The fields of a push once it is proved to be WeChat's. Raises Refused."""
        ...

    def reopen(self, request: RawRequest) -> Fields:
        """The same for a push that was opened before: nothing is proved again."""
        ...

    def close(self, reply: str, request: RawRequest) -> str:
        """The reply's XML as the platform wants it in answer to `request`."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """`signature` covers token, timestamp and nonce, not the body: WeChat's design, mended only by safe mode.

    Whoever sees one address could sign any body with it while it is fresh. So an address is good for one message and
    its repeats. Each process keeps its own list of them; another one may still be told something else once.
    """

    guard: Guard
    used: dict[tuple[str, str], str] = field(default_factory=dict)  # the message of each timestamp and nonce

    def open(self, request: RawRequest) -> Fields:
        self.guard.check(request.query, request.received_at, "signature")
        fields = self.reopen(request)
        self._once(request, dedup_key(fields))
        return fields

    def _once(self, request: RawRequest, message: str) -> None:
        """Raises Refused(403) if the address came with another message before."""
        address = request.query["timestamp"], request.query["nonce"]
        if self.used.setdefault(address, message) != message:
            raise Refused(403, "replayed")
        too_old = request.received_at - 2 * self.guard.freshness
        while self.used and (len(self.used) > MOST_USED or int(next(iter(self.used))[0]) < too_old):
            del self.used[next(iter(self.used))]

    def reopen(self, request: RawRequest) -> Fields:
        fields = read_fields(request.body)
        if fields.raw("Encrypt") and not fields.raw("MsgType"):
            raise Refused(400, "encrypted")  # WeChat is in safe mode and we are configured for plain
        return fields

    def close(self, reply: str, request: RawRequest) -> str:  # noqa: ARG002
        return reply


@dataclass(frozen=True, slots=True)
class Safe:
    """`msg_signature` covers the ciphertext too; `signature` is not to be used [DOC service/guide/dev/push]."""

    guard: Guard
    seal: Seal
    opened: dict[bytes, Fields] = field(default_factory=dict)  # until they are answered, so that none is opened twice

    def open(self, request: RawRequest) -> Fields:
        sealed = self._sealed(request)
        self.guard.check(request.query, request.received_at, "msg_signature", sealed)
        fields = read_fields(self.seal.open(sealed))
        self._keep(request.body, fields)
        return fields

    def reopen(self, request: RawRequest) -> Fields:
        return self.opened.pop(request.body, None) or read_fields(self.seal.open(self._sealed(request)))

    def close(self, reply: str, request: RawRequest) -> str:
        sealed, now = self.seal.close(reply.encode()), str(int(request.received_at))
        nonce = request.query.get("nonce", "")
        return envelope(sealed, sign(self.guard.token, now, nonce, sealed), now, nonce)

    def _keep(self, body: bytes, fields: Fields) -> None:
        self.opened[body] = fields
        if len(self.opened) > UNANSWERED:
            del self.opened[next(iter(self.opened))]

    def _sealed(self, request: RawRequest) -> str:
        outside = read_fields(request.body)
        sealed = outside.get("Encrypt")
        if not sealed:
            raise Refused(403, "plain_push")
        if "Encrypt" in outside.repeated:
            raise Refused(400, "repeated")
        return sealed


def mode_of(settings: WeChatSettings) -> Mode:
    guard = Guard(settings.token.get_secret_value(), settings.freshness_seconds)
    if settings.mode == "plain":
        return Plain(guard)
    return Safe(guard, Seal(settings.encoding_aes_key.get_secret_value(), settings.app_id))
