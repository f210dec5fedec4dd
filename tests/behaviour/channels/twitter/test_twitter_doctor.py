"""The doctor asks X whose keys these are, and says what to mend."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.simulated_x import APP, Stage, on_x
from support.twitter_payloads import settings

from bot.channels.twitter import TwitterSettings
from bot.channels.twitter.doctor import ask, credentials
from bot.channels.twitter.http import XResponse
from bot.ports.findings import Finding
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


def test_good_keys_wrong_keys_and_another_accounts_keys_are_told_apart() -> None:
    async def story(x: Stage) -> None:
        assert (await examined(keys(x.url))).grade == "ok"
        wrong = await examined(keys(x.url, consumer_secret="not-the-consumer-secret"))
        assert "401" in wrong.what.text("en")
        assert "Check the four keys" in wrong.hint.text("en")
        other = await examined(keys(x.url, user_id="42"))
        assert f"set user_id to {APP.user_id}" in other.hint.text("en")

    on_x(story)


def test_used_up_credits_are_reported() -> None:
    async def story(x: Stage) -> None:
        x.platform.set_faults(Faults(broke=True))
        found = await examined(keys(x.url))
        assert "Buy more" in found.hint.text("en")
        assert "充值" in found.hint.text("zh")

    on_x(story)


def test_an_address_without_an_answer_is_reported() -> None:
    found = asyncio.run(examined(settings(api_url="http://127.0.0.1:1")))
    assert "no usable answer" in found.what.text("en")


@pytest.mark.parametrize("status", [200, 302, 400, 429, 500])
def test_doctor_has_a_finding_for_every_answer(status: int) -> None:
    assert credentials("brand", settings(), XResponse(status)).hint.text("zh")
