"""What X lets one do how often, what it costs, and everything that can go wrong on its side."""

from __future__ import annotations

from decimal import Decimal

import pytest
import requests
import tweepy
from support.simulated_x import Stage, on_x

from bot.domain.messages import DAY
from bot.simulators.twitter import Faults, Rule

QUARTER = 900


def test_direct_messages_may_be_read_15_times_in_15_minutes() -> None:
    async def story(stage: Stage) -> None:
        for _ in range(15):
            await stage.messages()
        with pytest.raises(tweepy.TooManyRequests) as refused:
            await stage.messages()
        assert refused.value.reset_time == stage.clock.now() + QUARTER
        assert refused.value.response.headers["x-rate-limit-remaining"] == "0"
        stage.clock.at += QUARTER - 1
        with pytest.raises(tweepy.TooManyRequests):
            await stage.messages()
        stage.clock.at += 1
        assert await stage.messages() == []
        assert stage.platform.request_log.requests["GET /2/dm_events"] == 18
        assert stage.platform.request_log.refused["GET /2/dm_events"] == 2

    on_x(story)


def test_every_endpoint_counts_for_itself_and_users_apart_from_the_app() -> None:
    async def story(stage: Stage) -> None:
        stage.platform.limits.rules["GET /2/users/{id}/mentions"] = Rule(user=1, app=2)
        await stage.mentions()
        with pytest.raises(tweepy.TooManyRequests):
            await stage.mentions()
        for _ in range(2):
            await stage.do(stage.app.get_users_mentions, stage.brand.id)
        with pytest.raises(tweepy.TooManyRequests):
            await stage.do(stage.app.get_users_mentions, stage.brand.id)
        await stage.messages()

    on_x(story)


def test_a_day_has_its_own_limit_and_the_quarters_reset_is_then_too_early() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao", messages_open=True)
        send = "POST /2/dm_conversations/with/{participant_id}/messages"
        stage.platform.limits.rules[send] = Rule(user=15, user_day=2, app_day=1440)
        for number in range(2):
            await stage.write(lin.id, f"{number}")
        stage.clock.at += QUARTER
        with pytest.raises(tweepy.TooManyRequests) as refused:
            await stage.write(lin.id, "2")
        headers = refused.value.response.headers
        assert headers["x-user-limit-24hour-remaining"] == "0"
        assert int(headers["x-user-limit-24hour-reset"]) == stage.clock.now() + DAY - QUARTER
        assert int(headers["x-rate-limit-reset"]) < int(headers["x-user-limit-24hour-reset"])
        assert headers["x-app-limit-24hour-remaining"] == "1438"
        stage.clock.at += DAY - QUARTER
        await stage.write(lin.id, "2")

    on_x(story)


def test_requests_refused_for_other_reasons_count_against_the_limit() -> None:
    async def story(stage: Stage) -> None:
        stage.platform.limits.rules["POST /2/tweets"] = Rule(user=2, app_day=100)
        await stage.do(stage.user.create_tweet, text="你好")
        with pytest.raises(tweepy.Forbidden) as refused:
            await stage.do(stage.user.create_tweet, text="你好")
        assert refused.value.response.headers["x-rate-limit-remaining"] == "0"
        with pytest.raises(tweepy.TooManyRequests):
            await stage.do(stage.user.create_tweet, text="您好")

    on_x(story)


def test_a_429_may_come_without_a_reset_time() -> None:
    async def story(stage: Stage) -> None:
        stage.platform.set_faults(Faults(limited=1, no_reset=True))
        with pytest.raises(tweepy.TooManyRequests) as refused:
            await stage.mentions()
        assert refused.value.reset_time is None
        assert await stage.mentions() == []

    on_x(story)


def test_credits_are_spent_and_then_402() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao", messages_open=True)
        asked = stage.platform.create_post(lin.id, "@YunshanTea 在吗")
        purse = stage.platform.credits
        await stage.mentions()
        await stage.mentions()
        assert purse.spent == Decimal("0.001")
        await stage.reply(asked.id, "您好")
        await stage.do(stage.user.create_tweet, text="详情 https://yunshan.example/")
        await stage.write(lin.id, "您好")
        assert purse.spent == Decimal("0.001") + Decimal("0.010") + Decimal("0.200") + Decimal("0.015")
        purse.left = Decimal(0)
        with pytest.raises(tweepy.HTTPException) as refused:
            await stage.write(lin.id, "还在吗")
        assert refused.value.response.status_code == 402
        assert refused.value.response.json()["title"] == "CreditsDepleted"

    on_x(story)


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Faults(down=True), tweepy.TwitterServerError),
        (Faults(html=1), tweepy.TwitterServerError),
        (Faults(truncate=1), requests.exceptions.JSONDecodeError),
        (Faults(drop=1), requests.exceptions.RequestException),
        (Faults(error=1), tweepy.TwitterServerError),
        (Faults(broke=True), tweepy.HTTPException),
        (Faults(limited=1), tweepy.TooManyRequests),
    ],
    ids=["down", "html", "truncate", "drop", "error", "broke", "limited"],
)
def test_faults_reach_the_brands_server(fault: Faults, raised: type[Exception]) -> None:
    async def story(stage: Stage) -> None:
        stage.platform.set_faults(fault)
        with pytest.raises(raised):
            await stage.do(stage.user.get_me)
        stage.platform.set_faults(Faults())
        assert (await stage.do(stage.user.get_me)).data.username == "YunshanTea"

    on_x(story)


def test_a_request_whose_connection_drops_is_carried_out_and_its_repeat_is_a_duplicate() -> None:
    async def story(stage: Stage) -> None:
        stage.platform.set_faults(Faults(drop=1, only="POST /2/tweets"))
        await stage.mentions()
        with pytest.raises(requests.exceptions.RequestException):
            await stage.do(stage.user.create_tweet, text="你好")
        with pytest.raises(tweepy.Forbidden, match="duplicate content"):
            await stage.do(stage.user.create_tweet, text="你好")
        assert [post.text for post in stage.platform.brand_posts()] == ["你好"]
        assert stage.platform.faults.happened == {"drop": 1}

    on_x(story)


def test_headers_may_be_missing() -> None:
    async def story(stage: Stage) -> None:
        answer = await stage.do(stage.user.request, "GET", "/2/users/me", user_auth=True)
        assert answer.headers["x-rate-limit-limit"] == "75"
        stage.platform.set_faults(Faults(no_headers=True))
        bare = await stage.do(stage.user.request, "GET", "/2/users/me", user_auth=True)
        assert [name for name in bare.headers if name.lower().startswith("x-")] == ["x-content-type-options"]

    on_x(story)


def test_clearing_the_request_log_resets_its_counts() -> None:
    async def story(stage: Stage) -> None:
        await stage.mentions()
        assert stage.platform.request_log.statuses == {200: 1}
        stage.platform.request_log.clear()
        assert not stage.platform.request_log.requests

    on_x(story)
