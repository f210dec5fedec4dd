"""How much an account may still say by itself: WeChat's rule since 2023-06-12 (reference 1.6)."""

from __future__ import annotations

import pytest
from ground import MovableClock
from wechat_peer import NOW, SAFE
from wechat_servers import TokenShelf

from bot.channels.wechat import WeChatChannel, WeChatClient
from bot.messages import Conversation, Identity, Kind, Limits

MINUTE, HOUR = 60.0, 3600.0
WORDS = [Kind.TEXT, Kind.IMAGE, Kind.VOICE, Kind.VIDEO, Kind.LOCATION, Kind.LINK, Kind.UNSUPPORTED]
TOUCHES = [Kind.CLICK, Kind.FOLLOW, Kind.EVENT]


def limits(kind: Kind, *, heard_ago: float, sent: int = 0) -> Limits:
    channel = WeChatChannel("shop", SAFE, WeChatClient(SAFE, TokenShelf(), MovableClock(NOW)))
    identity = Identity("i", "c", "shop", "openid")
    heard = Conversation(
        "v", "shop", "wechat", identity, heard_at=NOW - heard_ago, heard_kind=kind, sent_in_window=sent
    )
    return channel.limits(heard, NOW)


@pytest.mark.parametrize("kind", WORDS)
def test_a_message_opens_five_replies_in_48_hours(kind: Kind) -> None:
    assert limits(kind, heard_ago=0) == Limits(2047, "bytes", active=True, window_until=NOW + 48 * HOUR, left=5)
    assert limits(kind, heard_ago=47 * HOUR, sent=4).left == 1
    assert limits(kind, heard_ago=1 * HOUR, sent=5).left == 0
    assert limits(kind, heard_ago=48 * HOUR).left == 0


@pytest.mark.parametrize("kind", TOUCHES)
def test_a_click_or_a_follow_opens_three_replies_in_a_minute(kind: Kind) -> None:
    assert limits(kind, heard_ago=0) == Limits(2047, "bytes", active=True, window_until=NOW + MINUTE, left=3)
    assert limits(kind, heard_ago=59, sent=2).left == 1
    assert limits(kind, heard_ago=60).left == 0


def test_more_sent_than_counted_never_leaves_less_than_nothing() -> None:
    assert limits(Kind.TEXT, heard_ago=0, sent=99).left == 0


def test_an_account_without_the_interface_can_only_answer() -> None:
    conversation = Conversation("v", "shop", "wechat", Identity("i", "c", "shop", "openid"), heard_at=NOW)
    assert WeChatChannel("shop", SAFE).limits(conversation, NOW) == Limits(2047, "bytes", active=False)
