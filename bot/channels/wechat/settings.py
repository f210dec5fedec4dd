"""What a person writes in config.yaml for one WeChat account, checked so that each mistake says how to mend it."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from bot.config import Settings

WHERE = "mp.weixin.qq.com > 设置与开发 > 开发接口管理 (Settings & Development > Basic Configuration)"
AES_KEY_LENGTH = 43
_TOKEN = re.compile(r"[\x21-\x7e]{3,32}")
_PLAIN = re.compile(r"[\x21-\x7e]*")


class WeChatSettings(Settings):
    """One official account.

    mode: as chosen at WeChat, 明文模式 is `plain`, 安全模式 is `safe`; 兼容模式 (compatible) pushes both, so either
    works and `safe` is better. api: `none` for accounts without the customer-service interface (personal and unverified
    ones, 48001), which can only answer. unfollow: what becomes of a follower's data when they leave; WeChat asks for
    erasure. freshness_seconds: how old a signed push may be; it must outlast WeChat's repeats and clock skew.
    original_id: the account's own gh_ id; where it is set, pushes to any other are refused.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    app_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
    token: SecretStr
    mode: Literal["safe", "plain"] = "safe"
    encoding_aes_key: SecretStr = Field(SecretStr(""), validate_default=True)
    api: Literal["customer_service", "none"] = "customer_service"
    app_secret: SecretStr = Field(SecretStr(""), validate_default=True)
    api_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+/?$")] = "https://api.weixin.qq.com"
    unfollow: Literal["erase", "anonymise"] = "erase"
    freshness_seconds: int = Field(300, ge=300, le=3600)
    original_id: str = ""

    @field_validator("token")
    @classmethod
    def _token_is_long_enough(cls, token: SecretStr) -> SecretStr:
        if not _TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError(f"the token has 3 to 32 characters, and no spaces; copy the one you chose at {WHERE}")
        return token

    @field_validator("encoding_aes_key")
    @classmethod
    def _key_fits_the_mode(cls, key: SecretStr, info: ValidationInfo) -> SecretStr:
        text = key.get_secret_value()
        if text and not _is_aes_key(text):
            raise ValueError(f"is not an EncodingAESKey of {AES_KEY_LENGTH} letters and digits; copy it from {WHERE}")
        if not text and info.data.get("mode") == "safe":
            raise ValueError(f"safe mode needs the EncodingAESKey; copy it from {WHERE}, or set mode: plain")
        return key

    @field_validator("app_secret")
    @classmethod
    def _sending_needs_a_secret(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        if not _PLAIN.fullmatch(secret.get_secret_value()):
            raise ValueError(f"the AppSecret has letters and digits only; copy it whole from {WHERE}")
        if not secret.get_secret_value() and info.data.get("api") == "customer_service":
            raise ValueError(f"sending needs the AppSecret; copy it from {WHERE}, or set api: none")
        return secret


def _is_aes_key(text: str) -> bool:
    """32 bytes in base64 without the closing '=' [DOC service/guide/dev/push]."""
    try:
        return len(text) == AES_KEY_LENGTH and len(b64decode(text + "=", validate=True)) == 32
    except (binascii.Error, ValueError):
        return False
