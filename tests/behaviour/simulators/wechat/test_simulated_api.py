"""What an account's server meets when it calls the simulated platform: tokens, quotas, refusals, faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from support.services import MovableClock
from support.wechat_webhook import ACCOUNT, Shop, opened

from bot.simulators.wechat import Platform, SimulatedAccount, running
from bot.simulators.wechat.state import Faults

HOUR = 3600.0


class Server:
    """The account's server: calls the platform over HTTP, as production code would."""

    def __init__(self, platform: Platform, clock: MovableClock, http: httpx.AsyncClient) -> None:
        self.platform = platform
        self.clock = clock
        self.http = http
        self.lin = platform.follower("林晓").openid

    async def token(self, **more: Any) -> dict[str, Any]:
        asked = {"grant_type": "client_credential", "appid": ACCOUNT.app_id, "secret": ACCOUNT.app_secret}
        answer: dict[str, Any] = (await self.http.post("/cgi-bin/stable_token", json=asked | more)).json()
        return answer

    async def send(self, text: str = "您好", token: str | None = None, **more: Any) -> int:
        token = (await self.token())["access_token"] if token is None else token
        return await self.send_raw({"touser": self.lin, "msgtype": "text", "text": {"content": text}} | more, token)

    async def send_raw(self, message: object, token: str) -> int:
        body = message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False).encode()
        answer = await self.http.post("/cgi-bin/message/custom/send", params={"access_token": token}, content=body)
        return int(answer.json()["errcode"])

    async def types(self, command: str = "Typing", **more: Any) -> int:
        query = {"access_token": (await self.token())["access_token"]}
        asked = {"touser": self.lin, "command": command} | more
        answer = await self.http.post("/cgi-bin/message/custom/typing", params=query, json=asked)
        return int(answer.json()["errcode"])

    def shown(self) -> list[str]:
        return [line.text for line in self.platform.chat(self.lin) if line.via == "api"]


def on_platform(story: Callable[[Server], Awaitable[None]], account: SimulatedAccount = ACCOUNT) -> None:
    async def play(address: str) -> None:
        clock = MovableClock()
        async with (
            Platform(account, address, clock) as platform,
            running(platform) as url,
            httpx.AsyncClient(base_url=url, trust_env=False) as http,
        ):
            await story(Server(platform, clock, http))

    with opened(Shop(account)) as shop:
        asyncio.run(play(shop.address))


def test_a_message_of_an_agent_reaches_the_followers_phone() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "有人吗")
        assert await server.send("我是客服小杨 👋\n马上帮您看") == 0
        assert server.shown() == ["我是客服小杨 👋\n马上帮您看"]

    on_platform(story)


def test_five_messages_in_48_hours_after_a_message_and_five_more_after_the_next() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "你好")
        assert [await server.send() for _ in range(6)] == [0, 0, 0, 0, 0, 45047]
        await server.platform.say(server.lin, "还在吗")
        assert await server.send() == 0
        server.clock.move(48 * HOUR - 1)
        assert await server.send() == 0
        server.clock.move(2)
        assert await server.send() == 45015
        assert len(server.shown()) == 7

    on_platform(story)


@pytest.mark.parametrize("event", ["CLICK", "subscribe", "SCAN"])
def test_three_messages_within_a_minute_after_a_tap_a_follow_or_a_scan(event: str) -> None:
    async def story(server: Server) -> None:
        await server.platform.event(server.lin, event, "points")
        assert [await server.send() for _ in range(4)] == [0, 0, 0, 45047]
        await server.platform.event(server.lin, event, "points")
        server.clock.move(61)
        assert await server.send() == 45015

    on_platform(story)


def test_an_event_that_opens_no_window_and_silence_allow_nothing() -> None:
    async def story(server: Server) -> None:
        assert await server.send() == 45015
        await server.platform.event(server.lin, "VIEW", "http://127.0.0.1/")
        assert await server.send() == 45015

    on_platform(story)


def test_messages_count_against_the_window_that_closes_first() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "你好")
        await server.platform.event(server.lin, "CLICK", "points")
        assert [await server.send() for _ in range(3)] == [0, 0, 0]
        server.clock.move(61)
        assert [await server.send() for _ in range(6)] == [0, 0, 0, 0, 0, 45047]

    on_platform(story)


def test_followers_who_unfollowed_get_nothing() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "你好")
        await server.platform.event(server.lin, "unsubscribe")
        assert await server.send() == 45015
        assert server.shown() == []

    on_platform(story)


def test_a_personal_account_has_no_customer_service_messages() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "你好")
        assert await server.send() == 48001

    on_platform(story, replace(ACCOUNT, permission=False))


def test_an_invalid_message_is_refused_with_wechats_code() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "你好")
        token = (await server.token())["access_token"]
        assert await server.send("长" * 682 + "ab") == 0
        assert await server.send("长" * 682 + "abc") == 45002
        assert await server.send("") == 44004
        assert await server.send(touser="oNobody") == 40003
        assert await server.send(msgtype="telegram") == 40008
        news = {"articles": [{"title": "a"}, {"title": "b"}]}
        assert await server.send_raw({"touser": server.lin, "msgtype": "news", "news": news}, token) == 45008
        assert await server.send_raw(b"{", token) == 47001
        assert await server.send_raw([1], token) == 47001
        assert len(server.shown()) == 1

    on_platform(story)


