"""X (Twitter): receives mentions and direct messages by webhook and polling, sends replies and direct messages."""

from bot.channels.twitter.channel import POST, TwitterChannel
from bot.channels.twitter.client import TwitterClient
from bot.channels.twitter.doctor import REFUSALS, examine
from bot.channels.twitter.http import explain
from bot.channels.twitter.posts import mention
from bot.channels.twitter.settings import TwitterSettings
from bot.ports.channels import ChannelDeps, ChannelKind


def build(name: str, settings: TwitterSettings, deps: ChannelDeps) -> TwitterChannel:
    """The channel of one account with its own client."""
    client = TwitterClient(name, settings, deps.rate_limits, deps.clock)
    return TwitterChannel(name, settings, client, deps.clock)


CHANNEL = ChannelKind(
    TwitterSettings,
    build,
    text_limit=POST,
    explain=explain,
    examine=examine,
    refusals=REFUSALS,
    post=mention,
    # The user_id in the shipped config.yaml, which live mode refuses.
    demo_values=("1600000000000000001",),
)

__all__ = ["CHANNEL", "TwitterChannel", "TwitterClient", "TwitterSettings", "explain"]
