"""Who is told what happens: webhooks, subscriptions to them and to the activity stream; and the telling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.simulators.live import Live
from bot.simulators.twitter.courier import Courier
from bot.simulators.twitter.events import Happening

MOST_WEBHOOKS = 5
MOST_SUBSCRIPTIONS = 1500


@dataclass(frozen=True, slots=True)
class Webhook:
    id: str
    url: str
    created_at: float
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Subscription:
    """To one kind of event about one user. webhook_id: '' for the activity stream alone."""

    id: str
    event_type: str
    user_id: str
    created_at: float
    tag: str = ""
    webhook_id: str = ""

    def wants(self, happening: Happening) -> bool:
        return (self.event_type, self.user_id) == (happening.event_type, happening.about)


class Hooks:
    """The app's webhooks and subscriptions by id. older: Account Activity, as (webhook id, user id)."""

    def __init__(self) -> None:
        self.webhooks: dict[str, Webhook] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.older: set[tuple[str, str]] = set()

    def remove_webhook(self, webhook_id: str) -> bool:
        self.older = {one for one in self.older if one[0] != webhook_id}
        for one in [one for one in self.subscriptions.values() if one.webhook_id == webhook_id]:
            del self.subscriptions[one.id]
        return self.webhooks.pop(webhook_id, None) is not None

    def mark(self, webhook_id: str, valid: bool) -> None:
        self.webhooks[webhook_id] = replace(self.webhooks[webhook_id], valid=valid)


@dataclass(frozen=True, slots=True)
class _Letter:
    url: str
    what: str
    event: Mapping[str, Any]


class Herald:
    """Brings happenings to subscribers. take: whether a counted fault happens now; told: hears every outcome."""

    def __init__(
        self, hooks: Hooks, courier: Courier, take: Callable[[str], bool], told: Callable[[str, str], None]
    ) -> None:
        self.stream = Live()
        self._hooks = hooks
        self._courier = courier
        self._take = take
        self._told = told
        self._held: list[_Letter] = []
        self._under_way: set[asyncio.Task[None]] = set()

    def tell(self, happenings: Iterable[Happening]) -> None:
        """One event of X Activity to each subscription that wants it; nothing is worded while there are none."""
        if not self._hooks.subscriptions:
            return
        for happening in happenings:
            for one in self._hooks.subscriptions.values():
                if one.wants(happening):
                    self.stream.tell("event", happening.envelope(one.tag))
                    self._post(one.webhook_id, happening.event_type, happening.envelope(one.tag))

    def tell_older(self, what: str, worded: Callable[[str], Mapping[str, Any] | None]) -> None:
        """The same in the older words, to every user of Account Activity it is about."""
        for webhook_id, user_id in sorted(self._hooks.older):
            event = worded(user_id)
            if event is not None:
                self._post(webhook_id, what, event)

    async def settled(self) -> None:
        """Until everything under way has been delivered. What `swap` holds back stays held."""
        while self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def aclose(self) -> None:
        self.stream.close()
        for task in self._under_way:
            task.cancel()
        await self._courier.aclose()

    def _post(self, webhook_id: str, what: str, event: Mapping[str, Any]) -> None:
        webhook = self._hooks.webhooks.get(webhook_id)
        if webhook is None or not webhook.valid:
            return
        letter = _Letter(webhook.url, what, event)
        if self._take("swap"):
            self._held.append(letter)
            return
        letters = [letter] * (2 if self._take("duplicate") else 1) + self._held
        self._held = []
        self._spawn(letters)

    def _spawn(self, letters: list[_Letter]) -> None:
        task = asyncio.create_task(self._carry(letters))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _carry(self, letters: list[_Letter]) -> None:
        """One after the other, so that those held back come after what overtook them."""
        for letter in letters:
            self._told(letter.what, await self._courier.deliver(letter.url, letter.event))
