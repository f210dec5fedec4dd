"""What a receipt remembers of a message: enough to know it when it comes again, nothing that says whose it was.

A platform's key often names the sender (WeChat's holds the openid) or leads to the message at the platform. Without the
deployment's secret the seal can be neither read nor guessed, so receipts may outlast whoever was forgotten.
"""

from __future__ import annotations

import hashlib
import hmac

SEALED = "s1:"  # how a sealed key begins; what else stands in old rows is a platform's own key


def seal(secret: str, account: str, dedup_key: str) -> str:
    """The same for the same account, key and secret, in every process."""
    told = f"receipt\0{account}\0{dedup_key}".encode()
    return SEALED + hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()
