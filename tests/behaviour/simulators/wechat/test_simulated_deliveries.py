"""How the simulated platform asks a webhook, how long it waits, and what the follower sees in the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

import pytest
from support.services import MovableClock
from support.wechat_webhook import ACCOUNT, Shop, opened

from bot.errors import SettingError
from bot.simulators.wechat import Delivery, Platform, actions
from bot.simulators.wechat.platform import UNAVAILABLE
from bot.simulators.wechat.state import Faults, NotFollowing, UnknownFollower

SOON = 0.4  # stands for WeChat's five seconds, where the webhook is later than any of them
PATIENT = 30.0  # the same where the webhook answers, however slow the machine is


def _platform(shop: Shop, interval: float = PATIENT) -> Platform:
    return Platform(shop.account, shop.address, MovableClock(), interval)


def _conversation(shop: Shop, *texts: str, interval: float = PATIENT) -> tuple[list[Delivery], list[str]]:
    """What comes of a follower's texts, one after the other, and what they read in the end."""

    async def talk() -> tuple[list[Delivery], list[str]]:
        async with _platform(shop, interval) as platform:
            lin = platform.follower("林晓").openid
            deliveries = [await platform.say(lin, text) for text in texts]
            return deliveries, [line.text for line in platform.chat(lin)]

    with opened(shop):
        return asyncio.run(talk())


def _outcomes(delivery: Delivery) -> list[str]:
    return [attempt.outcome.value for attempt in delivery.attempts]


@pytest.mark.parametrize("mode", ["safe", "plain"])
def test_a_prompt_reply_is_shown(mode: Literal["safe", "plain"]) -> None:
    account = replace(ACCOUNT, mode=mode)
    shop = Shop(account, answers=lambda _, message: f"收到：{message.content}")
    (delivery,), chat = _conversation(shop, "几点开门？")
    assert chat == ["几点开门？", "收到：几点开门？"]
    assert _outcomes(delivery) == ["replied"]
    assert ("encrypt_type" in shop.pushes[0].query) == (mode == "safe")


def test_a_slow_webhook_is_asked_three_times_five_seconds_apart_with_the_same_bytes() -> None:
    shop = Shop(seconds=lambda _: 60.0)
    (delivery,), chat = _conversation(shop, "在吗", interval=SOON)
    waits = [later.at - earlier.at for earlier, later in zip(shop.pushes, shop.pushes[1:], strict=False)]
    assert _outcomes(delivery) == ["timeout"] * 3
    assert len(shop.pushes) == 3
    assert len(waits) == 2
    assert min(waits) > SOON / 2
    assert 3 * SOON * 0.9 < delivery.took < 10 * 3 * SOON
    assert len({push.body for push in shop.pushes}) == 1
    assert len({tuple(push.query.items()) for push in shop.pushes}) == 1
    assert chat == ["在吗", UNAVAILABLE]


@pytest.mark.parametrize("ready", [2, 3])
def test_the_reply_of_a_later_attempt_is_shown(ready: int) -> None:
    shop = Shop(answers=lambda number, _: f"第 {number} 次", seconds=lambda number: 0.0 if number == ready else 60.0)
    (delivery,), chat = _conversation(shop, "查积分", interval=2.0)
    assert chat == ["查积分", f"第 {ready} 次"]
    assert [attempt.number for attempt in delivery.attempts] == list(range(1, ready + 1))


def test_the_reply_success_ends_the_attempts_and_shows_nothing() -> None:
    (delivery,), chat = _conversation(Shop(), "谢谢")
    assert (_outcomes(delivery), delivery.unavailable, chat) == (["quiet"], False, ["谢谢"])


def test_a_malformed_reply_shows_that_the_service_is_unavailable_at_once() -> None:
    (delivery,), chat = _conversation(Shop(answers=lambda *_: b'{"reply": "hello"}'), "你好")
    assert (_outcomes(delivery), chat) == (["malformed"], ["你好", UNAVAILABLE])


def test_a_reply_sealed_for_another_account_is_never_shown() -> None:
    other = Shop(replace(ACCOUNT, app_id="wx0000000000000000"))
    shop = Shop(answers=lambda _, message: other.sealed({"nonce": "1"}, message, "看得见吗"))
    (delivery,), chat = _conversation(shop, "你好")
    assert delivery.attempts[0].why == "another app id"
    assert chat == ["你好", UNAVAILABLE]


def test_an_error_status_is_no_answer_and_the_next_attempt_may_succeed() -> None:
    shop = Shop(answers=lambda *_: "好了", status=lambda number: 503 if number < 3 else 200)
    (delivery,), chat = _conversation(shop, "你好", interval=2.0)
    assert [(attempt.outcome.value, attempt.status) for attempt in delivery.attempts] == [
        ("status", 503),
        ("status", 503),
        ("replied", 200),
    ]
    assert chat == ["你好", "好了"]


def test_a_webhook_that_is_not_there_shows_that_the_service_is_unavailable() -> None:
    async def talk() -> tuple[Delivery, str]:
        async with Platform(ACCOUNT, "http://127.0.0.1:9/wechat", MovableClock(), interval=0.05) as platform:
            lin = platform.follower("林晓").openid
            return await platform.say(lin, "有人吗"), platform.chat(lin)[-1].text

    delivery, shown = asyncio.run(talk())
    assert (_outcomes(delivery), shown) == (["unreachable"] * 3, UNAVAILABLE)


