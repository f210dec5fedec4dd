"""What a brand's server meets at the simulated X: keys, mentions, searches, refusals. Asked by tweepy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import tweepy
from support.simulated_x import APP, FIELDS, Stage, on_x

from bot.simulators.twitter import Faults


def test_the_brand_is_known_by_its_four_keys_and_the_app_by_its_token() -> None:
    async def story(stage: Stage) -> None:
        mine = await stage.do(stage.user.get_me, user_fields=["public_metrics", "created_at"])
        assert (str(mine.data.id), mine.data.username) == (stage.brand.id, "YunshanTea")
        found = await stage.do(stage.app.search_recent_tweets, "云杉茶", max_results=10)
        assert found.data is None

    on_x(story)


@pytest.mark.parametrize(
    "wrong", ["consumer_key", "consumer_secret", "access_token", "access_token_secret"], ids=lambda name: name
)
def test_one_wrong_key_is_refused(wrong: str) -> None:
    async def story(stage: Stage) -> None:
        keys: dict[str, Any] = {wrong: "something-else"}
        stranger = stage.client(replace(APP, **keys))
        with pytest.raises(tweepy.Unauthorized):
            await stage.do(stranger.create_tweet, text="你好")
        assert stage.platform.brand_posts() == []
        stranger.session.close()

    on_x(story)


def test_a_signature_holds_once_and_for_its_own_request_only() -> None:
    async def story(stage: Stage) -> None:
        seen: list[str] = []
        stage.user.session.hooks["response"] = [
            lambda answer, **_: seen.append(answer.request.headers["Authorization"])
        ]
        await stage.mentions(max_results=10)
        signed = seen[0] if isinstance(seen[0], str) else str(seen[0], "ascii")
        path = f"/2/users/{stage.brand.id}/mentions"
        async with httpx.AsyncClient(base_url=stage.url, headers={"authorization": signed}, trust_env=False) as thief:
            again = {"max_results": "10", "tweet.fields": ",".join(FIELDS)}
            assert (await thief.get(path, params=again)).status_code == 401
            assert (await thief.get(path, params=again | {"max_results": "11"})).status_code == 401
            assert (await thief.get("/2/users/me")).status_code == 401

    on_x(story)


def test_a_signature_of_another_day_is_refused() -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(tweepy.Unauthorized):
            await stage.do(stage.user.get_me)

    on_x(story, wall=lambda: 1_000_000_000.0)


def test_endpoints_accept_the_right_kind_of_credentials_only() -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(tweepy.Forbidden, match="Authenticating with this method"):
            await stage.do(stage.app.request, "GET", "/2/dm_events")
        with pytest.raises(tweepy.Forbidden, match="Authenticating with this method"):
            await stage.do(stage.user.request, "GET", "/2/tweets/search/stream/rules", user_auth=True)

    on_x(story)


def test_mentions_come_newest_first_with_what_was_asked_for() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao", "林晓")
        first = stage.platform.create_post(lin.id, "@YunshanTea 积分什么时候过期？")
        stage.platform.create_post(lin.id, "今天天气不错")
        second = stage.platform.create_post(lin.id, "再问一句 @yunshantea")
        found = await stage.mentions()
        assert [post.id for post in found] == [second.id, first.id]
        assert (str(found[1].author_id), found[1].lang, found[1].conversation_id) == (lin.id, "zh", first.id)
        assert found[1].entities["mentions"][0]["id"] == stage.brand.id
        assert await stage.mentions(since_id=first.id) == found[:1]

    on_x(story)


def test_pages_lead_to_pages_and_short_ones_are_not_the_end() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        posts = [stage.platform.create_post(lin.id, f"@YunshanTea {number}") for number in range(23)]
        stage.platform.set_faults(Faults(short=4))
        walk = tweepy.Paginator(stage.user.get_users_mentions, stage.brand.id, user_auth=True, max_results=100)
        found = await stage.do(lambda: list(walk.flatten()))
        assert [post.id for post in found] == [post.id for post in posts[::-1]]
        assert stage.platform.request_log.requests["GET /2/users/{id}/mentions"] == 6

    on_x(story)


def test_mentions_can_be_asked_for_by_their_time() -> None:
    async def story(stage: Stage) -> None:
        lin, began = stage.platform.person("linxiao"), stage.clock.now()
        posts = []
        for number in range(3):
            posts.append(stage.platform.create_post(lin.id, f"@YunshanTea {number}"))
            stage.clock.at += 60
        since, until = (datetime.fromtimestamp(began + seconds, UTC) for seconds in (60, 120))
        assert [post.id for post in await stage.mentions(start_time=since, end_time=until)] == [posts[1].id]

    on_x(story)


def test_only_the_newest_800_mentions_can_be_reached() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        posts = [stage.platform.create_post(lin.id, f"@YunshanTea {number}") for number in range(805)]
        walk = tweepy.Paginator(stage.user.get_users_mentions, stage.brand.id, user_auth=True, max_results=100)
        found = await stage.do(lambda: list(walk.flatten()))
        assert [post.id for post in found] == [post.id for post in posts[:4:-1]]
        assert await stage.mentions(until_id=posts[5].id) == []

    on_x(story)


def test_a_post_shows_in_lists_only_after_a_while_and_a_later_one_may_show_before_it() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        slow = stage.platform.create_post(lin.id, "@YunshanTea 一", late=30.0)
        quick = stage.platform.create_post(lin.id, "@YunshanTea 二")
        assert [post.id for post in await stage.mentions()] == [quick.id]
        stage.clock.at += 30
        assert [post.id for post in await stage.mentions()] == [quick.id, slow.id]

    on_x(story)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("云杉茶", ["云杉茶真好喝 https://a.example/1", "云杉茶不好喝"]),
        ("云杉茶 -has:links", ["云杉茶不好喝"]),
        ('"yunshan tea" OR 不好喝', ["I love Yunshan Tea", "云杉茶不好喝"]),
        ("(yunshan OR 云杉茶) lang:en", ["I love Yunshan Tea"]),
        ("from:emma", ["I love Yunshan Tea"]),
        ("@YunshanTea", ["@YunshanTea hi"]),
        ("yun", []),
        ("is:reply", []),
    ],
)
def test_search_reads_queries(query: str, found: list[str]) -> None:
    async def story(stage: Stage) -> None:
        lin, emma = stage.platform.person("linxiao"), stage.platform.person("emma")
        stage.platform.create_post(lin.id, "云杉茶不好喝")
        stage.platform.create_post(emma.id, "I love Yunshan Tea")
        stage.platform.create_post(lin.id, "云杉茶真好喝 https://a.example/1")
        stage.platform.create_post(lin.id, "@YunshanTea hi")
        answer = await stage.do(stage.app.search_recent_tweets, query, max_results=10)
        texts = [post.text for post in answer.data or []]
        assert sorted(text.partition(" https")[0] for text in texts) == sorted(
            one.partition(" https")[0] for one in found
        )

    on_x(story)


@pytest.mark.parametrize("query", ["(a OR b", "a)", "OR", "near:me", "is:nothing", "", "-", "(" * 200])
def test_queries_that_cannot_be_read_are_refused(query: str) -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(tweepy.BadRequest):
            await stage.do(stage.app.search_recent_tweets, query, max_results=10)

    on_x(story)


@pytest.mark.parametrize(
    ("route", "query"),
    [
        ("/2/users/{me}/mentions", {"max_results": "4"}),
        ("/2/users/{me}/mentions", {"max_results": "many"}),
        ("/2/users/{me}/mentions", {"since_id": "-1"}),
        ("/2/users/{me}/mentions", {"pagination_token": "nonsense"}),
        ("/2/users/{me}/mentions", {"tweet.fields": "author"}),
        ("/2/users/{me}/mentions", {"start_time": "yesterday"}),
        ("/2/users/{me}/mentions", {"unheard": "of"}),
        ("/2/tweets", {"ids": ""}),
        ("/2/dm_events", {"max_results": "101"}),
    ],
)
def test_invalid_parameters_are_named(route: str, query: dict[str, str]) -> None:
    async def story(stage: Stage) -> None:
        path = route.format(me=stage.brand.id)
        with pytest.raises(tweepy.BadRequest) as refused:
            await stage.do(stage.user.request, "GET", path, params=query, user_auth=True)
        assert refused.value.response.json()["errors"][0]["parameters"].keys() == query.keys()

    on_x(story)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nonsense",
        b'{"text": 7}',
        b'{"text": "a", "unheard": 1}',
        b'{"text": "a", "reply": 5}',
        b'{"text": "a", "reply": {"in_reply_to_tweet_id": 12}}',
        b'{"text": "a", "quote_tweet_id": "99"}',
        b'{"text": "\\ud800"}',
        b"[" * 5000,
        b"\xff\xfe",
        b'{"text": "' + b"x" * 70_000 + b'"}',
    ],
)
def test_invalid_bodies_are_refused_with_the_texts_of_x(body: bytes) -> None:
    async def story(stage: Stage) -> None:
        answer = await stage.do(stage.post_raw, "/2/tweets", body)
        assert answer.status_code in (400, 413)
        assert {"title", "type"} <= answer.json().keys()
        assert stage.platform.brand_posts() == []

    on_x(story)
