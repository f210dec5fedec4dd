"""Channel and simulator share no code; that they understand each other says something about both."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import conversation
from support.services import MovableClock
from support.wechat_api import MemoryTokenCache
from support.wechat_payloads import APP_ID, GH, KEY, NOW, TOKEN

from bot.channels.wechat import WeChatChannel, WeChatClient, WeChatSettings
from bot.domain.messages import Kind, Messages, Outbound, RawRequest
from bot.errors import DeliveryFailed
from bot.simulators.wechat import Platform, SimulatedAccount, running
from bot.simulators.wechat.actions import FollowerAction, click, follow, image, link, location, text, unfollow, voice
from bot.simulators.wechat.envelopes import Envelopes

SECRET = "0123456789abcdef0123456789abcdef"
SAFE_ACCOUNT = SimulatedAccount(APP_ID, SECRET, TOKEN, KEY, GH)
PLAIN_ACCOUNT = SimulatedAccount(APP_ID, SECRET, TOKEN, KEY, GH, mode="plain")
SENTENCES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200).filter(str.strip)


def channel_for(account: SimulatedAccount, url: str = "http://127.0.0.1:9") -> WeChatChannel:
    asked = {"app_id": APP_ID, "app_secret": SECRET, "token": TOKEN, "encoding_aes_key": KEY}
    settings = WeChatSettings.model_validate(asked | {"mode": account.mode, "original_id": GH, "api_url": url})
    return WeChatChannel("shop", settings, WeChatClient(settings, MemoryTokenCache(), MovableClock(NOW)))


SAFE, PLAIN = channel_for(SAFE_ACCOUNT), channel_for(PLAIN_ACCOUNT)


@pytest.mark.parametrize(("account", "channel"), [(SAFE_ACCOUNT, SAFE), (PLAIN_ACCOUNT, PLAIN)], ids=["safe", "plain"])
@given(question=SENTENCES, answer=SENTENCES)
def test_a_question_and_its_answer_arrive_unchanged(
    account: SimulatedAccount, channel: WeChatChannel, question: str, answer: str
) -> None:
    envelopes = Envelopes(account)
    push = envelopes.seal("o-lin", text(question), 7, NOW)
    request = RawRequest("POST", push.query, {}, push.body, NOW + 1)
    messages = channel.receive(request)
    assert isinstance(messages, Messages)
    assert (messages.inbounds[0].text, messages.inbounds[0].handle) == (question, "o-lin")
    reply = envelopes.open("o-lin", channel.answer(request, Outbound("1", "shop", "o-lin", "", answer)).body)
    assert reply is not None
    assert reply.text == answer


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (image("https://example.com/a.jpg"), Kind.IMAGE),
        (voice("积分"), Kind.VOICE),
        (location(23.1, 113.3, "广州"), Kind.LOCATION),
        (link("标题", "https://example.com"), Kind.LINK),
        (click("我的积分"), Kind.CLICK),
        (follow(), Kind.FOLLOW),
        (unfollow(), Kind.UNFOLLOW),
    ],
    ids=lambda value: value.value if isinstance(value, Kind) else "",
)
def test_everything_a_simulated_follower_sends_is_understood(said: FollowerAction, kind: Kind) -> None:
    push = Envelopes(SAFE_ACCOUNT).seal("o-lin", said, 7, NOW)
    messages = SAFE.receive(RawRequest("POST", push.query, {}, push.body, NOW))
    assert isinstance(messages, Messages)
    assert messages.inbounds[0].kind is kind


def test_five_messages_reach_a_follower_after_writing_and_the_sixth_is_refused() -> None:
    async def story() -> tuple[list[str], list[str]]:
        clock = MovableClock(NOW)
        async with (
            Platform(SAFE_ACCOUNT, "http://127.0.0.1:9/wechat/shop", clock, interval=0.05) as platform,
            running(platform) as url,
        ):
            lin = platform.follower("林晓")
            await platform.say(lin.openid, "在吗？")
            channel = channel_for(SAFE_ACCOUNT, url)
            outcomes = [await outcome(channel, lin.openid, f"第{number}条 🎁") for number in range(1, 7)]
            await channel.close()
            return outcomes, [line.text for line in platform.chat(lin.openid) if line.via == "api"]

    outcomes, shown = asyncio.run(story())
    assert outcomes == ["sent"] * 5 + ["wechat:45047"]
    assert shown == [f"第{number}条 🎁" for number in range(1, 6)]


async def outcome(channel: WeChatChannel, openid: str, text: str) -> str:
    try:
        await channel.send(Outbound("1", "shop", openid, "", text))
    except DeliveryFailed as failure:
        return failure.code
    return "sent"


def test_a_follower_sees_the_typing_indicator_and_its_refusal_is_no_failure() -> None:
    async def story() -> list[bool]:
        clock = MovableClock(NOW)
        async with (
            Platform(SAFE_ACCOUNT, "http://127.0.0.1:9/wechat/shop", clock, interval=0.05) as platform,
            running(platform) as url,
        ):
            lin = platform.follower("林晓").openid
            channel, seen = channel_for(SAFE_ACCOUNT, url), []
            talk = conversation(account="shop", handle=lin)
            await channel.typing(talk)
            seen.append(platform.typing_until(lin) > NOW)
            await platform.say(lin, "在吗？")
            platform.tokens.revoke()
            for _ in range(2):
                await channel.typing(talk)
                seen.append(platform.typing_until(lin) > NOW)
            await channel.close()
            return seen

    assert asyncio.run(story()) == [False, True, True]
