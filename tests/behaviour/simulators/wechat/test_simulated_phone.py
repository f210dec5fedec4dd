"""The phone page and the endpoints behind it: several followers, text messages, live news, two languages."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from support.services import MovableClock
from support.simulator_page import everything_it_loads, unused_and_unknown
from support.wechat_webhook import ACCOUNT, Shop, opened

from bot.errors import SettingError
from bot.simulators.server import serve_until_interrupted
from bot.simulators.wechat import Platform, app, application, running
from bot.simulators.wechat.platform import UNAVAILABLE


def on_page(story: Callable[[httpx.AsyncClient, Platform], Awaitable[None]], shop: Shop | None = None) -> None:
    async def play(address: str) -> None:
        async with (
            Platform(ACCOUNT, address, MovableClock(), interval=1.0 if shop else 30.0) as platform,
            running(platform) as url,
            httpx.AsyncClient(base_url=url, trust_env=False) as http,
        ):
            await story(http, platform)

    polite = Shop(answers=lambda _, message: f"收到：{getattr(message, 'content', message.type)}")
    with opened(shop or polite) as open_shop:
        asyncio.run(play(open_shop.address))


def test_a_new_follower_follows_writes_and_reads_the_answer() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        someone = (await http.post("/api/followers", json={"name": "林晓", "phone": "13800138000"})).json()
        path = f"/api/followers/{someone['openid']}"
        delivery = (await http.post(f"{path}/messages", json={"text": "几点开门？"})).json()
        found = (await http.get(path)).json()
        assert delivery["reply"]["text"] == "收到：几点开门？"
        assert [(line["side"], line["text"]) for line in found["lines"]] == [
            ("follower", "几点开门？"),
            ("account", "收到：几点开门？"),
        ]
        assert found["quota"] == {"left": 5, "of": 5, "until": platform.clock.now() + 48 * 3600}
        assert re.fullmatch(r"o[\w-]{27}", someone["openid"])

    on_page(story)


@pytest.mark.parametrize(
    ("deed", "kind"),
    [
        ({"kind": "image", "url": "http://127.0.0.1/a.svg"}, "image"),
        ({"kind": "voice", "text": "我的积分"}, "voice"),
        ({"kind": "video"}, "video"),
        ({"kind": "location", "text": "南京西路"}, "location"),
        ({"kind": "link", "text": "新品", "url": "http://127.0.0.1/"}, "link"),
        ({"kind": "click", "key": "points", "text": "我的积分"}, "click"),
        ({"kind": "event", "text": "VIEW", "key": "http://127.0.0.1/"}, "view"),
    ],
)
def test_a_follower_can_do_more_than_write(deed: dict[str, str], kind: str) -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        someone = platform.follower("Emma")
        answer = await http.post(f"/api/followers/{someone.openid}/messages", json=deed)
        assert answer.status_code == 200
        first, reply = platform.chat(someone.openid)
        assert (first.kind, first.state, reply.side) == (kind, "seen", "account")

    on_page(story)


def test_following_at_the_page_pushes_the_event_and_unfollowing_closes_the_window() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        someone = (await http.post("/api/followers", json={"name": "Emma", "follow": True})).json()
        path = f"/api/followers/{someone['openid']}"
        await _until(lambda: len(platform.chat(someone["openid"])) == 2)
        assert platform.find(someone["openid"]).following
        await http.post(f"{path}/messages", json={"kind": "unfollow"})
        assert (await http.post(f"{path}/messages", json={"text": "hello?"})).status_code == 409
        assert (await http.get("/api/followers/oNobody")).status_code == 404
        assert (await http.post("/api/followers/oNobody/messages", json={"text": "hi"})).status_code == 404

    on_page(story)


def test_the_page_does_not_wait_for_a_slow_webhook_but_shows_how_it_ends() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        lin = platform.follower("林晓").openid
        answer = await http.post(f"/api/followers/{lin}/messages", json={"text": "在吗", "wait": False}, timeout=2.5)
        assert answer.status_code == 202
        await _until(lambda: platform.chat(lin)[0].state == "failed")
        await _until(lambda: platform.chat(lin)[-1].text == UNAVAILABLE)
        assert platform.chat(lin)[0].attempts == 3

    on_page(story, Shop(seconds=lambda _: 60.0))


def test_a_text_message_arrives_once_on_the_phone_it_is_meant_for() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        lin = platform.follower("林晓", phone="13800138000").openid
        sms = {"phone": "13800138000", "text": "验证码 482913", "key": "outbox-1"}
        answers = [(await http.post("/sms", json=sms)).json() for _ in range(3)]
        await http.post("/sms", json=sms | {"key": "outbox-2", "phone": "13900139000"})
        assert [answer["repeated"] for answer in answers] == [False, True, True]
        assert [(one["key"], one["openid"]) for one in (await http.get("/api/sms")).json()] == [
            ("outbox-1", lin),
            ("outbox-2", ""),
        ]

    on_page(story)


def test_live_events_contain_chat_lines_quota_and_text_messages() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        lin = platform.follower("林晓").openid
        heard: list[tuple[str, dict[str, object]]] = []

        async def watch() -> None:
            async with http.stream("GET", "/api/live", timeout=10) as stream:
                assert stream.headers["content-type"].startswith("text/event-stream")
                topic = ""
                async for line in stream.aiter_lines():
                    if line.startswith("event:"):
                        topic = line.removeprefix("event:").strip()
                    if line.startswith("data:"):
                        heard.append((topic, json.loads(line.removeprefix("data:"))))

        watching = asyncio.create_task(watch())
        await _until(lambda: [topic for topic, _ in heard] == ["hello"])
        await http.post(f"/api/followers/{lin}/messages", json={"text": "你好"})
        await http.post("/sms", json={"phone": "1", "text": "hi", "key": "k"})
        await _until(lambda: any(topic == "sms" for topic, _ in heard))
        watching.cancel()
        lines = [(about["side"], about["state"]) for topic, about in heard if topic == "line"]
        quotas = [about["quota"] for topic, about in heard if topic == "follower"]
        assert lines == [("follower", "sending"), ("follower", "seen"), ("account", "")]
        assert quotas == [{"left": 5, "of": 5, "until": platform.clock.now() + 48 * 3600}]
        assert {"call", "sms"} <= {topic for topic, _ in heard}

    on_page(story)


def test_stopping_the_simulator_ends_the_streams_in_order() -> None:
    async def story() -> list[str]:
        async with Platform(ACCOUNT, "http://127.0.0.1:9/") as platform, httpx.AsyncClient(trust_env=False) as http:
            async with running(platform) as url:
                stream = await http.send(http.build_request("GET", f"{url}/api/live"), stream=True)
                lines = stream.aiter_lines()
                heard = [await anext(lines)]
            return heard + [line async for line in lines if line]

    assert asyncio.run(story()) == ["event: hello", "data: null"]


def test_a_slow_subscriber_gets_missed_and_reads_the_state_again() -> None:
    async def story() -> list[str]:
        async with Platform(ACCOUNT, "http://127.0.0.1:9/") as platform:
            watching = platform.live.watch()
            topics = [(await anext(watching)).topic]
            for number in range(501):
                platform.follower(f"f{number}")
            return topics + [(await anext(watching)).topic for _ in range(2)]

    assert asyncio.run(story()) == ["hello", "missed", "follower"]


def test_faults_and_tokens_are_switched_over_http() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        assert (await http.put("/api/faults", json={"down": True, "drop": 2})).json()["drop"] == 2
        assert platform.faults.now.down
        assert (await http.put("/api/faults", json={"drop": -1})).status_code == 422
        token = platform.tokens.get().value
        assert (await http.post("/api/tokens/revoke")).status_code == 204
        assert platform.tokens.refusal(token) == 40001
        assert (await http.post("/api/verify")).json()["ok"] is True
        assert [call["way"] for call in (await http.get("/api/state")).json()["calls"]] == ["verify"]

    on_page(story)


@pytest.mark.parametrize(
    ("headers", "lang", "said"),
    [
        ({"accept-language": "zh-CN"}, "", "聊天"),
        ({"accept-language": "en-GB"}, "", "Followers"),
        ({"accept-language": "en-GB"}, "zh", "关注者"),
        ({}, "en", "Make trouble"),
    ],
)
def test_the_page_speaks_chinese_and_english(headers: dict[str, str], lang: str, said: str) -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        page = await http.get("/", params={"lang": lang} if lang else {}, headers=headers)
        assert page.status_code == 200
        assert said in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"

    on_page(story)


def test_the_page_loads_nothing_from_elsewhere_and_every_asset_it_names() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        named = await everything_it_loads(http, "assets/phone.js")
        assert named >= {"assets/phone.css", "assets/phone.js", "assets/mark.svg", "assets/map.svg", "frame/frame.css"}

    on_page(story)


def test_texts_of_the_account_are_escaped() -> None:
    account = replace(ACCOUNT, name_zh="</script><script>alert(1)</script>")
    page = app.render(Platform(account, "http://127.0.0.1:9/"), "zh")
    assert "<script>alert" not in page


def test_every_text_exists_in_both_languages_and_is_used() -> None:
    built = ("event_", "outcome_", "way_", "via_", "mode_")
    assert unused_and_unknown("simulator.wechat", Path(app.__file__).parent / "page", "phone.js", built) == set()


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:80"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_foreign_sites_cannot_use_the_simulator(headers: dict[str, str]) -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        assert (await http.get("/api/state", headers=headers)).status_code == 403
        own = {"origin": str(http.base_url)}
        assert (await http.get("/api/state", headers=own)).status_code == 200

    on_page(story)


def test_the_page_without_a_login_is_served_to_this_machine_only() -> None:
    with pytest.raises(SettingError, match="no login"):
        asyncio.run(serve_until_interrupted(application(Platform(ACCOUNT, "http://127.0.0.1:9/")), "0.0.0.0", 0))


async def _until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not so():  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0.01)
