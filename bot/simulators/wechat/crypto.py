"""Signatures and message encryption as the platform does them, on `cryptography` alone.

Shares nothing with the channel it tests; both are checked against Tencent's own vectors.
Rules: "Message encryption" and "Access overview", developers.weixin.qq.com/doc/service/guide/dev/push.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.errors import YingdaError

_BLOCK = 32  # PKCS#7 to 32 bytes, not to AES's 16


class Tampered(YingdaError):
    """A ciphertext that its key does not open, or that was meant for another account."""


def signature(*parts: str) -> str:
    """SHA-1 (hex) over the parts, sorted by their bytes and joined without a separator."""
    return hashlib.sha1(b"".join(sorted(part.encode() for part in parts)), usedforsecurity=False).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare signatures without telling by time where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())


class Vault:
    """Seals and opens messages of one account: AES-256-CBC over random(16) + length(4, big endian) + text + app id."""

    def __init__(self, encoding_aes_key: str, app_id: str) -> None:
        self._key = base64.b64decode(encoding_aes_key + "=")
        self._app_id = app_id.encode()

    def seal(self, text: bytes, noise: bytes | None = None) -> str:
        """Encrypt; Base64. `noise` (16 bytes) is given only where a published vector is repeated."""
        parts = (noise or os.urandom(16), struct.pack(">I", len(text)), text, self._app_id)
        packed = b"".join(parts)
        fill = _BLOCK - len(packed) % _BLOCK
        encryptor = self._cipher().encryptor()
        return base64.b64encode(encryptor.update(packed + bytes([fill]) * fill) + encryptor.finalize()).decode()

    def open(self, sealed: str) -> bytes:
        """Decrypt. Raises Tampered."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            decryptor = self._cipher().decryptor()
            packed = decryptor.update(raw) + decryptor.finalize()
        except (binascii.Error, ValueError) as broken:
            raise Tampered("not Base64 of whole blocks") from broken
        return self._unpack(_unfill(packed))

    def _unpack(self, packed: bytes) -> bytes:
        if len(packed) < 20:
            raise Tampered("too short")
        end = 20 + int(struct.unpack(">I", packed[16:20])[0])
        if end > len(packed):
            raise Tampered("length beyond its end")
        if not hmac.compare_digest(packed[end:], self._app_id):
            raise Tampered("another app id")
        return packed[20:end]

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))


def _unfill(packed: bytes) -> bytes:
    fill = packed[-1] if packed else 0
    if not 1 <= fill <= _BLOCK or packed[-fill:] != bytes([fill]) * fill:
        raise Tampered("padding")
    return packed[:-fill]
