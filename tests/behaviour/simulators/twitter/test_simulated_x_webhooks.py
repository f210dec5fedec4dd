"""What X tells a brand's server: challenges, signed events in both wordings, duplicates, disorder, and the streams."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import tweepy
from support.simulated_x import APP, Detour, Stage, on_x
from support.twitter_openapi import judge_event, judge_older_event
from support.twitter_webhook import Webhook, opened

from bot.simulators.twitter import Faults
from bot.simulators.twitter.events import EVENTS, PRIVATE_EVENTS

Told = Callable[[Stage, Webhook], Awaitable[None]]


async def registered(stage: Stage, webhook: Webhook) -> str:
    answer = await stage.do(stage.app.request, "POST", "/2/webhooks", json={"url": webhook.address})
    return str(answer.json()["id"])


async def subscribed(stage: Stage, webhook_id: str, *kinds: str) -> None:
    for kind in kinds or EVENTS + PRIVATE_EVENTS:
        wanted = {"event_type": kind, "filter": {"user_id": stage.brand.id}, "tag": "ours", "webhook_id": webhook_id}
        await stage.do(stage.user.request, "POST", "/2/activity/subscriptions", json=wanted, user_auth=True)


def with_webhook(story: Told, webhook: Webhook | None = None, older: bool = False) -> None:
    """Play a story whose webhook is registered, and subscribed to everything about the brand."""

    async def play(stage: Stage) -> None:
        async with opened(webhook or Webhook(APP.consumer_secret)) as open_one:
            webhook_id = await registered(stage, open_one)
            if older:
                path = f"/2/account_activity/webhooks/{webhook_id}/subscriptions/all"
                await stage.do(stage.user.request, "POST", path, user_auth=True)
            else:
                await subscribed(stage, webhook_id)
            await story(stage, open_one)

    on_x(play)


def test_a_mention_and_a_message_reach_the_webhook_signed_in_the_published_shape() -> None:
    async def story(stage: Stage, webhook: Webhook) -> None:
        lin = stage.platform.person("linxiao", "林晓")
        post = stage.platform.create_post(lin.id, "@YunshanTea 看看 https://a.example/1")
        message = stage.platform.send_direct_message(lin.id, "在吗")
        await stage.platform.wait_delivered()
        assert (webhook.kinds(), webhook.forged) == (["post.mention.create", "dm.received"], 0)
        for event in webhook.events:
            judge_event(event)
        mention, received = (event["data"] for event in webhook.events)
        assert (mention["payload"]["id"], mention["payload"]["author_id"]) == (str(post.id), lin.id)
        assert {user["id"] for user in mention["includes"]["users"]} == {lin.id, stage.brand.id}
        assert received["payload"]["direct_message_events"][0]["id"] == str(message.id)
        assert (received["filter"], received["tag"]) == ({"user_id": stage.brand.id}, "ours")

    with_webhook(story)


def test_the_brands_own_actions_are_also_delivered() -> None:
    async def story(stage: Stage, webhook: Webhook) -> None:
        lin = stage.platform.person("linxiao", messages_open=True)
        made = (await stage.do(stage.user.create_tweet, text="新茶上市")).data["id"]
        await stage.write(lin.id, "您好")
        stage.platform.create_post(lin.id, "好喝吗", reply_to=int(made))
        stage.platform.create_post(lin.id, "推荐", quotes=int(made))
        await stage.do(stage.user.delete_tweet, made)
        await stage.platform.wait_delivered()
        expected = ["post.create", "dm.sent", "post.reply.create", "post.quote.create", "post.delete"]
        assert sorted(webhook.kinds()) == sorted(expected)
        for event in webhook.events:
            judge_event(event)

    with_webhook(story)


def test_a_handle_added_by_x_is_a_mention_in_lists_and_not_in_activity_events() -> None:
    async def story(stage: Stage, webhook: Webhook) -> None:
        lin, emma = stage.platform.person("linxiao"), stage.platform.person("emma")
        asked = stage.platform.create_post(lin.id, "@YunshanTea 怎么退货")
        stage.platform.create_post(emma.id, "我也想知道", reply_to=asked.id)
        await stage.platform.wait_delivered()
        assert webhook.kinds() == ["post.mention.create"]
        assert [post.text for post in await stage.mentions()] == [
            "@linxiao @YunshanTea 我也想知道",
            "@YunshanTea 怎么退货",
        ]

    with_webhook(story)


def test_account_activity_has_every_event_in_one_subscription() -> None:
    async def story(stage: Stage, webhook: Webhook) -> None:
        lin, bad = stage.platform.person("linxiao"), stage.platform.person("pest")
        stage.platform.people.block(stage.brand.id, bad.id)
        post = stage.platform.create_post(lin.id, "@YunshanTea " + "很长的问题" * 80)
        stage.platform.create_post(bad.id, "@YunshanTea 骚扰")
        stage.platform.send_direct_message(lin.id, "在吗")
        made = (await stage.do(stage.user.create_tweet, text="新茶上市")).data["id"]
        await stage.do(stage.user.delete_tweet, made)
        await stage.platform.wait_delivered()
        keys = [next(key for key in event if key.endswith("_events")) for event in webhook.events]
        assert sorted(keys) == ["direct_message_events", "tweet_create_events", "tweet_create_events",
                                "tweet_create_events", "tweet_delete_events"]  # fmt: skip
        for event in webhook.events:
            assert event["for_user_id"] == stage.brand.id
            if "tweet_create_events" not in event:
                judge_older_event(event)
        told = [event for event in webhook.events if "tweet_create_events" in event]
        posts = {event["tweet_create_events"][0]["user"]["screen_name"]: event for event in told}
        assert posts["pest"]["user_has_blocked"] is True
        long = posts["linxiao"]["tweet_create_events"][0]
        assert (long["id_str"], long["truncated"]) == (str(post.id), True)
        assert long["extended_tweet"]["full_text"] == post.text

    with_webhook(story, older=True)


def test_events_may_come_twice_and_out_of_order() -> None:
    async def story(stage: Stage, webhook: Webhook) -> None:
        lin = stage.platform.person("linxiao")
        stage.platform.set_faults(Faults(swap=1, duplicate=1))
        for text in "一二三":
            stage.platform.create_post(lin.id, f"@YunshanTea {text}")
            await stage.platform.wait_delivered()
        assert [event["data"]["payload"]["text"][-1] for event in webhook.events] == ["二", "二", "一", "三"]
        assert webhook.events[0] == webhook.events[1]

    with_webhook(story)


def test_a_platform_without_deliveries_still_lists_everything() -> None:
    async def story(stage: Stage, webhook: Webhook) -> None:
        stage.platform.set_faults(Faults(deaf=True))
        stage.platform.create_post(stage.platform.person("linxiao").id, "@YunshanTea 在吗")
        await stage.platform.wait_delivered()
        assert webhook.events == []
        assert len(await stage.mentions()) == 1

    with_webhook(story)


def test_a_webhook_that_does_not_answer_gets_the_next_event_all_the_same() -> None:
    async def story(stage: Stage, webhook: Webhook) -> None:
        webhook.status = 500
        lin = stage.platform.person("linxiao")
        for number in range(2):
            stage.platform.send_direct_message(lin.id, f"{number}")
        await stage.platform.wait_delivered()
        outcomes = [call.outcome for call in stage.platform.request_log.calls if call.way == "push"]
        assert outcomes == ["500", "500"]
        assert len(webhook.events) == 2

    with_webhook(story)


@pytest.mark.parametrize(
    ("webhook", "why"),
    [
        (Webhook("another secret"), "CrcValidationFailed"),
        (Webhook(APP.consumer_secret, token="sha256=nonsense"), "CrcValidationFailed"),
    ],
    ids=["secret", "token"],
)
def test_a_webhook_that_fails_the_challenge_is_not_kept(webhook: Webhook, why: str) -> None:
    async def story(stage: Stage) -> None:
        async with opened(webhook) as open_one:
            with pytest.raises(tweepy.BadRequest) as refused:
                await registered(stage, open_one)
        assert refused.value.response.json()["title"] == why
        assert (await stage.do(stage.app.request, "GET", "/2/webhooks")).json() == {"meta": {"result_count": 0}}

    on_x(story)


def test_addresses_beyond_this_machine_and_repeats_are_refused() -> None:
    async def story(stage: Stage, webhook: Webhook) -> None:
        for url, why in ((webhook.address, "DuplicateUrlFailed"), ("https://shop.example/x", "UrlValidationFailed")):
            with pytest.raises(tweepy.BadRequest) as refused:
                await stage.do(stage.app.request, "POST", "/2/webhooks", json={"url": url})
            assert refused.value.response.json()["title"] == why

    with_webhook(story)


def test_a_webhook_is_challenged_again_and_muted_while_it_answers_wrongly() -> None:
    async def story(stage: Stage, webhook: Webhook) -> None:
        (kept,) = (await stage.do(stage.app.request, "GET", "/2/webhooks")).json()["data"]
        lin = stage.platform.person("linxiao")
        for token, events in (("sha256=wrong", 0), ("", 1)):
            webhook.token = token
            await stage.do(stage.app.request, "PUT", f"/2/webhooks/{kept['id']}")
            stage.platform.send_direct_message(lin.id, "在吗")
            await stage.platform.wait_delivered()
            assert len(webhook.events) == events
        assert webhook.challenges == 3
        await stage.do(stage.app.request, "DELETE", f"/2/webhooks/{kept['id']}")
        stage.platform.send_direct_message(lin.id, "还在吗")
        await stage.platform.wait_delivered()
        assert len(webhook.events) == 1

    with_webhook(story)


def test_private_events_need_the_users_own_keys() -> None:
    async def story(stage: Stage) -> None:
        wanted = {"event_type": "dm.received", "filter": {"user_id": stage.brand.id}}
        with pytest.raises(tweepy.Forbidden):
            await stage.do(stage.app.request, "POST", "/2/activity/subscriptions", json=wanted)
        made = await stage.do(stage.user.request, "POST", "/2/activity/subscriptions", json=wanted, user_auth=True)
        kept = made.json()["data"]["subscription"]["subscription_id"]
        gone = await stage.do(stage.app.request, "DELETE", f"/2/activity/subscriptions/{kept}")
        assert gone.json() == {"data": {"deleted": True}, "meta": {"total_subscriptions": 0}}

    on_x(story)


class Ear(tweepy.StreamingClient):  # type: ignore[misc]
    """tweepy's filtered stream, until it has heard enough."""

    def __init__(self, url: str, enough: int) -> None:
        super().__init__(APP.bearer_token, max_retries=0)
        self.session.trust_env = False
        self.session.mount("https://api.twitter.com/", Detour(url))
        self.heard: list[tuple[str, list[str]]] = []
        self.problems: list[int] = []
        self.connected = threading.Event()
        self._enough = enough

    def on_keep_alive(self) -> None:
        self.connected.set()  # the stream begins with an empty line

    def on_response(self, response: tweepy.StreamResponse) -> None:
        self.heard.append((response.data.text, [rule.tag for rule in response.matching_rules]))
        if len(self.heard) == self._enough:
            self.disconnect()

    def on_request_error(self, status_code: int) -> None:
        self.problems.append(status_code)
        self.disconnect()


