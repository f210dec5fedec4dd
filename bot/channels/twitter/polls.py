"""Looking for mentions and direct messages at X.

Both lists come newest first and in pages, also short ones; a page without `next_token` is the last. What was written
shows in the lists with some delay and not always in order, so each look reaches back over the time before the last one;
receipts recognise what is known. Nothing older than the first look is ever taken in. A page broken off, or without its
`meta`, is not the last one: what it holds is taken in, and it is asked for again.

A look that is cut short by a limit goes on where it stopped, and only when it has seen everything down to the last
look's newest does that move up. Until then what it brought is taken in from the newest down.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any

import tweepy

from bot.channels.twitter import directs, posts
from bot.channels.twitter.api import PREFIX
from bot.channels.twitter.client import LOOKING, TwitterClient
from bot.channels.twitter.endpoints import EVENTS, MENTIONS, Endpoint
from bot.channels.twitter.events import Ours
from bot.channels.twitter.reading import each, first_id_at, found, mapping, number, text
from bot.channels.twitter.settings import TwitterSettings
from bot.errors import DeliveryFailed
from bot.messages import Cursor, Inbound, Instant, Polled
from bot.ports import Clock

OVERLAP = 120.0  # seconds by which what was written may show late; a thing read twice on one day is charged once
PAGES = 8  # of 100: X shows no more than the 800 newest mentions
TRY_AGAIN = 30.0
TILL_TOMORROW = 600.0  # how often to see whether money or permission has come
POST_FIELDS = ["attachments", "author_id", "conversation_id", "created_at", "edit_history_tweet_ids", "entities"]
EVENT_FIELDS = ["attachments", "created_at", "dm_conversation_id", "event_type", "id", "sender_id", "text"]


@dataclass(frozen=True, slots=True)
class Place:
    """How far a poll has come. since: the id up to which everything is known, or old. token, top and began: where an
    unfinished look goes on, the newest that it saw, and when it saw that."""

    since: int
    token: str = ""
    top: int = 0
    began: Instant = 0.0

    @classmethod
    def of(cls, value: str, now: Instant) -> Place:
        """The place to look from now on."""
        kept = cls(**json.loads(value)) if value else cls(first_id_at(now))
        return kept if kept.token else replace(kept, began=now)

    def after(self, token: str, top: int) -> Place:
        """The place after pages that saw `top`: finished if there is no token left. What is as old as the overlap was
        shown when the look began, so that it need not be read again; else a rush would be, until somebody writes."""
        seen = max(self.top, top)
        if token:
            return replace(self, token=token, top=seen)
        return Place(max(self.since, min(seen, first_id_at(self.began - OVERLAP))))

    def __str__(self) -> str:
        return json.dumps(asdict(self if self.token else Place(self.since)))


@dataclass(slots=True)
class _Harvest:
    """What a look has brought so far, the newest first. token: of the page that comes next."""

    token: str
    top: int = 0
    inbounds: list[Inbound] = field(default_factory=list)

    def polled(self, place: Place, wait: float, problem: str = "") -> Polled:
        return Polled(tuple(self.inbounds[::-1]), str(place), wait, problem)


@dataclass(frozen=True, slots=True)
class Listing:
    """One of X's lists. price: of one thing on it. seconds: between looks. ask: the request for a page of what came
    after an id; read: the messages on it. share: of the daily budget, after which it is not looked at any more."""

    endpoint: Endpoint
    price: Decimal
    seconds: float
    ask: Callable[..., Any]
    read: Callable[[Mapping[str, Any], Instant], Iterator[Inbound | None]]
    share: float = LOOKING


class TwitterPoll:
    """ports.Polls for one list of one account."""

    def __init__(self, what: Listing, client: TwitterClient, clock: Clock) -> None:
        self._what, self._client, self._clock = what, client, clock

    async def poll(self, cursor: Cursor) -> Polled:
        place = Place.of(cursor.value, self._clock.now())
        harvest = _Harvest(place.token)
        if not cursor.value:
            return harvest.polled(place, 0.0)
        wait = await self._client.patience(self._what.seconds, self._what.share)
        if wait is None:
            return harvest.polled(place, TILL_TOMORROW, f"{PREFIX}budget")
        try:
            await self._pages(place, harvest)
        except DeliveryFailed as failed:
            pause = TILL_TOMORROW if failed.permanent else max(failed.retry_after or 0.0, TRY_AGAIN)
            return harvest.polled(_cut_short(place, harvest, failed), pause, failed.code)
        await self._client.heard()
        return harvest.polled(place.after(harvest.token, harvest.top), 0.0 if harvest.token else wait)

    async def _pages(self, place: Place, harvest: _Harvest) -> None:
        for _ in range(PAGES):
            ask = partial(self._what.ask, since=place.since, token=harvest.token)
            answer = await self._client.request(self._what.endpoint, ask)
            if answer.status != 200:
                raise await self._client.failure(answer, self._what.endpoint)
            reached = await self._gather(answer.body, place.since, harvest)
            if not isinstance(found(answer.body, "meta"), Mapping):
                raise await self._client.unreadable()
            harvest.token = "" if reached else text(answer.body, "meta", "next_token")[:200]
            if not harvest.token:
                return

    async def _gather(self, body: Mapping[str, Any], since: int, harvest: _Harvest) -> bool:
        """Take what a page holds; whether it reaches back to what is known."""
        ids = [int(one) for one in (number(thing, "id") for thing in each(body, "data")) if one]
        await self._client.spend(self._what.price, len(ids))
        harvest.top = max([harvest.top, *ids])
        now = self._clock.now()
        for one in self._what.read(body, now):
            if one is not None and int(one.data["id"]) > since:
                harvest.inbounds.append(one)
        return bool(ids) and min(ids) <= since


def _cut_short(place: Place, harvest: _Harvest, failed: DeliveryFailed) -> Place:
    """Where the next look goes on: a page that X does not give for good (its token is too old) begins it anew."""
    if failed.permanent:
        return Place(place.since)
    return place.after(harvest.token, harvest.top) if harvest.token else place


def mentions(settings: TwitterSettings, ours: Ours) -> Listing:
    def ask(client: tweepy.Client, since: int, token: str) -> Any:
        return client.get_users_mentions(
            ours.user,
            user_auth=True,
            max_results=100,
            since_id=since,
            pagination_token=token or None,
            tweet_fields=[*POST_FIELDS, "note_tweet", "referenced_tweets"],
            expansions=["author_id", "referenced_tweets.id"],
            user_fields=["username"],
        )

    def read(body: Mapping[str, Any], now: Instant) -> Iterator[Inbound | None]:
        includes = mapping(body, "includes")
        read = (posts.post_of(one, includes, ours.user) for one in each(body, "data"))
        return (
            None if one.repeats or one.author == ours.user else posts.inbound_of(ours.account, one, now) for one in read
        )

    return Listing(MENTIONS, settings.prices.mention_read, settings.poll_seconds.mentions, ask, read)


def messages(settings: TwitterSettings, ours: Ours) -> Listing:
    def ask(client: tweepy.Client, since: int, token: str) -> Any:
        del since  # this list knows no such thing
        return client.get_direct_message_events(
            max_results=100,
            pagination_token=token or None,
            event_types="MessageCreate",
            dm_event_fields=EVENT_FIELDS,
        )

    def read(body: Mapping[str, Any], now: Instant) -> Iterator[Inbound | None]:
        read = (directs.direct_of(one, ours.user) for one in each(body, "data"))
        return (directs.inbound_of(ours.account, one, ours.user, now) for one in read)

    return Listing(EVENTS, settings.prices.message_read, settings.poll_seconds.messages, ask, read)
