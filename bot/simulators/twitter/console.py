"""What the brand's people do once at X's console: name their webhook, and subscribe it to what is said to them."""

from __future__ import annotations

import asyncio

from bot.simulators.twitter.hooks import Subscription, Webhook
from bot.simulators.twitter.platform import Platform
from bot.simulators.twitter.tally import Call

TO_THE_ACCOUNT = ("post.mention.create", "post.reply.create", "post.quote.create", "dm.received")
AGAIN = 1.0  # seconds; the brand's server may still be starting


async def connect(platform: Platform, url: str) -> None:
    """Let `url` hear what is said to the account, as soon as it answers X's challenge."""
    while await platform.courier.challenge(url) != "ok":  # noqa: ASYNC110 - another process, which no event tells of
        await asyncio.sleep(AGAIN)
    now, user = platform.clock.now(), platform.app.user_id
    platform.note(Call(now, "crc", "GET webhook", "ok"))
    webhook = Webhook(str(platform.ids.next()), url, now)
    platform.hooks.webhooks[webhook.id] = webhook
    for kind in TO_THE_ACCOUNT:
        made = Subscription(str(platform.ids.next()), kind, user, now, webhook_id=webhook.id)
        platform.hooks.subscriptions[made.id] = made
