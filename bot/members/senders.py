"""Where text messages go: to a gateway (in the demo the phone page), or only into a list."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from bot.errors import DeliveryFailed

_TIMEOUT = httpx.Timeout(3.0, connect=1.0)
_AGAIN = 2.0


class HttpCodeSender:
    """Sends text messages through a gateway: POST `address` with JSON {phone, text, key}, which sends once per key."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def send(self, phone: str, text: str, key: str) -> None:
        """Raises DeliveryFailed: never ambiguous, for the gateway knows each key only once."""
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:
                response = await client.post(self._address, json={"phone": phone, "text": text, "key": key})
        except httpx.TransportError as gone:
            raise DeliveryFailed(type(gone).__name__, retry_after=_AGAIN) from gone
        if response.status_code >= 500:
            raise DeliveryFailed(f"http_{response.status_code}", retry_after=_AGAIN)
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
