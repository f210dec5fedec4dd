"""The doctor asks X whose keys these are, and says what to mend."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from twitter_peer import settings
from x_stage import APP, Stage, on_x

from bot.channels.twitter import TwitterSettings
from bot.channels.twitter.api import Answer
from bot.doctor.findings import Finding
from bot.doctor.twitter import ask, credentials
from bot.simulators.twitter import Faults


def keys(url: str, **changes: Any) -> TwitterSettings:
    given = {
        "user_id": APP.user_id,
        "consumer_key": APP.consumer_key,
        "consumer_secret": APP.consumer_secret,
        "access_token": APP.access_token,
        "access_token_secret": APP.access_token_secret,
        "api_url": url,
    }
    return TwitterSettings.model_validate(given | changes)


async def examined(account: TwitterSettings) -> Finding:
    return credentials("brand", account, await ask(account))


def test_good_keys_are_told_from_wrong_ones_and_from_somebody_elses() -> None:
    async def story(x: Stage) -> None:
        assert (await examined(keys(x.url))).grade == "ok"
        wrong = await examined(keys(x.url, consumer_secret="not-the-consumer-secret"))
        assert "401" in wrong.what.en
        assert "Check the four keys" in wrong.mend.en
        other = await examined(keys(x.url, user_id="42"))
        assert f"set user_id to {APP.user_id}" in other.mend.en

    on_x(story)


def test_credits_that_are_used_up_show() -> None:
    async def story(x: Stage) -> None:
        x.platform.set_faults(Faults(broke=True))
        found = await examined(keys(x.url))
        assert "Buy more" in found.mend.en
        assert "充值" in found.mend.zh

    on_x(story)


def test_an_address_where_nobody_answers_is_said() -> None:
    found = asyncio.run(examined(settings(api_url="http://127.0.0.1:1")))
    assert "no answer of use" in found.what.en


@pytest.mark.parametrize("status", [200, 302, 400, 429, 500])
def test_every_answer_has_a_finding(status: int) -> None:
    assert credentials("brand", settings(), Answer(status)).mend.zh
