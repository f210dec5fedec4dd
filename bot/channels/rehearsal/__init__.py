"""A channel to rehearse on: plain JSON in, what was sent is kept. For `yingda say`, for tests and for other people's.

It shows what WeChat cannot: a public thread beside the private talk, and an account whose sends fail on demand.
"""

from bot.channels.rehearsal.channel import RehearsalChannel, RehearsalSettings

__all__ = ["RehearsalChannel", "RehearsalSettings"]
