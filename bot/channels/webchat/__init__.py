"""Web chat: a widget that any site embeds with one script tag, and a page of our own at /chat.

The visitor is known by a signed token. What they write comes in over HTTP and goes through the journey like any
platform's push; everything that is said comes back on one path, a stream read from the record.
"""

from bot.channels.webchat.channel import WebChatChannel
from bot.channels.webchat.lookout import Lookout
from bot.channels.webchat.room import House, WebChatRoom
from bot.channels.webchat.settings import WebChatSettings
from bot.channels.webchat.visitors import Visitors

__all__ = ["House", "Lookout", "Visitors", "WebChatChannel", "WebChatRoom", "WebChatSettings"]
