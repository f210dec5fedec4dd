"""What a person writes in config.yaml for one X account, checked so that each mistake says how to mend it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from bot.config import Settings

WHERE = "the app's page at console.x.com > Apps > Keys and tokens"
Price = Annotated[Decimal, Field(ge=0, le=10, decimal_places=4)]
Key = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,200}$")]
Keyword = Annotated[
    str, Field(pattern=r'^[^"\\\x00-\x1f\x7f]*[^\W_][^"\\\x00-\x1f\x7f]*$', min_length=2, max_length=60)
]
LONGEST_QUERY = 512  # X's, of which the words around the keywords take up to 50


class Prices(Settings):
    """Dollars each, as X charges since April 2026 (docs.x.com, Pricing). A post with a link costs more than others."""

    mention_read: Price = Decimal("0.001")
    message_read: Price = Decimal("0.010")
    post_read: Price = Decimal("0.005")
    reply: Price = Decimal("0.010")
    post_with_link: Price = Decimal("0.200")
    message: Price = Decimal("0.015")


class Polling(Settings):
    """Seconds between two looks; 0 never looks, for accounts whose webhook brings everything. X allows 15 looks for
    direct messages in 15 minutes."""

    mentions: float = Field(60.0, ge=0)
    messages: float = Field(60.0, ge=0)

    @field_validator("mentions", "messages")
    @classmethod
    def _not_too_often(cls, seconds: float) -> float:
        if 0 < seconds < 5:
            raise ValueError("is too often for X; write 5 or more, or 0 to leave it to the webhook")
        return seconds


class Listening(Settings):
    """Posts without the account's @name that hold one of `keywords` and none of `leave_out` become cases for people.
    Every post found costs `prices.post_read`. seconds: between two looks."""

    keywords: tuple[Keyword, ...] = ()
    leave_out: tuple[Keyword, ...] = ()
    seconds: float = Field(300.0, ge=30)

    @model_validator(mode="after")
    def _short_enough(self) -> Self:
        used = sum(len(f'"{words}" OR ') for words in [*self.keywords, *self.leave_out])
        if used > LONGEST_QUERY - 50:
            raise ValueError(
                f"has {used} characters of words, and X searches for {LONGEST_QUERY - 50}; name fewer words"
            )
        return self


class TwitterSettings(Settings):
    """One account on X and the developer app that it has authorised.

    user_id: the account's number, not its @name. write_first: whether a direct message may go to somebody who has sent
    none; X's rules say no, so such an answer waits until they write. privacy_policy: X wants it named in direct
    messages. daily_budget: dollars per UTC day, None without end; prices are what it is counted with.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    user_id: Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]
    consumer_key: Key
    consumer_secret: SecretStr
    access_token: Key
    access_token_secret: SecretStr
    api_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")] = "https://api.twitter.com"
    poll_seconds: Polling = Polling()
    listening: Listening = Listening()
    write_first: bool = False
    privacy_policy: Annotated[str, Field(pattern=r"^(https?://[^\s]{4,200})?$")] = ""
    daily_budget: Annotated[Decimal, Field(gt=0, le=100_000)] | None = None
    prices: Prices = Prices()

    @field_validator("consumer_secret", "access_token_secret")
    @classmethod
    def _copied_whole(cls, secret: SecretStr) -> SecretStr:
        text = secret.get_secret_value()
        if not 10 <= len(text) <= 200 or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError(f"is not what X gives out; copy it whole from {WHERE}")
        return secret
