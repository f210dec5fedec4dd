"""Whether a push was signed with our token, and lately.

sha1 over the sorted parts [DOC service/guide/dev/push]. wechatpy sorts and hashes; its own check compares in varying
time, knows no freshness and accepts an empty token, so the checking is done here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest

from wechatpy.utils import WeChatSigner

from bot.errors import Refused
from bot.messages import Instant

LONGEST_NONCE = 128


def sign(*parts: str) -> str:
    """WeChat's signature of `parts`, in any order."""
    signer = WeChatSigner()
    signer.add_data(*parts)
    return str(signer.signature)


@dataclass(frozen=True, slots=True)
class Guard:
    """Checks signatures of one account. freshness: seconds a signature is good for, before and after its time.

    A nonce seen before is no reason to refuse: WeChat repeats a push with the same one (reference 1.3), and the
    receipts in the record see to it that a repeat has no effect.
    """

    token: str
    freshness: int

    def check(self, query: Mapping[str, str], now: Instant, name: str, *covered: str) -> None:
        """That the parameter `name` signs timestamp, nonce and `covered`, and lately. Raises Refused(403)."""
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not (is_number(timestamp) and nonce.isascii() and nonce.isprintable() and 0 < len(nonce) <= LONGEST_NONCE):
            raise Refused(403, "signature")
        expected = sign(self.token, timestamp, nonce, *covered)
        # as bytes, because a str outside ASCII makes compare_digest raise
        if not compare_digest(expected.encode(), query.get(name, "").encode(errors="replace")):
            raise Refused(403, "signature")
        if abs(now - int(timestamp)) > self.freshness:
            raise Refused(403, "stale")


def is_number(text: str) -> bool:
    """At most twelve decimal digits of ASCII: a time that every `int` and `float` takes."""
    return text.isascii() and text.isdigit() and len(text) <= 12
