"""Tokens, origins, buckets and settings: the small decisions of web chat."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from ground import MovableClock
from hypothesis import given
from hypothesis import strategies as st
from shop import deployment_in

from bot.channels.webchat import Visitors, WebChatSettings
from bot.channels.webchat.gate import Gate, Rate, TooMany
from bot.channels.webchat.origins import caller_of, permission
from bot.errors import Refused, SettingError

DAY = 86_400.0
SECRET = "a secret of sixteen or more"


@pytest.fixture
def visitors(clock: MovableClock) -> Visitors:
    return Visitors("shop", SECRET, 180, clock)


def test_a_visitor_stays_the_same_as_long_as_they_come_back_in_time(visitors: Visitors, clock: MovableClock) -> None:
    first = visitors.welcome("")
    token = first.token
    for _ in range(10):
        clock.move(100 * DAY)
        again = visitors.welcome(token)
        assert (again.handle, again.fresh) == (first.handle, True)
        token = again.token
    assert visitors.who(token) == first.handle


def test_a_young_token_is_left_as_it_is(visitors: Visitors, clock: MovableClock) -> None:
    first = visitors.welcome("")
    clock.move(DAY)
    assert visitors.welcome(first.token) == type(first)(first.handle, first.token, fresh=False)


def test_who_stays_away_too_long_is_somebody_new(visitors: Visitors, clock: MovableClock) -> None:
    first = visitors.welcome("")
    clock.move(181 * DAY)
    with pytest.raises(Refused) as refused:
        visitors.who(first.token)
    assert (refused.value.status, refused.value.code) == (403, "expired")
    assert visitors.welcome(first.token).handle != first.handle


def test_another_secret_another_account_or_the_future_open_nothing(visitors: Visitors, clock: MovableClock) -> None:
    ahead = MovableClock(clock.now() + 3600)
    strangers = (
        Visitors("shop", SECRET + "!", 180, clock),
        Visitors("other", SECRET, 180, clock),
        Visitors("shop", SECRET, 180, ahead),
    )
    for stranger in strangers:
        with pytest.raises(Refused, match="403 token"):
            visitors.who(stranger.welcome("").token)


@given(st.text())
def test_no_text_that_we_did_not_sign_is_a_token(told: str) -> None:
    with pytest.raises(Refused):
        Visitors("shop", SECRET, 180, MovableClock()).who(told)


def test_handles_are_never_the_same(visitors: Visitors) -> None:
    assert len({visitors.welcome("").handle for _ in range(1_000)}) == 1_000


class Counted:
    """Buckets that let so many through, and count how often they were asked."""

    def __init__(self, allowed: int) -> None:
        self.asked = 0
        self._allowed = allowed

    async def allow(self, name: str, per_second: float, burst: int) -> bool:  # noqa: ARG002 - a port's
        self.asked += 1
        return self.asked <= self._allowed


def test_who_was_told_to_wait_is_not_asked_about_again_until_then() -> None:
    buckets, now = Counted(2), [0.0]
    gate = Gate(buckets, lambda: now[0])

    async def flood() -> int:
        refused = 0
        for _ in range(10_000):
            try:
                await gate.knock("v", Rate(0.5, 2))
            except TooMany as many:
                refused += many.seconds == 2
        return refused

    assert (asyncio.run(flood()), buckets.asked) == (9_998, 3)
    now[0] = 2.1
    with pytest.raises(TooMany):
        asyncio.run(gate.knock("v", Rate(0.5, 2)))
    assert buckets.asked == 4


def test_the_gate_forgets_the_oldest_of_very_many() -> None:
    gate = Gate(Counted(0), lambda: 0.0)

    async def crowd() -> None:
        for number in range(10_100):
            with pytest.raises(TooMany):
                await gate.knock(f"v{number}", Rate(1, 1))

    asyncio.run(crowd())
    assert len(gate._shut) == 10_000


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
def test_where_a_request_comes_from(headers: dict[str, str], own: bool, allowed: bool) -> None:
    caller = caller_of(headers, ["https://www.brand.example"])
    assert (caller.own, caller.allowed) == (own, allowed)
    may_read = "access-control-allow-origin" in permission(caller)
    assert may_read == (allowed and not own)


def test_origins_are_kept_as_browsers_send_them() -> None:
    settings = WebChatSettings.model_validate(
        {"origins": ["https://WWW.brand.example", "https://a.example:443", "http://b.example:8080", "*"]}
    )
    assert list(settings.origins) == ["https://www.brand.example", "https://a.example", "http://b.example:8080", "*"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"origins": ["https://www.brand.example/"]}, "is no origin\n    → write scheme and host alone"),
        ({"origins": ["www.brand.example"]}, "is no origin"),
        ({"origin": ["https://www.brand.example"]}, "origin"),
        ({"questions": {"zh": ["?"] * 7}}, "zh"),
        ({"token_days": 0}, "token_days"),
    ],
)
def test_a_wrong_setting_says_where_and_how_to_mend_it(tmp_path: Path, wrong: dict[str, object], told: str) -> None:
    account = {"name": "shop", "channel": "webchat", **wrong}
    with pytest.raises(SettingError, match=r"config\.yaml:\d+") as mistake:
        deployment_in(tmp_path, accounts=[account]).account(0, WebChatSettings)
    assert told in str(mistake.value)