def test_nothing_is_shown_after_an_unfollow_and_nothing_can_be_written() -> None:
    shop = Shop(answers=lambda *_: "再见")

    async def leave() -> list[str]:
        async with _platform(shop) as platform:
            lin = platform.follower("林晓").openid
            delivery = await platform.event(lin, "unsubscribe")
            assert (delivery.reply, delivery.unavailable) == (None, False)
            with pytest.raises(NotFollowing):
                await platform.say(lin, "我还在吗")
            await platform.event(lin, "subscribe")
            await platform.say(lin, "我回来了")
            return [line.text for line in platform.chat(lin)]

    with opened(shop):
        assert asyncio.run(leave()) == ["", "", "再见", "我回来了", "再见"]


def test_an_answer_that_comes_after_the_unfollow_is_not_shown() -> None:
    shop = Shop(answers=lambda *_: "来晚了", seconds=lambda number: 0.2 if number == 1 else 0.0)

    async def leave() -> list[str]:
        async with _platform(shop) as platform:
            lin = platform.follower("林晓").openid
            asking = asyncio.create_task(platform.say(lin, "在吗"))
            await asyncio.sleep(0.05)
            await platform.event(lin, "unsubscribe")
            assert (await asking).reply is None
            return [line.text for line in platform.chat(lin)]

    with opened(shop):
        assert asyncio.run(leave()) == ["在吗", ""]


def test_only_followers_of_this_platform_can_write() -> None:
    platform = Platform(ACCOUNT, "http://127.0.0.1:9/")
    with pytest.raises(UnknownFollower):
        asyncio.run(platform.say("oNobody", "hello"))


def test_every_message_has_its_own_id_even_in_the_same_second() -> None:
    shop = Shop()
    deliveries, _ = _conversation(shop, "一", "二", "三")
    ids = [int(push.message.id) for push in shop.pushes]
    assert ids == [delivery.msg_id for delivery in deliveries]
    assert len(set(ids)) == 3
    assert all(0 < each < 2**63 for each in ids)


def test_the_fault_duplicate_pushes_the_same_bytes_twice_at_the_same_time() -> None:
    shop = Shop(answers=lambda number, _: f"答 {number}", seconds=lambda _: 1.0)

    async def talk() -> tuple[Delivery, list[str]]:
        async with _platform(shop) as platform:
            lin = platform.follower("林晓").openid
            platform.set_faults(Faults(duplicate=1))
            first = await platform.say(lin, "一次")
            await platform.say(lin, "两次")
            return first, [line.text for line in platform.chat(lin) if line.side == "account"]

    with opened(shop):
        delivery, shown = asyncio.run(talk())
    first, second, _third = shop.pushes
    assert first.body == second.body
    assert abs(second.at - first.at) < 1.0  # the second does not wait for the first one's answer
    assert _outcomes(delivery) == ["replied", "replied"]
    assert len(shown) == 2


def test_the_fault_swap_lets_the_next_message_overtake() -> None:
    shop = Shop(answers=lambda _, message: f"答{message.content}")

    async def talk() -> None:
        async with _platform(shop) as platform:
            lin = platform.follower("林晓").openid
            platform.set_faults(Faults(swap=1))
            await asyncio.gather(platform.say(lin, "先"), platform.say(lin, "后"))

    with opened(shop):
        asyncio.run(talk())
    assert shop.heard() == ["后", "先"]


def test_a_menu_tap_arrives_as_its_key() -> None:
    shop = Shop(answers=lambda _, message: f"{message.event} {message.key}")

    async def tap() -> str:
        async with _platform(shop) as platform:
            lin = platform.follower("林晓").openid
            await platform.push(lin, actions.click("points", "我的积分"))
            return platform.chat(lin)[-1].text

    with opened(shop):
        assert asyncio.run(tap()) == "click points"


@pytest.mark.parametrize(("echoes", "ok", "why"), [(str, True, ""), (lambda text: text + "\n", False, "echo")])
def test_verifying_the_url_wants_the_echo_byte_for_byte(echoes: object, ok: bool, why: str) -> None:
    shop = Shop(echoes=echoes)  # type: ignore[arg-type]

    async def verify() -> tuple[bool, str]:
        async with _platform(shop) as platform:
            verified = await platform.verify_url()
            return verified.ok, verified.why

    with opened(shop):
        assert asyncio.run(verify()) == (ok, why)


@pytest.mark.parametrize(
    "url", ["https://example.com/wechat", "http://10.0.0.1/", "http://127.0.0.1.example.com/", "x"]
)
def test_only_webhooks_on_this_machine_are_pushed_to(url: str) -> None:
    with pytest.raises(SettingError):
        Platform(ACCOUNT, url)


def test_a_remote_webhook_needs_allow_remote() -> None:
    assert Platform(ACCOUNT, "https://staging.example/wechat", allow_remote=True).webhook_url
    assert Platform(ACCOUNT, "http://[::1]:8080/wechat").webhook_url


def test_the_platform_waits_five_seconds_by_default() -> None:
    assert Platform(ACCOUNT, "http://localhost:9/").interval == 5.0
