"""Where text messages go: to a gateway (in the demo the phone page), or only into a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import httpx

from bot.errors import DeliveryFailed
from bot.halting import Halting

_TIMEOUT = httpx.Timeout(3.0, connect=1.0)
_AGAIN = 2.0


GATEWAY = "sms"  # the gateway among those whose halts are kept
SMS = "sms:"
_OF_OURS = frozenset({401, 402, 403})  # wrong key, no credit, not allowed: every text message would meet the same
_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "401": (
            "短信网关不接受我们的密钥，验证码发不出去，由同事接手。请核对 linking.sms_url 里的密钥。",
            "The gateway for text messages rejects our key, so no codes are sent and people take over. Check the key "
            "in linking.sms_url.",
        ),
        "402": (
            "短信网关的余额已用完，验证码发不出去，由同事接手。请充值；之后会自动继续。",
            "The credit at the gateway for text messages is used up, so no codes are sent and people take over. Buy "
            "more; it then goes on by itself.",
        ),
        "403": (
            "短信网关不允许我们发送，验证码发不出去，由同事接手。请在网关后台检查 IP 白名单、签名与权限。",
            "The gateway for text messages does not let us send, so no codes are sent and people take over. Check its "
            "list of addresses, signature and permissions.",
        ),
    }
)


def explain(code: str, language: str) -> str:
    """Why the gateway sends nothing, in plain words; '' if the code is not the gateway's."""
    chinese, english = _WORDS.get(code.removeprefix(SMS), ("", ""))
    return chinese if language == "zh" else english


class HttpCodeSender:
    """Sends text messages through a gateway: POST `address` with JSON {phone, text, key}, which sends once per key.

    halting: where it is kept that the gateway refuses us. A code does not wait for better days, for it is good for
    minutes: whoever asked for one is helped by a person at once.
    """

    def __init__(self, address: str, halting: Halting | None = None) -> None:
        self._address, self._halting = address, halting

    async def send(self, phone: str, text: str, key: str) -> None:
        """Raises DeliveryFailed: never ambiguous, for the gateway knows each key only once."""
        if self._halting is None:
            await self._post(phone, text, key)
            return
        try:
            trying = await self._halting.permit()
        except DeliveryFailed as halted:
            raise DeliveryFailed(halted.code, permanent=True) from halted
        try:
            await self._post(phone, text, key)
        except DeliveryFailed as failed:
            await self._halting.met(failed, trying=trying)
            raise
        if trying:
            await self._halting.worked()

    async def _post(self, phone: str, text: str, key: str) -> None:
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:
                response = await client.post(self._address, json={"phone": phone, "text": text, "key": key})
        except httpx.TransportError as gone:
            raise DeliveryFailed(type(gone).__name__, retry_after=_AGAIN) from gone
        if response.status_code >= 500:
            raise DeliveryFailed(f"http_{response.status_code}", retry_after=_AGAIN)
        if response.status_code in _OF_OURS:
            raise DeliveryFailed(f"{SMS}{response.status_code}", permanent=True, halts=True)
        if not response.is_success:
            raise DeliveryFailed(f"http_{response.status_code}", permanent=True)


@dataclass(frozen=True, slots=True)
class TextMessage:
    phone: str
    text: str
    key: str


class RecordingSender:
    """Sends nothing and remembers everything: for rehearsals on a scratch copy, and for tests."""

    def __init__(self) -> None:
        self.sent: list[TextMessage] = []

    async def send(self, phone: str, text: str, key: str) -> None:
        if all(message.key != key for message in self.sent):
            self.sent.append(TextMessage(phone, text, key))