def test_the_filtered_stream_tells_of_posts_that_match_a_rule() -> None:
    async def story(stage: Stage) -> None:
        ear = Ear(stage.url, 2)
        rules = [tweepy.StreamRule("云杉茶 -is:retweet", "brand"), tweepy.StreamRule("tea lang:en", "tea")]
        made = await stage.do(ear.add_rules, rules)
        assert [rule.tag for rule in made.data] == ["brand", "tea"]
        listening = asyncio.create_task(stage.do(ear.filter, tweet_fields=["author_id"]))
        await stage.do(ear.connected.wait, 10)
        lin = stage.platform.person("linxiao")
        for text in ("云杉茶太贵了", "咖啡更好", "Their tea is good, 云杉茶"):
            stage.platform.create_post(lin.id, text)
        await asyncio.wait_for(listening, 20)
        assert ear.heard == [("云杉茶太贵了", ["brand"]), ("Their tea is good, 云杉茶", ["brand"])]
        await stage.do(ear.delete_rules, [rule.id for rule in made.data])
        assert (await stage.do(ear.get_rules)).data is None

    on_x(story)


def test_without_rules_there_is_no_stream_and_rules_are_checked() -> None:
    async def story(stage: Stage) -> None:
        ear = Ear(stage.url, 1)
        await stage.do(ear.filter)
        assert ear.problems == [409]
        rules = [tweepy.StreamRule("云杉茶"), tweepy.StreamRule("云杉茶"), tweepy.StreamRule("(open")]
        answer = await stage.do(ear.add_rules, rules)
        assert [error["title"] for error in answer.errors] == ["DuplicateRule", "UnprocessableEntity"]
        assert answer.meta["summary"]["created"] == 1
        ear.session.close()

    on_x(story)


