"""API endpoints for webhooks, subscriptions and streams: X Activity, Account Activity and the filtered stream.

A webhook on this machine may have a port and no TLS, which X would refuse.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from bot.errors import SettingError
from bot.simulators.live import Broadcast, LiveEvent
from bot.simulators.server import checked_webhook
from bot.simulators.twitter import refusals, webhooks
from bot.simulators.twitter.events import EVENTS, PRIVATE_EVENTS
from bot.simulators.twitter.limits import Call
from bot.simulators.twitter.platform import Platform
from bot.simulators.twitter.queries import LONGEST_RULE, QueryError
from bot.simulators.twitter.requests import ApiRequest, checked_id, success
from bot.simulators.twitter.responses import Wanted, included, post_object, stamp
from bot.simulators.twitter.webhooks import Subscription, Webhook


async def add_webhook(platform: Platform, request: ApiRequest) -> Response:
    """Register a webhook, after it has answered the challenge."""
    request.shaped("url")
    url, hooks = request.text("url"), platform.publisher
    try:
        checked_webhook(url, platform.allow_remote)
    except SettingError as refused:
        raise refusals.webhook_refused("UrlValidationFailed", str(refused)) from refused
    if any(one.url == url for one in hooks.webhooks.values()):
        raise refusals.webhook_refused("DuplicateUrlFailed", "This URL is registered already.")
    if len(hooks.webhooks) >= webhooks.MAX_WEBHOOKS:
        raise refusals.webhook_refused("WebhookLimitExceeded", f"At most {webhooks.MAX_WEBHOOKS} webhooks.")
    if not await _challenged(platform, url):
        raise refusals.webhook_refused("CrcValidationFailed", "The webhook did not answer the challenge rightly.")
    made = Webhook(str(platform.ids.next()), url, platform.clock.now())
    hooks.webhooks[made.id] = made
    return JSONResponse(_shown(made))


async def list_webhooks(platform: Platform, _: ApiRequest) -> Response:
    kept = [_shown(one) for one in platform.publisher.webhooks.values()]
    return success(data=kept, meta={"result_count": len(kept)})


async def check_webhook(platform: Platform, request: ApiRequest) -> Response:
    """Challenge a webhook again; the answer makes it valid or invalid."""
    webhook = _webhook(platform, request.path["webhook_id"])
    valid = await _challenged(platform, webhook.url)
    platform.publisher.webhooks[webhook.id] = replace(webhook, valid=valid)
    return success(data={"attempted": True})


async def remove_webhook(platform: Platform, request: ApiRequest) -> Response:
    return success(data={"deleted": platform.publisher.remove_webhook(request.path["webhook_id"])})


async def subscribe(platform: Platform, request: ApiRequest) -> Response:
    """Subscribe to one kind of event about one user. Private events need that user's own keys."""
    body = request.shaped("event_type", "filter", "tag", "webhook_id")
    wanted, about = request.text("event_type"), body.get("filter")
    user_id = checked_id("user_id", about.get("user_id") if isinstance(about, dict) else None)
    if wanted not in EVENTS + PRIVATE_EVENTS:
        raise refusals.invalid("event_type", wanted, f"$.event_type: does not have a value in the enumeration {EVENTS}")
    if wanted in PRIVATE_EVENTS and request.user != user_id:
        raise refusals.forbidden("Private events need the user's own authorization.")
    webhook_id = _webhook(platform, request.text("webhook_id")).id if "webhook_id" in body else ""
    if len(platform.publisher.subscriptions) >= webhooks.MAX_SUBSCRIPTIONS:
        raise refusals.forbidden(f"At most {webhooks.MAX_SUBSCRIPTIONS} subscriptions.")
    now = platform.clock.now()
    made = Subscription(str(platform.ids.next()), wanted, user_id, now, request.text("tag"), webhook_id)
    platform.publisher.subscriptions[made.id] = made
    meta = {"total_subscriptions": len(platform.publisher.subscriptions)}
    return success(data={"subscription": _subscription(made)}, meta=meta)


async def subscriptions(platform: Platform, _: ApiRequest) -> Response:
    kept = [_subscription(one) for one in platform.publisher.subscriptions.values()]
    return success(data=kept, meta={"total_subscriptions": len(kept)})


async def unsubscribe(platform: Platform, request: ApiRequest) -> Response:
    gone = platform.publisher.subscriptions.pop(request.path["subscription_id"], None)
    meta = {"total_subscriptions": len(platform.publisher.subscriptions)}
    return success(data={"deleted": gone is not None}, meta=meta)


async def subscribe_account_activity(platform: Platform, request: ApiRequest) -> Response:
    """Account Activity: send every event about the requesting user to one webhook."""
    platform.publisher.account_activity.add((_webhook(platform, request.path["webhook_id"]).id, request.me))
    return success(data={"subscribed": True})


async def subscribed_account_activity(platform: Platform, request: ApiRequest) -> Response:
    known = (request.path["webhook_id"], request.me) in platform.publisher.account_activity
    return success(data={"subscribed": known})


async def unsubscribe_account_activity(platform: Platform, request: ApiRequest) -> Response:
    platform.publisher.account_activity.discard((request.path["webhook_id"], request.path["user_id"]))
    return success(data={"subscribed": False})


async def _challenged(platform: Platform, url: str) -> bool:
    outcome = await platform.webhook_client.challenge(url)
    platform.note(Call(platform.clock.now(), "crc", "GET webhook", outcome))
    return outcome == "ok"


