"""The WeChat Official Account channel: pushes in, passive replies and customer-service messages out."""

from __future__ import annotations

from bot.channels.wechat.channel import TEXT, WeChatChannel
from bot.channels.wechat.client import WeChatClient
from bot.channels.wechat.doctor import REFUSALS, examine
from bot.channels.wechat.errors import PREFIX, explain
from bot.channels.wechat.settings import WeChatSettings
from bot.circuit_breaker import AccountHalt
from bot.ports.channels import ChannelDeps, ChannelKind


def build(name: str, settings: WeChatSettings, deps: ChannelDeps) -> WeChatChannel:
    """The channel of an account. With `api: none` it has no client and can only reply passively."""
    if settings.api != "customer_service":
        return WeChatChannel(name, settings)
    account_halt = AccountHalt(name, PREFIX, deps.rate_limits)
    return WeChatChannel(name, settings, WeChatClient(settings, deps.tokens, deps.clock, account_halt))


CHANNEL = ChannelKind(
    WeChatSettings,
    build,
    text_limit=TEXT,
    explain=explain,
    examine=examine,
    refusals=REFUSALS,
    demo_values=("wx0000demo",),
)

__all__ = ["CHANNEL", "WeChatChannel", "WeChatClient", "WeChatSettings", "explain"]