def test_a_menu_of_choices_is_shown_with_its_choices() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "你好")
        choices = {"head_content": "满意吗？", "list": [{"id": "1", "content": "满意"}], "tail_content": "谢谢"}
        token = (await server.token())["access_token"]
        assert await server.send_raw({"touser": server.lin, "msgtype": "msgmenu", "msgmenu": choices}, token) == 0
        assert server.shown() == ["满意吗？\n满意\n谢谢"]

    on_platform(story)


def test_escaped_characters_are_shown_as_they_are_written() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "你好")
        token = (await server.token())["access_token"]
        escaped = {"touser": server.lin, "msgtype": "text", "text": {"content": "您好"}}
        assert await server.send_raw(json.dumps(escaped).encode(), token) == 0
        assert server.shown() == [r"\u60a8\u597d"]

    on_platform(story)


def test_the_same_token_comes_back_until_its_last_five_minutes() -> None:
    async def story(server: Server) -> None:
        first = await server.token()
        server.clock.move(6900)
        again = await server.token()
        server.clock.move(1)
        renewed = await server.token()
        assert (first["expires_in"], again["expires_in"], renewed["expires_in"]) == (7200, 300, 7200)
        assert first["access_token"] == again["access_token"] != renewed["access_token"]
        await server.platform.say(server.lin, "你好")
        assert await server.send(token=first["access_token"]) == 0
        server.clock.move(300)
        assert await server.send(token=first["access_token"]) == 42001
        assert await server.send(token=renewed["access_token"]) == 0

    on_platform(story)


def test_a_forced_refresh_kills_the_old_token_but_not_twice_within_30_seconds() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "你好")
        old = (await server.token())["access_token"]
        new = (await server.token(force_refresh=True))["access_token"]
        assert await server.send(token=old) == 40001
        assert await server.send(token=new) == 0
        assert (await server.token(force_refresh=True))["access_token"] == new
        server.clock.move(30)
        assert (await server.token(force_refresh=True))["access_token"] != new

    on_platform(story)


def test_a_token_can_be_forced_twenty_times_a_day() -> None:
    async def story(server: Server) -> None:
        for _ in range(20):
            assert "access_token" in await server.token(force_refresh=True)
            server.clock.move(60)
        assert (await server.token(force_refresh=True))["errcode"] == 45009
        assert "access_token" in await server.token()
        server.clock.move(24 * HOUR)
        assert "access_token" in await server.token(force_refresh=True)

    on_platform(story)


@pytest.mark.parametrize(("wrong", "code"), [({"appid": "wx0"}, 40013), ({"secret": "guess"}, 40125)])
def test_only_the_accounts_own_credentials_get_a_token(wrong: dict[str, str], code: int) -> None:
    async def story(server: Server) -> None:
        assert (await server.token(**wrong))["errcode"] == code
        assert (await server.http.post("/cgi-bin/stable_token", content=b"nonsense")).json()["errcode"] == 47001

    on_platform(story)


@pytest.mark.parametrize(("token", "code"), [("", 41001), ("made-up", 40001)])
def test_nothing_is_sent_without_a_valid_token(token: str, code: int) -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "你好")
        assert await server.send(token=token) == code

    on_platform(story)


def test_a_chosen_error_comes_for_the_next_sends_only() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "你好")
        server.platform.set_faults(Faults(error=-1, error_times=2))
        assert [await server.send() for _ in range(3)] == [-1, -1, 0]

    on_platform(story)


def test_a_platform_that_is_down_answers_503_to_everything() -> None:
    async def story(server: Server) -> None:
        server.platform.set_faults(Faults(down=True))
        assert (await server.http.post("/cgi-bin/stable_token", json={})).status_code == 503
        assert (await server.http.post("/cgi-bin/message/custom/send", json={})).status_code == 503

    on_platform(story)


def test_a_dropped_connection_leaves_the_caller_in_doubt_though_the_message_arrived() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "你好")
        token = (await server.token())["access_token"]
        server.platform.set_faults(Faults(drop=1))
        with pytest.raises(httpx.TransportError):
            await server.send("到了吗", token)
        assert server.shown() == ["到了吗"]
        assert await server.send("这次呢", token) == 0

    on_platform(story)


def test_the_fault_slow_delays_answers() -> None:
    async def story(server: Server) -> None:
        server.platform.set_faults(Faults(slow=30))
        with pytest.raises(httpx.ReadTimeout):
            await server.http.post("/cgi-bin/stable_token", json={}, timeout=0.1)

    on_platform(story)


def test_typing_is_shown_for_a_while_and_until_the_next_message() -> None:
    async def story(server: Server) -> None:
        assert await server.types() == 45080
        await server.platform.say(server.lin, "在吗")
        assert await server.types() == 0
        assert server.platform.typing_until(server.lin) == server.clock.now() + 15
        assert await server.types() == 45081
        assert await server.send() == 0
        assert server.platform.typing_until(server.lin) == 0
        assert await server.types() == 0
        assert await server.types("CancelTyping") == 0
        assert server.platform.typing_until(server.lin) == 0
        server.clock.move(31)
        assert await server.types() == 45080

    on_platform(story)


def test_an_invalid_typing_request_is_refused() -> None:
    async def story(server: Server) -> None:
        await server.platform.say(server.lin, "在吗")
        assert await server.types("Dancing") == 45072
        assert await server.types(touser="oNobody") == 40003
        assert await server.types(touser=7) == 47001

    on_platform(story)
