"""Web chat: a widget that any site embeds with one script tag, and a page of our own at /chat.

A signed token identifies the visitor. Messages come in over HTTP (`bot.web.webchat`) and go through the journey like
any platform's push. Replies go out in a server-sent stream, which is read from the database.
"""

from bot.channels.webchat.channel import TEXT, VisitorTokens, WebChatChannel, WebChatSettings
from bot.channels.webchat.doctor import examine
from bot.ports.channels import ChannelDeps, ChannelKind


def build(name: str, settings: WebChatSettings, deps: ChannelDeps) -> WebChatChannel:
    """The channel of one account."""
    visitors = VisitorTokens(name, deps.secret, settings.token_days, deps.clock)
    return WebChatChannel(name, settings, visitors, deps.live)


CHANNEL = ChannelKind(WebChatSettings, build, text_limit=TEXT, examine=examine, page="/chat/{account}")

__all__ = ["CHANNEL", "VisitorTokens", "WebChatChannel", "WebChatSettings"]
