"""The text messages that reach followers' phones: a stand-in for a text message provider."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sms:
    """A text message. openid: whose phone it is; '' if no follower has given this number."""

    key: str
    phone: str
    text: str
    at: float
    openid: str = ""


class SmsInbox:
    """Every text message once, whatever the number of times it is handed in under its key."""

    def __init__(self) -> None:
        self._arrived: dict[str, Sms] = {}

    def accept(self, sms: Sms) -> bool:
        """True if it is new; False if its key has been here."""
        return self._arrived.setdefault(sms.key, sms) is sms

    def all(self) -> list[Sms]:
        return list(self._arrived.values())
