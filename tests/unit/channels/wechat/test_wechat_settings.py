"""A problem in an account's settings says where it stands, what is wrong and how to mend it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.builders import hint_of

from bot.channels.wechat import WeChatSettings
from bot.config import load
from bot.errors import SettingError

GOOD: dict[str, Any] = {
    "app_id": "wx1234567890abcdef",
    "app_secret": "0123456789abcdef0123456789abcdef",
    "token": "spring-tea",
    "encoding_aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
}


def test_safe_mode_sending_and_erasing_are_the_defaults() -> None:
    settings = WeChatSettings.model_validate(GOOD)
    assert (settings.mode, settings.api, settings.unfollow) == ("safe", "customer_service", "erase")
    assert settings.api_url == "https://api.weixin.qq.com"
    assert settings.freshness_seconds == 300


@pytest.mark.parametrize(
    ("change", "key", "mend"),
    [
        ({"token": "ab"}, "token", "3 to 32 characters"),
        ({"token": ""}, "token", "3 to 32 characters"),
        ({"encoding_aes_key": "short"}, "encoding_aes_key", "43 letters and digits"),
        ({"encoding_aes_key": "!" * 43}, "encoding_aes_key", "43 letters and digits"),
        ({"encoding_aes_key": "钥" * 43}, "encoding_aes_key", "43 letters and digits"),
        ({"encoding_aes_key": ""}, "encoding_aes_key", "or set mode: plain"),
        ({"app_secret": ""}, "app_secret", "or set api: none"),
        ({"mode": "compatible"}, "mode", "'safe' or 'plain'"),
        ({"api": "mass"}, "api", "'customer_service' or 'none'"),
        ({"unfollow": "keep"}, "unfollow", "'erase' or 'anonymise'"),
        ({"freshness_seconds": 60}, "freshness_seconds", "greater than or equal to 300"),
        ({"api_url": "api.weixin.qq.com"}, "api_url", "pattern"),
        ({"app_id": ""}, "app_id", "pattern"),
        ({"tokn": "x"}, "tokn", "not permitted"),
    ],
)
def test_a_problem_names_its_key_and_the_correction(change: dict[str, str], key: str, mend: str) -> None:
    with pytest.raises(ValidationError) as mistaken:
        WeChatSettings.model_validate(GOOD | change)
    (error,) = mistaken.value.errors()
    assert error["loc"] == (key,)
    assert mend in f"{error['msg']}; {hint_of(error)}"


def test_accounts_that_only_answer_in_plain_mode_need_no_secrets_but_the_token() -> None:
    settings = WeChatSettings.model_validate({"app_id": "wx1", "token": "abc", "mode": "plain", "api": "none"})
    assert settings.app_secret.get_secret_value() == ""


def test_no_secret_is_ever_shown() -> None:
    shown = repr(WeChatSettings.model_validate(GOOD))
    with pytest.raises(ValidationError) as mistaken:
        WeChatSettings.model_validate(GOOD | {"encoding_aes_key": "my-secret-key-with-a-typo", "token": "s" * 40})
    for secret in ("spring-tea", GOOD["app_secret"], GOOD["encoding_aes_key"], "my-secret-key", "s" * 40):
        assert secret not in shown
        assert secret not in str(mistaken.value)


def test_a_problem_names_its_line_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "secret: 0123456789abcdef\naccounts:\n  - name: shop\n    channel: wechat\n    app_id: wx1\n    token: ab\n"
        "    mode: plain\n    api: none\n",
        encoding="utf-8",
    )
    with pytest.raises(SettingError) as mistaken:
        load(file).account(0, WeChatSettings)
    (problem,) = mistaken.value.problems
    assert (problem.line, problem.key) == (6, "accounts.0.token")
