"""The settings of one X account in config.yaml."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from bot.config.settings import Settings
from bot.errors import InvalidValue

# Where people find these values; shown in hints.
WHERE = "the app's page at console.x.com > Apps > Keys and tokens"
Price = Annotated[Decimal, Field(ge=0, le=10, decimal_places=4)]
Key = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,200}$")]
Keyword = Annotated[
    str, Field(pattern=r'^[^"\\\x00-\x1f\x7f]*[^\W_][^"\\\x00-\x1f\x7f]*$', min_length=2, max_length=60)
]
MAX_QUERY = 512  # characters of X's search query, up to 50 of which are not keywords


class Prices(Settings):
    """Dollars per item, as X charges since April 2026 (docs.x.com, "Pricing")."""

    mention_read: Price = Decimal("0.001")
    message_read: Price = Decimal("0.010")
    post_read: Price = Decimal("0.005")
    reply: Price = Decimal("0.010")
    post_with_link: Price = Decimal("0.200")  # X charges more for posts with a link
    message: Price = Decimal("0.015")


class Polling(Settings):
    """Seconds between two polls of a list; 0 disables them, for accounts whose webhook brings everything."""

    mentions: float = Field(60.0, ge=0)
    messages: float = Field(60.0, ge=0)  # X allows 15 requests in 15 minutes

    @field_validator("mentions", "messages")
    @classmethod
    def _not_too_often(cls, seconds: float) -> float:
        if 0 < seconds < 5:
            raise InvalidValue("config.twitter.too_often")
        return seconds


class Listening(Settings):
    """Posts that do not mention the account but contain a keyword become cases for people.

    Every post found costs `prices.post_read`.
    """

    keywords: tuple[Keyword, ...] = ()
    leave_out: tuple[Keyword, ...] = ()  # posts that contain one of these are not searched
    seconds: float = Field(300.0, ge=30)  # between two polls

    @model_validator(mode="after")
    def _short_enough(self) -> Self:
        used = sum(len(f'"{words}" OR ') for words in [*self.keywords, *self.leave_out])
        if used > MAX_QUERY - 50:
            raise InvalidValue("config.twitter.too_many_words", used=used, most=MAX_QUERY - 50)
        return self


class TwitterSettings(Settings):
    """One account on X and the developer app that it has authorised."""

    model_config = ConfigDict(hide_input_in_errors=True)

    # The account's number, not its @name.
    user_id: Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]
    consumer_key: Key
    consumer_secret: SecretStr
    access_token: Key
    access_token_secret: SecretStr
    api_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")] = "https://api.twitter.com"
    poll_seconds: Polling = Polling()
    listening: Listening = Listening()
    # Whether a direct message may go to a customer who has sent none. X's rules forbid it, so by default such an answer
    # waits until the customer writes.
    write_first: bool = False
    # The address that X requires bots to name in direct messages.
    privacy_policy: Annotated[str, Field(pattern=r"^(https?://[^\s]{4,200})?$")] = ""
    # Dollars per UTC day, counted with `prices`; None for no limit.
    daily_budget: Annotated[Decimal, Field(gt=0, le=100_000)] | None = None
    prices: Prices = Prices()

    @field_validator("consumer_secret", "access_token_secret")
    @classmethod
    def _copied_whole(cls, secret: SecretStr) -> SecretStr:
        text = secret.get_secret_value()
        if not 10 <= len(text) <= 200 or not text.isascii() or not text.isprintable() or " " in text:
            raise InvalidValue("config.twitter.secret", where=WHERE)
        return secret
