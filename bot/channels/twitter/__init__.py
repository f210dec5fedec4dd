"""X (Twitter): mentions and direct messages in by webhook and by polling, replies and direct messages out."""

from bot.channels.twitter.channel import TwitterChannel
from bot.channels.twitter.client import TwitterClient
from bot.channels.twitter.failures import explain
from bot.channels.twitter.settings import TwitterSettings

__all__ = ["TwitterChannel", "TwitterClient", "TwitterSettings", "explain"]