@pytest.mark.parametrize("body", [{}, {"add": 1}, {"add": 1, "delete": {}}, {"add": [], "delete": "all"}])
def test_invalid_changes_of_rules_are_refused(body: dict[str, object]) -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(tweepy.BadRequest):
            await stage.do(stage.app.request, "POST", "/2/tweets/search/stream/rules", json=body)

    on_x(story)


def test_a_rule_without_a_tag_comes_without_one() -> None:
    async def story(stage: Stage) -> None:
        await stage.do(stage.app.request, "POST", "/2/tweets/search/stream/rules", json={"add": [{"value": "云杉茶"}]})
        lines = await _streamed(stage, "/2/tweets/search/stream", lambda: _say(stage, "云杉茶"))
        assert [set(rule) for rule in lines[0]["matching_rules"]] == [{"id"}]

    on_x(story)


def test_the_activity_stream_needs_no_webhook() -> None:
    async def story(stage: Stage) -> None:
        wanted = {"event_type": "post.mention.create", "filter": {"user_id": stage.brand.id}}
        await stage.do(stage.user.request, "POST", "/2/activity/subscriptions", json=wanted, user_auth=True)
        (event,) = await _streamed(stage, "/2/activity/stream", lambda: _say(stage, "@YunshanTea 在吗"))
        judge_event(event)
        assert "tag" not in event["data"]

    on_x(story)


def _say(stage: Stage, text: str) -> None:
    stage.platform.create_post(stage.platform.person("linxiao").id, text)


async def _streamed(stage: Stage, path: str, happen: Callable[[], None]) -> list[Any]:
    """The first line of a stream after something has happened."""
    loop = asyncio.get_running_loop()

    def listen() -> list[Any]:
        session, headers = stage.app.session, {"Authorization": f"Bearer {APP.bearer_token}"}
        with session.get(f"https://api.twitter.com{path}", headers=headers, stream=True) as answer:
            for line in answer.iter_lines(chunk_size=1):
                if line:
                    return [json.loads(line)]
                loop.call_soon_threadsafe(happen)
        return []

    return await stage.do(listen)  # type: ignore[no-any-return]


def test_an_app_with_a_client_secret_gets_both_signatures() -> None:
    async def play(stage: Stage) -> None:
        async with opened(Webhook("a client secret")) as webhook:
            await registered(stage, webhook)
            assert webhook.challenges == 1

    on_x(play, replace(APP, client_secret="a client secret"))
