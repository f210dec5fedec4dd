"""The timeline page and the endpoints behind it: several people, posts, direct messages, live news, two languages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from support.services import MovableClock
from support.simulated_x import APP, Stage
from support.simulator_page import everything_it_loads, unused_and_unknown

from bot.errors import SettingError
from bot.i18n import section
from bot.simulators.server import serve_until_interrupted, serving, side_by_side
from bot.simulators.twitter import Faults, Platform, app, application, running
from bot.simulators.wechat import Platform as Phone
from bot.simulators.wechat import SimulatedAccount
from bot.simulators.wechat import application as phone_ready


def on_page(story: Callable[[httpx.AsyncClient, Platform], Awaitable[None]]) -> None:
    async def play() -> None:
        async with (
            Platform(APP, MovableClock()) as platform,
            running(platform) as url,
            httpx.AsyncClient(base_url=url, trust_env=False) as http,
        ):
            await story(http, platform)

    asyncio.run(play())


def test_a_person_posts_edits_and_deletes_at_the_page() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        lin = (await http.post("/api/people", json={"username": "linxiao", "name": "林晓"})).json()
        made = (await http.post("/api/posts", json={"by": lin["id"], "text": "@YunshanTea 在嘛"})).json()
        assert (made["name"], made["mentions"]) == ("林晓", [{"start": 0, "end": 11}])
        changed = (await http.put(f"/api/posts/{made['id']}", json={"text": "@YunshanTea 在吗"})).json()
        assert changed["edited"]
        shown = (await http.get("/api/state")).json()
        assert [post["text"] for post in shown["posts"]] == ["@YunshanTea 在吗"]
        assert (await http.delete(f"/api/posts/{changed['id']}")).status_code == 204
        assert (await http.get("/api/state")).json()["posts"] == []

    on_page(story)


def test_messages_are_private_to_a_person_and_the_brand() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        lin, emma = platform.person("linxiao"), platform.person("emma")
        await http.post(f"/api/people/{lin.id}/messages", json={"text": "查积分"})
        platform.send_direct_message(platform.brand.id, "您有 1280 积分", lin.id)
        talk = (await http.get(f"/api/people/{lin.id}/messages")).json()
        assert [(one["text"], one["mine"]) for one in talk] == [("查积分", True), ("您有 1280 积分", False)]
        assert (await http.get(f"/api/people/{emma.id}/messages")).json() == []

    on_page(story)


def test_the_page_gets_live_events() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        heard: list[tuple[str, str]] = []
        async with http.stream("GET", "/api/live") as news:
            topic = ""
            async for line in news.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    topic = value
                if name == "data":
                    heard.append((topic, (json.loads(value) or {}).get("text", "")))
                if heard == [("hello", "")] and not platform.brand_posts():
                    platform.create_post(platform.brand.id, "新茶上市")
                    platform.send_direct_message(platform.brand.id, "您好", platform.person("linxiao").id)
                if len(heard) == 4:
                    break
        assert heard == [("hello", ""), ("post", "新茶上市"), ("person", ""), ("message", "您好")]

    on_page(story)


def test_faults_are_switched_on_at_the_page_and_used_up() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        chosen = (await http.put("/api/faults", json={"html": 1, "lag": 10})).json()
        assert (chosen["html"], chosen["lag"]) == (1, 10)
        assert platform.faults.now == Faults(html=1, lag=10)
        assert (await http.get("/2/users/me")).status_code == 503
        assert (await http.get("/2/users/me")).status_code == 401

    on_page(story)


def test_a_person_blocks_the_brand() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        lin = platform.person("linxiao")
        assert (await http.put(f"/api/people/{lin.id}/block", json={"on": True})).json()["blocks"]
        assert platform.people.blocks(lin.id, platform.brand.id)

    on_page(story)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/people", {"username": "林晓"}, 422),
        ("POST", "/api/people", {"username": "a" * 16}, 422),
        ("POST", "/api/posts", {"by": "1", "text": "hi"}, 404),
        ("POST", "/api/posts", {"by": "{me}", "text": "hi", "reply_to": "1"}, 404),
        ("POST", "/api/posts", {"by": "{me}", "text": " "}, 422),
        ("POST", "/api/posts", {"by": "{me}", "text": "hi", "as": "brand"}, 422),
        ("PUT", "/api/posts/1", {"text": "hi"}, 404),
        ("DELETE", "/api/posts/1", None, 404),
        ("POST", "/api/people/1/messages", {"text": "hi"}, 404),
        ("PUT", "/api/faults", {"html": -1}, 422),
        ("PUT", "/api/faults", {"unheard": 1}, 422),
    ],
)
def test_invalid_requests_of_the_page_are_refused(
    method: str, path: str, body: dict[str, str] | None, status: int
) -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        me = platform.person("linxiao").id
        asked = {key: me if value == "{me}" else value for key, value in body.items()} if body else None
        assert (await http.request(method, path, json=asked)).status_code == status

    on_page(story)


@pytest.mark.parametrize(("lang", "said"), [("zh", "往来记录"), ("en", "On the wire")])
def test_the_page_speaks_chinese_and_english(lang: str, said: str) -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        page = await http.get("/", params={"lang": lang})
        assert said in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]

    on_page(story)


def test_the_page_loads_nothing_from_elsewhere_and_every_asset_it_names() -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        named = await everything_it_loads(http, "assets/timeline.js")
        assert named >= {"assets/timeline.css", "assets/timeline.js", "assets/mark.svg", "frame/frame.js"}

    on_page(story)


def test_every_text_exists_in_both_languages_and_is_used() -> None:
    built = ("outcome_", "way_", "fault_", "replying", "quoting", "editing")
    assert unused_and_unknown("simulator.twitter", Path(app.__file__).parent / "page", "timeline.js", built) == set()
    words = section("simulator.twitter", "zh")
    assert {f"fault_{name}" for name in app.FAULTS} == {word for word in words if word.startswith("fault_")}


def test_texts_of_the_account_are_escaped() -> None:
    named = replace(APP, name_zh="</script><script>alert(1)</script>")
    assert "<script>alert" not in app.render(Platform(named), "zh")


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}])
def test_foreign_sites_cannot_use_the_simulator(headers: dict[str, str]) -> None:
    async def story(http: httpx.AsyncClient, platform: Platform) -> None:
        assert (await http.get("/api/state", headers=headers)).status_code == 403

    on_page(story)


def test_the_timeline_is_served_on_this_machine_only() -> None:
    with pytest.raises(SettingError, match="is not this machine"):
        asyncio.run(serve_until_interrupted(application(Platform(APP)), "0.0.0.0", 0))


def test_two_platforms_share_an_address_and_link_to_each_other() -> None:
    account = SimulatedAccount("wx1", "secret", "token", "k" * 43, "gh_1")

    async def play() -> None:
        async with Platform(APP) as platform, Phone(account, "http://127.0.0.1:9/") as phone:
            both = side_by_side({"/x": application(platform, "../"), "": phone_ready(phone, "x/")})
            async with serving(both) as url, httpx.AsyncClient(trust_env=False, follow_redirects=True) as http:
                assert (await http.get(f"{url}/x")).url == f"{url}/x/"
                posts, chat = await http.get(f"{url}/x/?lang=en"), await http.get(f"{url}/?lang=en")
                assert 'href="../?lang=en">WeChat simulator' in posts.text
                assert 'href="x/?lang=en">X (Twitter) simulator' in chat.text
                assert (await http.get(f"{url}/x/api/state")).json()["brand"]["username"] == "YunshanTea"
                assert (await http.get(f"{url}/api/state")).json()["followers"] == []
                stage = Stage(platform, MovableClock(), f"{url}/x")
                assert (await stage.do(stage.user.get_me)).data.username == "YunshanTea"
                stage.close()

    asyncio.run(play())
