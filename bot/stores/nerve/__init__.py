"""The nerve: live events, leases of singletons, platform tokens and rate buckets, on Redis or Valkey.

It only saves work. Whoever uses it gets an answer within 200 ms, whether the server is there, slow, wiped or gone.
"""

from bot.stores.nerve.nerve import Nerve

__all__ = ["Nerve"]
