"""The registry of channels, one line each.

To remove a channel, delete its folder in `bot/channels`, its line in CHANNELS, and its simulator in `bot/simulators`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from bot.config import Deployment
from bot.errors import SettingError
from bot.i18n import NO_TEXT, Message
from bot.ports.channels import ChannelKind

# Channels for which editors may write wordings of their own. Names, not modules: training needs no channel's code, so
# that is imported when it is first used.
CHANNELS = (
    "wechat",
    "twitter",
    "webchat",
)
FAKE = "fake"  # stands in for a platform in `yingda say`, `yingda talk` and tests
NAMES = (*CHANNELS, FAKE)


@cache
def channel_kind(name: str) -> ChannelKind:
    """The `CHANNEL` that the channel's package exports. Raises KeyError for a name that is not in NAMES."""
    if name not in NAMES:
        raise KeyError(name)
    return cast(ChannelKind, import_module(f"bot.channels.{name}").CHANNEL)


def explain_error(code: str) -> Message:
    """The text for an error code of a channel ('twitter:halted') or of the SMS gateway; NO_TEXT for any other code."""
    from bot.members.verification import SMS_PREFIX, explain  # with httpx and skills, which training never needs

    if code.startswith(SMS_PREFIX):
        return explain(code)
    name = code.partition(":")[0]
    return channel_kind(name).explain(code) if name in NAMES else NO_TEXT


def public_channels() -> frozenset[str]:
    """The channels on which people write to the brand in public as well as in private."""
    return frozenset(name for name in NAMES if channel_kind(name).post)


def demo_values(channel: str) -> tuple[str, ...]:
    """Prefixes of the ids that the shipped configuration uses on a channel; live mode refuses them."""
    return channel_kind(channel).demo_values if channel in NAMES else ()


def refuse_unknown_channels(deployment: Deployment) -> None:
    """Raises SettingError, with a problem for each configured account whose channel does not exist."""
    problems = [
        deployment.page.problem(
            ("accounts", index, "channel"), "config.no_channel", channel=account.channel, channels=", ".join(NAMES)
        )
        for index, account in enumerate(deployment.config.accounts)
        if account.channel not in NAMES
    ]
    if problems:
        raise SettingError(*problems)
