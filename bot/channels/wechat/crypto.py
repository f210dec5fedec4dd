"""The ciphertext of safe mode: AES-256-CBC over random(16) + length(4) + message + app id.

[DOC service/guide/dev/push]. wechatpy's cipher and padding are used as they are. Its opening is not: it ignores wrong
padding and answers bad input with struct.error, IndexError and KeyError (reference 1.11). Its random prefix comes from
`random`; as the IV never changes, a guessable prefix would show when two replies are alike.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode

from wechatpy.crypto.cryptography import WeChatCipher
from wechatpy.crypto.pkcs7 import PKCS7Encoder

from bot.errors import Refused

SALT = 16
HEAD = SALT + 4
BLOCK = 32  # WeChat pads to 32, although AES itself would be content with 16


class Seal:
    """Closes and opens messages for one account."""

    def __init__(self, encoding_aes_key: str, app_id: str) -> None:
        self._cipher = WeChatCipher(b64decode(encoding_aes_key + "="))
        self._app_id = app_id.encode()

    def close(self, message: bytes, salt: bytes | None = None) -> str:
        """The message as base64 text. `salt` (16 bytes) is random unless a test vector gives it."""
        salt = salt or secrets.token_bytes(SALT)
        content = salt + len(message).to_bytes(4, "big") + message + self._app_id
        return b64encode(self._cipher.encrypt(PKCS7Encoder.encode(content))).decode()

    def open(self, sealed: str) -> bytes:
        """The message in `sealed`. Raises Refused(403) if it was not closed with our key for our app id.

        Call it only after the signature was checked: then a stranger never learns which of the two was wrong.
        """
        content = _unpadded(self._decrypted(sealed))
        end = HEAD + int.from_bytes(content[SALT:HEAD], "big")
        if not HEAD <= end <= len(content):
            raise Refused(403, "tampered")
        if content[end:] != self._app_id:
            raise Refused(403, "app_id")
        return content[HEAD:end]

    def _decrypted(self, sealed: str) -> bytes:
        try:
            return bytes(self._cipher.decrypt(b64decode(sealed, validate=True)))
        except ValueError as broken:  # not base64, or no whole blocks
            raise Refused(403, "tampered") from broken


def _unpadded(content: bytes) -> bytes:
    count = content[-1] if content else 0
    if not 1 <= count <= BLOCK or content[-count:] != bytes([count]) * count:
        raise Refused(403, "tampered")
    return content[:-count]
