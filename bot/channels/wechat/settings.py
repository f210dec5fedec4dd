"""The settings of one WeChat account in config.yaml."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from bot.config.settings import Settings
from bot.errors import InvalidValue

# Where people find these values; shown in hints.
WHERE = "mp.weixin.qq.com > 设置与开发 > 开发接口管理 (Settings & Development > Basic Configuration)"
AES_KEY_LENGTH = 43
_TOKEN = re.compile(r"[\x21-\x7e]{3,32}")
_PLAIN = re.compile(r"[\x21-\x7e]*")


class WeChatSettings(Settings):
    """One official account."""

    model_config = ConfigDict(hide_input_in_errors=True)

    app_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
    token: SecretStr
    # As chosen at WeChat: 安全模式 is `safe`, 明文模式 is `plain`; 兼容模式 sends both: `safe` is better.
    mode: Literal["safe", "plain"] = "safe"
    encoding_aes_key: SecretStr = Field(SecretStr(""), validate_default=True)
    # `none`: the account has no customer-service API (personal and unverified accounts, errcode 48001).
    api: Literal["customer_service", "none"] = "customer_service"
    app_secret: SecretStr = Field(SecretStr(""), validate_default=True)
    api_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+/?$")] = "https://api.weixin.qq.com"
    # What happens to a follower's data when they unfollow; WeChat's rules ask for erasure.
    unfollow: Literal["erase", "anonymise"] = "erase"
    # How old a signed push may be; at least 300, to allow for WeChat's repeats and clock skew.
    freshness_seconds: int = Field(300, ge=300, le=3600)
    original_id: str = ""  # the account's gh_ id; if set, pushes to any other account are refused

    @field_validator("token")
    @classmethod
    def _token_is_long_enough(cls, token: SecretStr) -> SecretStr:
        if not _TOKEN.fullmatch(token.get_secret_value()):
            raise InvalidValue("config.wechat.token", where=WHERE)
        return token

    @field_validator("encoding_aes_key")
    @classmethod
    def _key_fits_the_mode(cls, key: SecretStr, info: ValidationInfo) -> SecretStr:
        text = key.get_secret_value()
        if text and not _is_aes_key(text):
            raise InvalidValue("config.wechat.aes_key", length=AES_KEY_LENGTH, where=WHERE)
        if not text and info.data.get("mode") == "safe":
            raise InvalidValue("config.wechat.no_aes_key", where=WHERE)
        return key

    @field_validator("app_secret")
    @classmethod
    def _sending_needs_a_secret(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        if not _PLAIN.fullmatch(secret.get_secret_value()):
            raise InvalidValue("config.wechat.app_secret", where=WHERE)
        if not secret.get_secret_value() and info.data.get("api") == "customer_service":
            raise InvalidValue("config.wechat.no_app_secret", where=WHERE)
        return secret


def _is_aes_key(text: str) -> bool:
    """Whether `text` is 32 bytes in base64 without the final '='."""
    try:
        return len(text) == AES_KEY_LENGTH and len(b64decode(text + "=", validate=True)) == 32
    except (binascii.Error, ValueError):
        return False
