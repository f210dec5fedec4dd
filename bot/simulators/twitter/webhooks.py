"""Delivers events: to webhooks, signed, and to the activity stream and the filtered stream.

Rules: docs.x.com webhooks/introduction and quickstart. A webhook is challenged (CRC) by GET, events are signed with
HMAC-SHA256 under the consumer secret, and 10 s are left to answer. Whether X repeats an event that got no 200 is not
documented; here it does not.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from bot.simulators.live import Broadcast, NoAnswer, WebhookConnections
from bot.simulators.twitter.events import ActivityEvent
from bot.simulators.twitter.queries import Matches, parse_query
from bot.simulators.twitter.state import People, Post, SimulatedApp

WEBHOOK_TIMEOUT = 10.0  # seconds
MAX_WEBHOOKS = 5
MAX_SUBSCRIPTIONS = 1500
MAX_RULES = 1000  # of the filtered stream


class WebhookClient:
    """Sends requests to an app's webhooks. Outcomes are 'ok', an HTTP status, 'timeout' or 'unreachable'.

    timeout: seconds to wait for an answer.
    """

    def __init__(self, app: SimulatedApp, timeout: float = WEBHOOK_TIMEOUT) -> None:
        self._app = app
        self._connections = WebhookConnections(timeout)
        self.aclose = self._connections.aclose

    async def challenge(self, url: str) -> str:
        """Check that the webhook knows the secret. Further outcome: 'token', a wrong or missing response_token."""
        token = secrets.token_urlsafe(36)
        parameters = {"crc_token": token, "nonce": secrets.token_urlsafe(12)}
        outcome, answer = await self._ask("GET", url, params=parameters)
        wrong = outcome == "ok" and _token_in(answer) not in self._signatures(token.encode())
        return "token" if wrong else outcome

    async def deliver(self, url: str, event: Mapping[str, Any]) -> str:
        """Send an event, once."""
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        names = ("x-twitter-webhooks-signature", "x-twitter-webhooks-signature-oauth2")
        signatures = dict(zip(names, self._signatures(body), strict=False))  # the second needs a client secret
        headers = {"content-type": "application/json", **signatures}
        outcome, _ = await self._ask("POST", url, content=body, headers=headers)
        return outcome

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[str, bytes]:
        """The outcome, and the response's body."""
        try:
            response = await self._connections.ask(method, url, **more)
        except NoAnswer as none:
            return none.outcome, b""
        return "ok" if response.status_code == 200 else str(response.status_code), response.content

    def _signatures(self, content: bytes) -> list[str]:
        """The content's signature under the consumer secret, and under the client secret if there is one."""
        keys = [key for key in (self._app.consumer_secret, self._app.client_secret) if key]
        macs = [hmac.new(key.encode(), content, hashlib.sha256).digest() for key in keys]
        return [f"sha256={base64.b64encode(mac).decode()}" for mac in macs]


def _token_in(content: bytes) -> object:
    try:
        answer = json.loads(content)
    except ValueError:
        return None
    return answer.get("response_token") if isinstance(answer, dict) else None


@dataclass(frozen=True, slots=True)
class Webhook:
    id: str
    url: str
    created_at: float
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Subscription:
    """To one kind of event about one user."""

    id: str
    event_type: str
    user_id: str
    created_at: float
    tag: str = ""
    webhook_id: str = ""  # '' for the activity stream only


Delivery: TypeAlias = tuple[str, str, Mapping[str, Any]]  # URL, kind of event, body


class EventPublisher:
    """The app's webhooks and subscriptions by id; delivers events to those that subscribe.

    take: whether a counted fault happens now. on_delivery: called with the event's kind and the outcome.
    """

    def __init__(
        self, client: WebhookClient, take: Callable[[str], bool], on_delivery: Callable[[str, str], None]
    ) -> None:
        self.webhooks: dict[str, Webhook] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.account_activity: set[tuple[str, str]] = set()  # (webhook id, user id) of the older API
        self.stream = Broadcast()
        self._client = client
        self._take = take
        self._on_delivery = on_delivery
        self._held: list[Delivery] = []
        self._tasks: set[asyncio.Task[None]] = set()  # keeps a reference, else a task may be collected

    def remove_webhook(self, webhook_id: str) -> bool:
        self.account_activity = {one for one in self.account_activity if one[0] != webhook_id}
        self.subscriptions = {key: one for key, one in self.subscriptions.items() if one.webhook_id != webhook_id}
        return self.webhooks.pop(webhook_id, None) is not None

    def publish(self, events: Iterable[ActivityEvent]) -> None:
        """Send events of X Activity to each subscription to such an event about that user."""
        if not self.subscriptions:  # `events` is a generator: nothing is built without subscriptions
            return
        for event in events:
            for one in self.subscriptions.values():
                if (one.event_type, one.user_id) == (event.event_type, event.about):
                    body = event.envelope(one.tag)
                    self.stream.publish("event", body)
                    self._send(one.webhook_id, event.event_type, body)

    def publish_account_activity(self, what: str, body: Callable[[str], Mapping[str, Any] | None]) -> None:
        """Send an event of Account Activity to each subscribed user. body: by user id; None if it is not about them."""
        for webhook_id, user_id in sorted(self.account_activity):
            event = body(user_id)
            if event is not None:
                self._send(webhook_id, what, event)

    async def wait_delivered(self) -> None:
        """Wait for all deliveries, without those that the fault `swap` holds back."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def aclose(self) -> None:
        self.stream.close()
        for task in self._tasks:
            task.cancel()
        await self._client.aclose()

    def _send(self, webhook_id: str, what: str, event: Mapping[str, Any]) -> None:
        webhook = self.webhooks.get(webhook_id)
        if webhook is None or not webhook.valid:
            return
        delivery = (webhook.url, what, event)
        if self._take("swap"):
            self._held.append(delivery)
            return
        deliveries = [delivery] * (2 if self._take("duplicate") else 1) + self._held
        self._held = []
        task = asyncio.create_task(self._deliver(deliveries))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, deliveries: list[Delivery]) -> None:
        # One after the other, so that those held back arrive after the event that overtook them.
        for url, what, event in deliveries:
            self._on_delivery(what, await self._client.deliver(url, event))


@dataclass(frozen=True, slots=True)
class StreamRule:
    id: str
    value: str
    tag: str
    matches: Matches

    def shown(self, *names: str) -> dict[str, Any]:
        """These fields; X leaves out an empty tag."""
        return {name: value for name in names if (value := getattr(self, name))}


class FilteredStream:
    """The rules by id, and the stream of posts that match: (post, rules)."""

    def __init__(self, people: People) -> None:
        self.stream = Broadcast()
        self.rules: dict[str, StreamRule] = {}
        self._people = people

    def add(self, rule_id: str, value: str, tag: str) -> StreamRule:
        """Raises QueryError."""
        rule = self.rules[rule_id] = StreamRule(rule_id, value, tag, parse_query(value, self._people))
        return rule

    def with_value(self, value: str) -> StreamRule | None:
        return next((one for one in self.rules.values() if one.value == value), None)

    def publish_matching(self, post: Post) -> None:
        if matched := [rule for rule in self.rules.values() if rule.matches(post)]:
            self.stream.publish("post", (post, matched))
