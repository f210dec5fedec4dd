"""Channel and simulator share no code; that they understand each other says something about both."""

from __future__ import annotations

import asyncio

import pytest
from ground import MovableClock
from hypothesis import given
from hypothesis import strategies as st
from wechat_peer import APP_ID, GH, KEY, NOW, TOKEN
from wechat_servers import TokenShelf

from bot.channels.wechat import WeChatChannel, WeChatClient, WeChatSettings
from bot.errors import DeliveryFailed
from bot.messages import Conversation, Identity, Kind, Messages, Outbound, RawRequest
from bot.simulators.wechat import Platform, SimulatedAccount, running
from bot.simulators.wechat.envelope import Envelopes
from bot.simulators.wechat.utterances import Utterance, click, follow, image, link, location, text, unfollow, voice

SECRET = "0123456789abcdef0123456789abcdef"
SAFE_ACCOUNT = SimulatedAccount(APP_ID, SECRET, TOKEN, KEY, GH)
PLAIN_ACCOUNT = SimulatedAccount(APP_ID, SECRET, TOKEN, KEY, GH, mode="plain")
SENTENCES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200).filter(str.strip)


def channel_for(account: SimulatedAccount, url: str = "http://127.0.0.1:9") -> WeChatChannel:
    asked = {"app_id": APP_ID, "app_secret": SECRET, "token": TOKEN, "encoding_aes_key": KEY}
    settings = WeChatSettings.model_validate(asked | {"mode": account.mode, "original_id": GH, "api_url": url})
    return WeChatChannel("shop", settings, WeChatClient(settings, TokenShelf(), MovableClock(NOW)))


SAFE, PLAIN = channel_for(SAFE_ACCOUNT), channel_for(PLAIN_ACCOUNT)


@pytest.mark.parametrize(("account", "channel"), [(SAFE_ACCOUNT, SAFE), (PLAIN_ACCOUNT, PLAIN)], ids=["safe", "plain"])
@given(question=SENTENCES, answer=SENTENCES)
def test_question_and_answer_survive_the_way_there_and_back(
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
def test_whatever_a_follower_can_do_is_understood(said: Utterance, kind: Kind) -> None:
    push = Envelopes(SAFE_ACCOUNT).seal("o-lin", said, 7, NOW)
    messages = SAFE.receive(RawRequest("POST", push.query, {}, push.body, NOW))
    assert isinstance(messages, Messages)
    assert messages.inbounds[0].kind is kind


def test_a_follower_gets_five_messages_after_writing_and_then_no_more() -> None:
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


def test_a_follower_sees_that_somebody_writes_and_a_platform_that_will_not_show_it_is_no_failure() -> None:
    async def story() -> list[bool]:
        clock = MovableClock(NOW)
        async with (
            Platform(SAFE_ACCOUNT, "http://127.0.0.1:9/wechat/shop", clock, interval=0.05) as platform,
            running(platform) as url,
        ):
            lin = platform.follower("林晓").openid
            channel, seen = channel_for(SAFE_ACCOUNT, url), []
            talk = Conversation("c1", "shop", "wechat", Identity("i1", "u1", "shop", lin))
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