def _webhook(platform: Platform, webhook_id: str) -> Webhook:
    found = platform.publisher.webhooks.get(webhook_id)
    if found is None:
        raise refusals.missing("webhook", "webhook_id", webhook_id)
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


KEEP_ALIVE = 20.0  # seconds (docs.x.com "Handling disconnections")


async def rules(platform: Platform, _: ApiRequest) -> Response:
    kept = [one.shown("id", "value", "tag") for one in platform.filtered_stream.rules.values()]
    meta = {"sent": stamp(platform.clock.now()), "result_count": len(kept)}
    return success(data=kept, meta=meta)


async def change_rules(platform: Platform, request: ApiRequest) -> Response:
    """Add or delete rules, each by itself; those that are refused are listed under `errors`."""
    body = request.shaped("add", "delete")
    if not isinstance(body.get("add", []), list) or not isinstance(body.get("delete", {}), dict) or not body:
        raise refusals.invalid("add", body, "$: must hold one of add, delete")
    return _add(platform, body["add"]) if "add" in body else _delete(platform, body["delete"])


def _add(platform: Platform, wanted: list[Any]) -> Response:
    made, errors = [], []
    for one in wanted:
        value, tag = (one.get("value"), one.get("tag", "")) if isinstance(one, dict) else (None, "")
        if not isinstance(value, str) or not isinstance(tag, str):
            raise refusals.invalid("add", one, "$.add: must hold objects with a value")
        rule_id = str(platform.ids.next())
        if problem := _add_rule(platform, rule_id, value, tag):
            errors.append(problem | {"value": value})
        else:
            made.append(platform.filtered_stream.rules[rule_id].shown("id", "value", "tag"))
    summary = {"created": len(made), "not_created": len(errors), "valid": len(made), "invalid": len(errors)}
    meta = {"sent": stamp(platform.clock.now()), "summary": summary}
    return success(201 if made else 200, data=made, errors=errors, meta=meta)


def _add_rule(platform: Platform, rule_id: str, value: str, tag: str) -> dict[str, Any] | None:
    """Add a rule. Returns what is wrong with it, or None."""

    def problem(title: str, detail: str, kind: str) -> dict[str, Any]:
        return {"title": title, "detail": detail, "type": refusals.PROBLEMS + kind}

    kept = platform.filtered_stream.with_value(value)
    if kept is not None:
        return {"id": kept.id, "title": "DuplicateRule", "type": f"{refusals.PROBLEMS}duplicate-rules"}
    if len(platform.filtered_stream.rules) >= webhooks.MAX_RULES:
        return problem("RulesCapExceeded", f"At most {webhooks.MAX_RULES} rules.", "rule-cap")
    if not 1 <= len(value) <= LONGEST_RULE:
        return problem("UnprocessableEntity", f"At most {LONGEST_RULE} characters.", "invalid-rules")
    try:
        platform.filtered_stream.add(rule_id, value, tag)
    except QueryError as unreadable:
        return problem("UnprocessableEntity", f"The rule {unreadable}", "invalid-rules")
    return None


def _delete(platform: Platform, wanted: Mapping[str, Any]) -> Response:
    values = [platform.filtered_stream.with_value(one) for one in _strings(wanted.get("values", []))]
    ids = [*_strings(wanted.get("ids", [])), *(one.id for one in values if one)]
    gone = {one: platform.filtered_stream.rules.pop(one, None) is not None for one in ids}
    lost = sum(not removed for removed in gone.values()) + values.count(None)
    summary = {"deleted": sum(gone.values()), "not_deleted": lost}
    errors = [refusals.not_found("rule", "id", one) for one, removed in gone.items() if not removed]
    return success(errors=errors, meta={"sent": stamp(platform.clock.now()), "summary": summary})


def _strings(given: Any) -> list[str]:
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


async def filtered_stream(platform: Platform, request: ApiRequest) -> Response:
    """New posts that match a rule, with the rules' ids and tags. Allows one connection."""
    wanted = Wanted.of(request)
    if not platform.filtered_stream.rules:
        raise refusals.no_rules()
    if platform.filtered_stream.stream.watchers:
        raise refusals.too_many_connections()

    def line(event: LiveEvent) -> Any:
        post, matched = event.about
        objects = included([post], platform.people, platform.timeline, wanted)
        made = {"data": post_object(post, platform.people, wanted.post)} | ({"includes": objects} if objects else {})
        return made | {"matching_rules": [one.shown("id", "tag") for one in matched]}

    return _streamed(platform.filtered_stream.stream, line)


async def activity_stream(platform: Platform, _: ApiRequest) -> Response:
    """Every event that has a subscription. Allows two connections."""
    if platform.publisher.stream.watchers >= 2:
        raise refusals.too_many_connections()
    return _streamed(platform.publisher.stream, lambda event: event.about)


def _streamed(live: Broadcast, line: Callable[[LiveEvent], Any]) -> Response:
    """JSON lines, with an empty line after each KEEP_ALIVE seconds without an event."""

    async def lines() -> AsyncIterator[bytes]:
        with live.subscribed() as queue:
            yield b"\r\n"
            while True:
                try:
                    async with asyncio.timeout(KEEP_ALIVE):
                        event = await queue.get()
                except TimeoutError:
                    yield b"\r\n"
                    continue
                if event.topic in ("bye", "missed"):
                    return
                yield json.dumps(line(event), ensure_ascii=False).encode() + b"\r\n"

    return StreamingResponse(lines(), media_type="application/json")
