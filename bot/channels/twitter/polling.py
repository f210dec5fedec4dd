"""Polls X for mentions, direct messages and posts with the brand's keywords.

The lists come newest first, in pages that may be short; a page without `next_token` is the last. Items appear late and
not always in order, so each poll reaches OVERLAP seconds back before the previous one; receipts drop what is known.
Nothing older than the first poll is taken in. A truncated page, or one without `meta`, is not the last one: its items
are taken in and it is requested again.

A poll that a limit interrupts continues where it stopped. Its position moves up only when everything down to the newest
item of the previous poll is read.

Keywords are searched in recent search, which reaches back seven days (docs.x.com, x-api/posts/search). Posts that
mention or quote the account arrive as mentions and are left out, as are retweets and the account's own posts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any

import tweepy

from bot.channels.twitter import events, posts
from bot.channels.twitter.client import POLLING_SHARE, TwitterClient
from bot.channels.twitter.events import OwnAccount
from bot.channels.twitter.http import PREFIX
from bot.channels.twitter.payloads import first_id_at, id_at, object_at, objects_at, text_at, unescaped, value_at
from bot.channels.twitter.posts import Post, post_of, version_of
from bot.channels.twitter.rate_limits import EVENTS, MENTIONS, SEARCH, ApiEndpoint
from bot.channels.twitter.settings import Listening, TwitterSettings
from bot.domain.messages import Cursor, Inbound, Instant, Kind, PollResult
from bot.errors import DeliveryFailed
from bot.ports.channels import Clock

OVERLAP = 120.0  # seconds by which an item may appear late; X charges once for an item read twice on a day
PAGES = 8  # of 100: X shows no more than the 800 newest mentions
RETRY_SECONDS = 30.0  # after a failure without a time of its own
BLOCKED_SECONDS = 600.0  # between polls while the budget is used up or X refuses
POST_FIELDS = ["attachments", "author_id", "conversation_id", "created_at", "edit_history_tweet_ids", "entities"]
EVENT_FIELDS = ["attachments", "created_at", "dm_conversation_id", "event_type", "id", "sender_id", "text"]


@dataclass(frozen=True, slots=True)
class PollPosition:
    """How far a poll has read; stored as the cursor in JSON."""

    since: int  # the id up to which everything is read
    # Of a poll that is not finished:
    token: str = ""  # of its next page
    top: int = 0  # the newest id it has seen
    began: Instant = 0.0  # when it started

    @classmethod
    def of(cls, value: str, now: Instant) -> PollPosition:
        """The stored position; without one, only what is written from now on."""
        kept = cls(**json.loads(value)) if value else cls(first_id_at(now))
        return kept if kept.token else replace(kept, began=now)

    def after(self, token: str, top: int) -> PollPosition:
        """The position after pages whose newest id is `top`; the poll is finished if `token` is ''.

        What was older than OVERLAP when the poll began had appeared by then, so `since` moves up to that time at most.
        """
        seen = max(self.top, top)
        if token:
            return replace(self, token=token, top=seen)
        return PollPosition(max(self.since, min(seen, first_id_at(self.began - OVERLAP))))

    def __str__(self) -> str:
        return json.dumps(asdict(self if self.token else PollPosition(self.since)))


@dataclass(slots=True)
class _PollProgress:
    """What a poll has read so far."""

    token: str  # of the next page
    top: int = 0  # the newest id
    inbounds: list[Inbound] = field(default_factory=list)  # newest first

    def polled(self, position: PollPosition, wait: float, problem: str = "") -> PollResult:
        return PollResult(tuple(self.inbounds[::-1]), str(position), wait, problem)


@dataclass(frozen=True, slots=True)
class PolledList:
    """One of X's lists."""

    endpoint: ApiEndpoint
    price: Decimal  # dollars per item read
    seconds: float  # between polls; 0 disables them
    request: Callable[..., Any]  # requests a page: (client, since, token)
    parse: Callable[[Mapping[str, Any], Instant], Iterator[Inbound | None]]  # parses a page: (body, now)
    share: float = POLLING_SHARE  # of the daily budget, after which polling stops for the day


class TwitterPoll:
    """ports.Polls for one list of one account."""

    def __init__(self, polled: PolledList, client: TwitterClient, clock: Clock) -> None:
        self._list, self._client, self._clock = polled, client, clock

    async def poll(self, cursor: Cursor) -> PollResult:
        """Read what came after the cursor. A failure is in the result: what was read before it is kept."""
        position = PollPosition.of(cursor.value, self._clock.now())
        progress = _PollProgress(position.token)
        if not cursor.value:
            return progress.polled(position, 0.0)
        wait = await self._client.poll_interval(self._list.seconds, self._list.share)
        if wait is None:
            return progress.polled(position, BLOCKED_SECONDS, f"{PREFIX}budget")
        try:
            await self._pages(position, progress)
        except DeliveryFailed as failed:
            pause = BLOCKED_SECONDS if failed.permanent else max(failed.retry_after or 0.0, RETRY_SECONDS)
            return progress.polled(_resume_position(position, progress, failed), pause, failed.code)
        await self._client.poll_succeeded()
        return progress.polled(position.after(progress.token, progress.top), 0.0 if progress.token else wait)

    async def _pages(self, position: PollPosition, progress: _PollProgress) -> None:
        for _ in range(PAGES):
            ask = partial(self._list.request, since=position.since, token=progress.token)
            answer = await self._client.request(self._list.endpoint, ask)
            if answer.status != 200:
                raise await self._client.failure(answer, self._list.endpoint)
            reached = await self._add_page(answer.body, position.since, progress)
            if not isinstance(value_at(answer.body, "meta"), Mapping):
                raise await self._client.unreadable()
            progress.token = "" if reached else text_at(answer.body, "meta", "next_token")[:200]
            if not progress.token:
                return

    async def _add_page(self, body: Mapping[str, Any], since: int, progress: _PollProgress) -> bool:
        """Add a page's items; return whether it reaches back to `since`."""
        ids = [int(one) for one in (id_at(thing, "id") for thing in objects_at(body, "data")) if one]
        await self._client.spend(self._list.price, len(ids))
        progress.top = max([progress.top, *ids])
        now = self._clock.now()
        for one in self._list.parse(body, now):
            if one is not None and int(one.data["id"]) > since:
                progress.inbounds.append(one)
        return bool(ids) and min(ids) <= since


