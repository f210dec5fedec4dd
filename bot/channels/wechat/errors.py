"""WeChat's error codes: what each means for delivery, and its explanation for people.

Sources: developers.weixin.qq.com, api_sendcustommessage, api_getstableaccesstoken and "Return codes" (oplatform);
wechatpy.constants.WeChatErrorCode.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.circuit_breaker import AGAIN
from bot.errors import DeliveryFailed
from bot.i18n import Message, message, section

PREFIX = "wechat:"
TOKEN_REJECTED = frozenset({40001, 40014, 42001})  # the access token is wrong or expired: fetch another

# The reply window is closed or used up: the customer's next message opens it again.
AWAITS_CUSTOMER = frozenset({45015, 45047})

# Seconds after which the same message may work. 45009 is a daily quota, 45011 one per minute. Both are the account's,
# so its other messages wait too, and the wait does not count as an attempt.
RETRY_AFTER: Mapping[int, float] = MappingProxyType({-1: 5.0, 45009: 3600.0, 45011: 60.0})
QUOTAS = frozenset({45009, 45011})

# Codes that concern the account, its credentials or our IP address: every message would be refused the same way.
ACCOUNT_ERRORS = frozenset(
    {
        *(40001, 40002, 40013, 40014, 40125, 40164, 40243, 41001, 41002, 41004, 42001),
        *(48001, 48004, 50001, 50002, 50007, 61003, 61004, 61005, 61007, 61011, 89501, 89503, 89506, 89507),
    }
)


def failure(code: int) -> DeliveryFailed:
    """What an errcode other than 0 means for the message. It is never ambiguous: with an errcode nothing was sent."""
    if code in ACCOUNT_ERRORS:
        return DeliveryFailed(f"{PREFIX}{code}", retry_after=AGAIN, attempted=False, halts_account=True)
    wait = RETRY_AFTER.get(code)
    shut = code in AWAITS_CUSTOMER
    return DeliveryFailed(
        f"{PREFIX}{code}", permanent=wait is None, retry_after=wait, awaits_customer=shut, attempted=code not in QUOTAS
    )


def explain(code: str) -> Message:
    """Explain a DeliveryFailed code of this channel: what is wrong and what to do."""
    name = code.removeprefix(PREFIX)
    why = _meaning(name)
    if name.isdecimal() and int(name) in ACCOUNT_ERRORS:
        why = message("wechat.paused", why=why)
    return why


def _meaning(name: str) -> Message:
    if name in section("wechat.error", "en"):
        return message(f"wechat.error.{name}")
    # An HTTP error has no errcode: a 5xx may come after the message was sent; a 4xx is from a proxy, not from WeChat.
    if name.startswith("http-5"):
        return message("wechat.error.unclear")
    if name.startswith("http-"):
        return message("wechat.blocked", status=name.removeprefix("http-"))
    return message("wechat.refused", code=name)
