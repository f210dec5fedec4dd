"""What every channel promises, whatever the platform: bytes in, messages or a typed refusal out."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import builders
from support.twitter_payloads import activity, push, webhook_channel
from support.wechat_webhook import ACCOUNT

from bot.channels.fake import FakeChannel
from bot.channels.webchat import VisitorTokens, WebChatChannel, WebChatSettings
from bot.channels.wechat import WeChatChannel, WeChatSettings
from bot.domain.messages import Messages, Outbound, RawRequest
from bot.errors import Refused
from bot.ports.channels import Channel
from bot.simulators.wechat import actions
from bot.simulators.wechat.envelopes import Envelopes
from bot.text import BYTES, CHARACTERS

NAME = "official"
TEXT = "怎么退货？"


class Clock:
    def now(self) -> float:
        return time.time()


class Nobody:
    """LiveEvents without subscribers."""

    async def publish(self, topic: str, data: str) -> None:
        del topic, data

    async def subscribe(self, topic: str) -> AsyncIterator[str]:
        del topic
        yield ""


@dataclass(frozen=True, slots=True)
class Platform:
    """A channel and what its platform would really send."""

    channel: Channel
    request: Callable[[], RawRequest]


def fake() -> Platform:
    body = json.dumps({"from": "alice", "text": TEXT, "id": "m1"}).encode()
    return Platform(FakeChannel(NAME), lambda: RawRequest("POST", {}, {}, body, time.time()))


def webchat() -> Platform:
    visitors = VisitorTokens(NAME, "a secret of sixteen or more", 180, Clock())
    headers = {"authorization": f"Bearer {visitors.renew('').token}", "content-type": "application/json"}
    body = json.dumps({"id": "line-0001", "text": TEXT}).encode()
    channel = WebChatChannel(NAME, WebChatSettings(), visitors, Nobody())
    return Platform(channel, lambda: RawRequest("POST", {}, headers, body, time.time()))


def wechat() -> Platform:
    told = {
        "app_id": ACCOUNT.app_id,
        "token": ACCOUNT.token,
        "encoding_aes_key": ACCOUNT.encoding_aes_key,
        "api": "none",
    }
    push = Envelopes(ACCOUNT).seal("oAlice", actions.text(TEXT), 7, time.time())
    channel = WeChatChannel(NAME, WeChatSettings.model_validate(told))
    return Platform(channel, lambda: RawRequest("POST", push.query, {}, push.body, time.time()))


def twitter() -> Platform:
    event = activity("dm.received")
    event["data"]["payload"]["direct_message_events"][0]["message_create"]["message_data"]["text"] = TEXT
    return Platform(webhook_channel(NAME), lambda: push(event))


PLATFORMS = {
    "fake": fake,
    "twitter": twitter,
    "webchat": webchat,
    "wechat": wechat,
}
every_channel = pytest.mark.parametrize("kind", sorted(PLATFORMS))


@every_channel
def test_a_message_has_sender_text_and_dedup_key_and_its_repeat_has_the_same(kind: str) -> None:
    platform = PLATFORMS[kind]()
    first, repeat = (platform.channel.receive(platform.request()) for _ in range(2))
    assert isinstance(first, Messages)
    assert isinstance(repeat, Messages)
    (inbound,), (again,) = first.inbounds, repeat.inbounds
    assert (inbound.account, inbound.text, bool(inbound.handle)) == (NAME, TEXT, True)
    assert (inbound.dedup_key, inbound.handle) == (again.dedup_key, again.handle)
    assert 0 < len(inbound.dedup_key) <= 200


@every_channel
def test_a_large_body_is_refused_before_it_is_parsed(kind: str) -> None:
    platform = PLATFORMS[kind]()
    with pytest.raises(Refused) as refused:
        platform.channel.receive(replace(platform.request(), body=b"{" * 70_000))
    assert refused.value.status == 413


@every_channel
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(body=st.binary(max_size=300))
def test_any_bytes_are_read_as_messages_or_refused(kind: str, body: bytes) -> None:
    platform = PLATFORMS[kind]()
    assert heard(platform.channel, replace(platform.request(), body=body)) in ("messages", 400, 403, 413)


def heard(channel: Channel, request: RawRequest) -> str | int:
    try:
        return "messages" if isinstance(channel.receive(request), Messages) else "handshake"
    except Refused as refused:
        return refused.status


@every_channel
def test_a_message_is_acknowledged_without_a_reply(kind: str) -> None:
    platform = PLATFORMS[kind]()
    answer = platform.channel.answer(platform.request(), None)
    assert answer.status // 100 == 2
    assert TEXT.encode() not in answer.body


@every_channel
def test_an_answer_with_a_reply_also_acknowledges(kind: str) -> None:
    platform = PLATFORMS[kind]()
    answer = platform.channel.answer(platform.request(), Outbound("o1", NAME, "oAlice", "", "七天内可以退。"))
    assert answer.status // 100 == 2
    assert answer.body


@every_channel
def test_the_limits_allow_at_least_280_bytes_or_characters(kind: str) -> None:
    conversation = builders.conversation(kind, NAME, "oAlice", heard_at=time.time())
    limits = PLATFORMS[kind]().channel.limits(conversation, time.time())
    assert limits.length >= 280
    assert limits.unit in (BYTES, CHARACTERS)
    assert not limits.public