def _resume_position(position: PollPosition, progress: _PollProgress, failed: DeliveryFailed) -> PollPosition:
    """Where to continue after a failure. If X refuses a page for good (its token is too old), the poll starts again."""
    if failed.permanent:
        return PollPosition(position.since)
    return position.after(progress.token, progress.top) if progress.token else position


def mentions(settings: TwitterSettings, ours: OwnAccount) -> PolledList:
    """The posts that mention the account."""

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
        includes = object_at(body, "includes")
        read = (posts.post_of(one, includes, ours.user) for one in objects_at(body, "data"))
        return (
            None if one.repost or one.author == ours.user else posts.inbound_of(ours.account, one, now) for one in read
        )

    return PolledList(MENTIONS, settings.prices.mention_read, settings.poll_seconds.mentions, ask, read)


def messages(settings: TwitterSettings, ours: OwnAccount) -> PolledList:
    """The account's direct messages."""

    def ask(client: tweepy.Client, since: int, token: str) -> Any:
        del since  # GET /2/dm_events has no such parameter
        return client.get_direct_message_events(
            max_results=100,
            pagination_token=token or None,
            event_types="MessageCreate",
            dm_event_fields=EVENT_FIELDS,
        )

    def read(body: Mapping[str, Any], now: Instant) -> Iterator[Inbound | None]:
        read = (events.from_dm_event(one, ours.user) for one in objects_at(body, "data"))
        return (events.inbound_of(ours.account, one, ours.user, now) for one in read)

    return PolledList(EVENTS, settings.prices.message_read, settings.poll_seconds.messages, ask, read)


MAX_LOOKBACK = 6.9 * 86_400.0  # seconds; X refuses a since_id older than seven days
LISTENING_SHARE = 0.4  # of the daily budget; mentions and messages come first


@dataclass(frozen=True, slots=True)
class PostAuthor:
    """The author of a post that was found by keyword."""

    name: str = ""  # the display name
    followers: str = ""  # their number; '' if unknown


def listening(settings: TwitterSettings, ours: OwnAccount, clock: Clock) -> PolledList:
    """The recent posts with the brand's keywords; not polled without keywords."""
    query = query_of(settings.listening, ours.user)

    def ask(client: tweepy.Client, since: int, token: str) -> Any:
        return client.search_recent_tweets(
            query,
            user_auth=True,
            max_results=100,
            since_id=max(since, first_id_at(clock.now() - MAX_LOOKBACK)),
            next_token=token or None,
            tweet_fields=[*POST_FIELDS, "note_tweet", "referenced_tweets"],
            expansions=["author_id", "referenced_tweets.id"],
            user_fields=["username", "name", "public_metrics"],
        )

    def read(body: Mapping[str, Any], now: Instant) -> Iterator[Inbound | None]:
        includes = object_at(body, "includes")
        writers = {id_at(one, "id"): _writer(one) for one in objects_at(includes, "users")}
        for one in objects_at(body, "data"):
            post = post_of(one, includes, ours.user)
            yield inbound_of(ours, post, writers.get(post.author, PostAuthor()), now)

    seconds = settings.listening.seconds if settings.listening.keywords else 0.0
    return PolledList(SEARCH, settings.prices.post_read, seconds, ask, read, LISTENING_SHARE)


def query_of(listening: Listening, ours: str) -> str:
    """X's search query for any of the keywords. Each is quoted, so that X reads no operator in it."""
    wanted = " OR ".join(f'"{keyword}"' for keyword in listening.keywords)
    without = "".join(f' -"{words}"' for words in listening.leave_out)
    return f"({wanted}){without} -is:retweet -from:{ours}"


def inbound_of(ours: OwnAccount, post: Post, writer: PostAuthor, arrived: Instant) -> Inbound | None:
    """A post found by keyword; None if it is ours, a mention or quote of us, a retweet, or incomplete.

    Its key differs from a mention's, so that the same post can still arrive and be answered as a mention.
    """
    if not (post.id and post.author) or post.author == ours.user or post.repost or post.mentions_us or post.quotes_us:
        return None
    data = {"id": post.id, "username": post.username, "name": writer.name, "followers": writer.followers}
    data["link"] = f"https://x.com/{post.username or 'i'}/status/{post.id}"
    return Inbound(
        ours.account,
        post.author,
        f"overheard:{post.original_id}",
        Kind.OVERHEARD,
        unescaped(post.text).strip(),
        post.media,
        post.at or arrived,
        Kind.OVERHEARD.value,
        {name: value for name, value in data.items() if value},
        version=version_of(post),
    )


def _writer(user: Mapping[str, Any]) -> PostAuthor:
    """Read a user object; in some answers its fields are nested in `data`."""
    whole = {**user, **object_at(user, "data")}
    return PostAuthor(text_at(whole, "name")[:80], id_at(whole, "public_metrics", "followers_count"))
