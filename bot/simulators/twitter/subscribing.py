"""Webhooks and subscriptions as the API keeps them: X Activity and the older Account Activity.

A webhook on this machine may have a port and no TLS, which X would refuse.
"""

from __future__ import annotations

from typing import Any

from bot.errors import SettingError
from bot.simulators.loopback import checked_webhook
from bot.simulators.twitter.asking import Answer, Ask, checked_id
from bot.simulators.twitter.events import EVENTS, PRIVATE_EVENTS
from bot.simulators.twitter.hooks import MOST_SUBSCRIPTIONS, MOST_WEBHOOKS, Subscription, Webhook
from bot.simulators.twitter.platform import Platform
from bot.simulators.twitter.problems import forbidden, invalid, missing, webhook_refused
from bot.simulators.twitter.shapes import stamp
from bot.simulators.twitter.tally import Call


async def add_webhook(platform: Platform, ask: Ask) -> Answer:
    """Challenges the address before it is kept."""
    ask.shaped("url")
    url, hooks = ask.text("url"), platform.hooks
    try:
        checked_webhook(url, platform.allow_remote)
    except SettingError as refused:
        raise webhook_refused("UrlValidationFailed", str(refused)) from refused
    if any(one.url == url for one in hooks.webhooks.values()):
        raise webhook_refused("DuplicateUrlFailed", "This URL is registered already.")
    if len(hooks.webhooks) >= MOST_WEBHOOKS:
        raise webhook_refused("WebhookLimitExceeded", f"At most {MOST_WEBHOOKS} webhooks.")
    if not await _challenged(platform, url):
        raise webhook_refused("CrcValidationFailed", "The webhook did not answer the challenge rightly.")
    made = Webhook(str(platform.ids.next()), url, platform.clock.now())
    hooks.webhooks[made.id] = made
    return Answer(_shown(made))


async def webhooks(platform: Platform, _: Ask) -> Answer:
    kept = [_shown(one) for one in platform.hooks.webhooks.values()]
    return Answer(({"data": kept} if kept else {}) | {"meta": {"result_count": len(kept)}})


async def check_webhook(platform: Platform, ask: Ask) -> Answer:
    """Challenge it again; a right answer makes it valid again."""
    webhook = _webhook(platform, ask.path["webhook_id"])
    platform.hooks.mark(webhook.id, await _challenged(platform, webhook.url))
    return Answer({"data": {"attempted": True}})


async def remove_webhook(platform: Platform, ask: Ask) -> Answer:
    return Answer({"data": {"deleted": platform.hooks.remove_webhook(ask.path["webhook_id"])}})


async def subscribe(platform: Platform, ask: Ask) -> Answer:
    """To one kind of event about one user. Private events need that user's own keys."""
    body = ask.shaped("event_type", "filter", "tag", "webhook_id")
    wanted, about = ask.text("event_type"), body.get("filter")
    user_id = checked_id("user_id", about.get("user_id") if isinstance(about, dict) else None)
    if wanted not in EVENTS + PRIVATE_EVENTS:
        raise invalid("event_type", wanted, f"$.event_type: does not have a value in the enumeration {EVENTS}")
    if wanted in PRIVATE_EVENTS and ask.user != user_id:
        raise forbidden("Private events need the user's own authorization.")
    webhook_id = _webhook(platform, ask.text("webhook_id")).id if "webhook_id" in body else ""
    if len(platform.hooks.subscriptions) >= MOST_SUBSCRIPTIONS:
        raise forbidden(f"At most {MOST_SUBSCRIPTIONS} subscriptions.")
    now = platform.clock.now()
    made = Subscription(str(platform.ids.next()), wanted, user_id, now, ask.text("tag"), webhook_id)
    platform.hooks.subscriptions[made.id] = made
    meta = {"total_subscriptions": len(platform.hooks.subscriptions)}
    return Answer({"data": {"subscription": _subscription(made)}, "meta": meta})


async def subscriptions(platform: Platform, _: Ask) -> Answer:
    kept = [_subscription(one) for one in platform.hooks.subscriptions.values()]
    return Answer(({"data": kept} if kept else {}) | {"meta": {"total_subscriptions": len(kept)}})


async def unsubscribe(platform: Platform, ask: Ask) -> Answer:
    gone = platform.hooks.subscriptions.pop(ask.path["subscription_id"], None)
    meta = {"total_subscriptions": len(platform.hooks.subscriptions)}
    return Answer({"data": {"deleted": gone is not None}, "meta": meta})


async def subscribe_older(platform: Platform, ask: Ask) -> Answer:
    """Account Activity: everything about whoever asks, to one webhook."""
    platform.hooks.older.add((_webhook(platform, ask.path["webhook_id"]).id, ask.me))
    return Answer({"data": {"subscribed": True}})


async def subscribed_older(platform: Platform, ask: Ask) -> Answer:
    return Answer({"data": {"subscribed": (ask.path["webhook_id"], ask.me) in platform.hooks.older}})


async def unsubscribe_older(platform: Platform, ask: Ask) -> Answer:
    platform.hooks.older.discard((ask.path["webhook_id"], ask.path["user_id"]))
    return Answer({"data": {"subscribed": False}})


async def _challenged(platform: Platform, url: str) -> bool:
    outcome = await platform.courier.challenge(url)
    platform.note(Call(platform.clock.now(), "crc", "GET webhook", outcome))
    return outcome == "ok"


def _webhook(platform: Platform, webhook_id: str) -> Webhook:
    found = platform.hooks.webhooks.get(webhook_id)
    if found is None:
        raise missing("webhook", "webhook_id", webhook_id)
    return found


def _shown(one: Webhook) -> dict[str, Any]:
    return {"id": one.id, "url": one.url, "valid": one.valid, "created_at": stamp(one.created_at)}


def _subscription(one: Subscription) -> dict[str, Any]:
    made = {
        "subscription_id": one.id,
        "event_type": one.event_type,
        "filter": {"user_id": one.user_id},
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.created_at),
        "tag": one.tag,
        "webhook_id": one.webhook_id,
    }
    return {name: value for name, value in made.items() if value}
