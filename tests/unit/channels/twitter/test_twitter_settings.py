"""A problem in an X account's settings says what is wrong and how to mend it, and shows no secret."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.builders import hint_of
from support.paths import ROOT
from support.twitter_payloads import GOOD, SECRET, settings

from bot.channels.twitter import TwitterSettings
from bot.config import load
from bot.errors import SettingError


def test_settings_default_to_the_cautious_choice() -> None:
    plain = settings()
    assert (plain.api_url, plain.write_first, plain.daily_budget) == ("https://api.twitter.com", False, None)
    assert (plain.poll_seconds.mentions, plain.poll_seconds.messages) == (60.0, 60.0)
    assert plain.prices.post_with_link == Decimal("0.200")


@pytest.mark.parametrize(
    ("change", "key", "mend"),
    [
        ({"user_id": "@YunshanTea"}, ("user_id",), "pattern"),
        ({"user_id": "9" * 20}, ("user_id",), "pattern"),
        ({"consumer_key": ""}, ("consumer_key",), "pattern"),
        ({"consumer_secret": "short"}, ("consumer_secret",), "Keys and tokens"),
        ({"access_token_secret": "有汉字的密钥不是 X 给的"}, ("access_token_secret",), "copy it whole"),
        ({"api_url": "api.x.com"}, ("api_url",), "pattern"),
        ({"poll_seconds": {"mentions": 1}}, ("poll_seconds", "mentions"), "write 5 or more, or 0"),
        ({"daily_budget": 0}, ("daily_budget",), "greater than 0"),
        ({"prices": {"reply": -1}}, ("prices", "reply"), "greater than or equal to 0"),
        ({"privacy_policy": "our site"}, ("privacy_policy",), "pattern"),
        ({"bearer": "x"}, ("bearer",), "not permitted"),
    ],
)
def test_a_problem_names_its_key_and_the_correction(change: dict[str, Any], key: tuple[str, ...], mend: str) -> None:
    with pytest.raises(ValidationError) as mistaken:
        TwitterSettings.model_validate(GOOD | change)
    (error,) = mistaken.value.errors()
    assert error["loc"] == key
    assert mend in f"{error['msg']}; {hint_of(error)}"


def test_no_secret_is_ever_shown() -> None:
    with pytest.raises(ValidationError) as mistaken:
        TwitterSettings.model_validate(GOOD | {"access_token_secret": "with a space in it", "user_id": "x"})
    for secret in (SECRET, "an-access-token-secret", "with a space in it"):
        assert secret not in repr(settings())
        assert secret not in str(mistaken.value)


def test_a_problem_names_its_line_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "secret: 0123456789abcdef\naccounts:\n  - name: x\n    channel: twitter\n    user_id: '@tea'\n"
        "    consumer_key: key\n    consumer_secret: long-enough-secret\n    access_token: token\n"
        "    access_token_secret: long-enough-secret\n",
        encoding="utf-8",
    )
    with pytest.raises(SettingError) as mistaken:
        load(file).account(0, TwitterSettings)
    (problem,) = mistaken.value.problems
    assert (problem.line, problem.key) == (5, "accounts.0.user_id")


def test_the_account_in_the_shipped_file_shows_the_defaults() -> None:
    """But for keys and addresses, what it listens for, and what it may spend."""
    settings = load(ROOT / "config.yaml").account(2, TwitterSettings)
    own = {name: getattr(settings, name) for name, field in TwitterSettings.model_fields.items() if field.is_required()}
    own |= {name: getattr(settings, name) for name in ("api_url", "listening", "privacy_policy", "daily_budget")}
    assert settings == TwitterSettings(**own)
