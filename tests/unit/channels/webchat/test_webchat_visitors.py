"""Tokens, origins, buckets and settings: the small decisions of web chat."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.services import MovableClock
from support.shop import deployment_in

from bot.channels.webchat import VisitorTokens, WebChatSettings
from bot.domain.messages import DAY
from bot.errors import Refused, SettingError
from bot.web.webchat.app import Rate, RateLimit, TooManyRequests, caller_of, cors_headers

SECRET = "a secret of sixteen or more"


@pytest.fixture
def visitors(clock: MovableClock) -> VisitorTokens:
    return VisitorTokens("shop", SECRET, 180, clock)


def test_a_visitor_stays_the_same_as_long_as_they_come_back_in_time(
    visitors: VisitorTokens, clock: MovableClock
) -> None:
    first = visitors.renew("")
    token = first.token
    for _ in range(10):
        clock.move(100 * DAY)
        again = visitors.renew(token)
        assert (again.handle, again.fresh) == (first.handle, True)
        token = again.token
    assert visitors.verify(token) == first.handle


def test_a_recent_token_is_not_renewed(visitors: VisitorTokens, clock: MovableClock) -> None:
    first = visitors.renew("")
    clock.move(DAY)
    assert visitors.renew(first.token) == type(first)(first.handle, first.token, fresh=False)


def test_a_visitor_who_stays_away_too_long_is_a_new_customer(visitors: VisitorTokens, clock: MovableClock) -> None:
    first = visitors.renew("")
    clock.move(181 * DAY)
    with pytest.raises(Refused) as refused:
        visitors.verify(first.token)
    assert (refused.value.status, refused.value.code) == (403, "expired")
    assert visitors.renew(first.token).handle != first.handle


def test_tokens_of_another_secret_or_account_or_from_the_future_are_refused(
    visitors: VisitorTokens, clock: MovableClock
) -> None:
    ahead = MovableClock(clock.now() + 3600)
    strangers = (
        VisitorTokens("shop", SECRET + "!", 180, clock),
        VisitorTokens("other", SECRET, 180, clock),
        VisitorTokens("shop", SECRET, 180, ahead),
    )
    for stranger in strangers:
        with pytest.raises(Refused, match="403 token"):
            visitors.verify(stranger.renew("").token)


@given(st.text())
def test_no_text_that_we_did_not_sign_is_a_token(told: str) -> None:
    with pytest.raises(Refused):
        VisitorTokens("shop", SECRET, 180, MovableClock()).verify(told)


def test_handles_are_unique(visitors: VisitorTokens) -> None:
    assert len({visitors.renew("").handle for _ in range(1_000)}) == 1_000


class Counted:
    """Buckets that let so many through, and count how often they were asked."""

    def __init__(self, allowed: int) -> None:
        self.asked = 0
        self._allowed = allowed

    async def allow(self, name: str, per_second: float, burst: int) -> bool:  # noqa: ARG002 - a port's
        self.asked += 1
        return self.asked <= self._allowed


def test_a_limited_visitor_is_refused_without_asking_again_until_the_wait_is_over() -> None:
    buckets, now = Counted(2), [0.0]
    limit = RateLimit(buckets, lambda: now[0])

    async def flood() -> int:
        refused = 0
        for _ in range(10_000):
            try:
                await limit.take("v", Rate(0.5, 2))
            except TooManyRequests as many:
                refused += many.seconds == 2
        return refused

    assert (asyncio.run(flood()), buckets.asked) == (9_998, 3)
    now[0] = 2.1
    with pytest.raises(TooManyRequests):
        asyncio.run(limit.take("v", Rate(0.5, 2)))
    assert buckets.asked == 4


def test_the_gate_forgets_the_oldest_of_very_many_visitors() -> None:
    """Who is forgotten is asked about once more."""
    buckets = Counted(0)
    limit = RateLimit(buckets, lambda: 0.0)

    async def crowd() -> None:
        for number in (*range(10_100), 10_099, 100, 99):
            with pytest.raises(TooManyRequests):
                await limit.take(f"v{number}", Rate(1, 1))

    asyncio.run(crowd())
    assert buckets.asked == 10_101


@pytest.mark.parametrize(
    ("headers", "own", "allowed"),
    [
        ({"origin": "https://chat.brand.example", "host": "chat.brand.example"}, True, True),
        ({"origin": "https://www.brand.example", "host": "chat.brand.example"}, False, True),
        ({"origin": "https://evil.example", "host": "chat.brand.example"}, False, False),
        ({"origin": "null", "host": "chat.brand.example"}, False, False),
        ({"origin": "https://", "host": ""}, False, False),
        ({"host": "chat.brand.example", "sec-fetch-site": "same-origin"}, True, True),
        ({"host": "chat.brand.example", "sec-fetch-site": "cross-site"}, False, False),
        ({"host": "chat.brand.example", "sec-fetch-site": "same-site"}, False, False),
    ],
)
def test_a_callers_origin_is_our_own_allowed_or_neither(headers: dict[str, str], own: bool, allowed: bool) -> None:
    caller = caller_of(headers, ["https://www.brand.example"])
    assert (caller.own, caller.allowed) == (own, allowed)
    may_read = "access-control-allow-origin" in cors_headers(caller)
    assert may_read == (allowed and not own)


def test_origins_are_kept_as_browsers_send_them() -> None:
    settings = WebChatSettings.model_validate(
        {"origins": ["https://WWW.brand.example", "https://a.example:443", "http://b.example:8080", "*"]}
    )
    assert list(settings.origins) == ["https://www.brand.example", "https://a.example", "http://b.example:8080", "*"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"origins": ["https://www.brand.example/"]}, "is not an origin\n    → write only scheme and host"),
        ({"origins": ["www.brand.example"]}, "is not an origin"),
        ({"origin": ["https://www.brand.example"]}, "origin"),
        ({"questions": {"zh": ["?"] * 7}}, "zh"),
        ({"token_days": 0}, "token_days"),
    ],
)
def test_a_wrong_setting_is_reported_with_its_place_and_correction(
    tmp_path: Path, wrong: dict[str, object], told: str
) -> None:
    account = {"name": "shop", "channel": "webchat", **wrong}
    with pytest.raises(SettingError, match=r"config\.yaml:\d+") as problem:
        deployment_in(tmp_path, accounts=[account]).account(0, WebChatSettings)
    assert told in str(problem.value)
