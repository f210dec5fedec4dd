"""How much an account may still say by itself: WeChat's rule since 2023-06-12, and what opens the window."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support.builders import conversation
from support.services import MovableClock
from support.wechat_api import MemoryTokenCache
from support.wechat_payloads import NOW, SAFE

from bot.channels.wechat import WeChatChannel, WeChatClient
from bot.domain.messages import Conversation, Identity, Inbound, Kind, Limits
from bot.stores.sql.database import Database
from bot.stores.sql.inbox import SqlInbox
from bot.stores.sql.turns import SqlTurns
from bot.text import BYTES

MINUTE, HOUR = 60.0, 3600.0
WECHAT = Limits(2047, BYTES, attempts=3, fetch_word="1")
WORDS = [Kind.TEXT, Kind.IMAGE, Kind.VOICE, Kind.VIDEO, Kind.LOCATION, Kind.LINK, Kind.UNSUPPORTED]
TOUCHES = [Kind.CLICK, Kind.FOLLOW, Kind.EVENT]


def limits(kind: Kind, *, heard_ago: float, sent: int = 0) -> Limits:
    channel = WeChatChannel("shop", SAFE, WeChatClient(SAFE, MemoryTokenCache(), MovableClock(NOW)))
    heard = conversation(heard_at=NOW - heard_ago, heard_kind=kind, sent_in_window=sent)
    return channel.limits(heard, NOW)


@pytest.mark.parametrize("kind", WORDS)
def test_a_message_opens_five_replies_in_48_hours(kind: Kind) -> None:
    assert limits(kind, heard_ago=0) == replace(WECHAT, window_until=NOW + 48 * HOUR, left=5)
    assert limits(kind, heard_ago=47 * HOUR, sent=4).left == 1
    assert limits(kind, heard_ago=1 * HOUR, sent=5).left == 0
    assert limits(kind, heard_ago=48 * HOUR).left == 0


@pytest.mark.parametrize("kind", TOUCHES)
def test_a_click_or_a_follow_opens_three_replies_in_a_minute(kind: Kind) -> None:
    assert limits(kind, heard_ago=0) == replace(WECHAT, window_until=NOW + MINUTE, left=3)
    assert limits(kind, heard_ago=59, sent=2).left == 1
    assert limits(kind, heard_ago=60).left == 0


def test_the_remaining_quota_is_never_negative() -> None:
    assert limits(Kind.TEXT, heard_ago=0, sent=99).left == 0


def test_an_account_without_the_interface_can_only_answer() -> None:
    conversation = Conversation("v", "shop", "wechat", Identity("i", "c", "shop", "openid"), heard_at=NOW)
    assert WeChatChannel("shop", SAFE).limits(conversation, NOW) == replace(WECHAT, active=False)


class Follower:
    """Somebody whose pushes are taken in."""

    def __init__(self, database: Database) -> None:
        self._channel = WeChatChannel("shop", SAFE, WeChatClient(SAFE, MemoryTokenCache(), MovableClock(NOW)))
        self._intake = SqlInbox(database, "one", {"shop": "wechat"}, opens_window=self._channel.opens_window)
        self._turns = SqlTurns(database, "one")
        self._pushes = 0

    def left(self, kind: Kind, now: float, event: str = "") -> int | None:
        """How many messages the account may send by itself once this push of theirs is taken in."""
        self._pushes += 1
        pushed = Inbound("shop", "openid", str(self._pushes), kind, data={"event": event} if event else {})
        (accepted,) = asyncio.run(self._intake.accept([pushed]))
        work = asyncio.run(self._turns.next(accepted.conversation_id))
        assert work is not None
        return self._channel.limits(work.conversation, now).left


@pytest.mark.parametrize("event", ["scan", "scancode_push", "scancode_waitmsg"])
def test_a_scan_of_a_qr_code_opens_three_replies_in_a_minute(
    database: Database, clock: MovableClock, event: str
) -> None:
    assert Follower(database).left(Kind.EVENT, clock.now(), event) == 3


@pytest.mark.parametrize("event", ["view", "location", "templatesendjobfinish"])
def test_no_other_event_opens_the_window(database: Database, clock: MovableClock, event: str) -> None:
    assert Follower(database).left(Kind.EVENT, clock.now(), event) == 0


def test_a_scan_does_not_end_the_long_window_of_a_message(database: Database, clock: MovableClock) -> None:
    follower = Follower(database)
    assert follower.left(Kind.TEXT, clock.now()) == 5
    assert follower.left(Kind.EVENT, clock.now() + HOUR, "scan") == 5
