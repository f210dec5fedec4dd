"""The WeChat Official Account channel: pushes in, passive replies and customer-service messages out."""

from __future__ import annotations

from bot.channels.wechat.channel import WeChatChannel
from bot.channels.wechat.client import WeChatClient
from bot.channels.wechat.errcodes import explain
from bot.channels.wechat.settings import WeChatSettings

__all__ = ["WeChatChannel", "WeChatClient", "WeChatSettings", "explain"]
