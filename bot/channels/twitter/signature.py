"""How X proves that a webhook is called by X, and how we prove that it is ours [DOC x-api/webhooks/quickstart].

Both proofs are the same HMAC under the app's consumer secret. So whoever may choose what we sign in a challenge could
have us sign a forged event: only what looks like a challenge is signed (vercel/chat adapter-x 4.37.0).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode

from bot.errors import Refused

HEADER = "x-twitter-webhooks-signature"
_CHALLENGE = re.compile(r"[A-Za-z0-9+/=_-]{16,128}", re.ASCII)


def sign(secret: str, content: bytes) -> str:
    """`sha256=` and the HMAC in base64."""
    return "sha256=" + b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest()).decode()


def response_token(secret: str, crc_token: str) -> str:
    """The answer to a challenge. Raises Refused(400) for anything but a challenge."""
    if not _CHALLENGE.fullmatch(crc_token):
        raise Refused(400, "crc_token")
    return sign(secret, crc_token.encode())


def check(secret: str, body: bytes, claimed: str) -> None:
    """Raises Refused(403) unless `claimed` is the signature of exactly these bytes."""
    # as bytes, because a str outside ASCII makes compare_digest raise
    if not hmac.compare_digest(sign(secret, body).encode(), claimed.encode(errors="replace")):
        raise Refused(403, "signature")
