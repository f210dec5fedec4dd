"""One-time codes: made from a key and the deployment's secret, so that a repeat makes the same one, and kept hashed."""

from __future__ import annotations

import hmac

from bot.intents.numbers import CODE_DIGITS


class OneTimeCodes:
    """Makes and proves codes. Without the secret no code can be told from its hash, though there are only a million."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def make(self, key: str) -> str:
        """The six digits for `key`, always the same."""
        number = int.from_bytes(self._mac("one-time code", key)) % 10**CODE_DIGITS
        return f"{number:0{CODE_DIGITS}}"

    def hash(self, key: str, code: str) -> str:
        """What the record keeps of a code: 64 hexadecimal digits."""
        return self._mac("one-time code kept", key, code).hex()

    def proves(self, code: str, key: str, kept: str) -> bool:
        """Whether `code` is the one whose hash is `kept`; takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(self.hash(key, code), kept)

    def _mac(self, *parts: str) -> bytes:
        return hmac.digest(self._secret, "\0".join(parts).encode(), "sha256")
