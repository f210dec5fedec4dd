"""Listening for posts that speak of the brand and do not name its account [DOC x-api/posts/search].

Polling of recent search, which reaches back seven days. What names or quotes the account comes as a mention, so it is
left out here, as are retweets and the account's own posts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tweepy

from bot.channels.twitter.endpoints import SEARCH
from bot.channels.twitter.events import Ours
from bot.channels.twitter.polls import POST_FIELDS, Listing
from bot.channels.twitter.posts import Post, post_of, version_of
from bot.channels.twitter.reading import each, first_id_at, mapping, number, text, unescaped
from bot.channels.twitter.settings import Listening, TwitterSettings
from bot.messages import Inbound, Instant, Kind
from bot.ports import Clock

FARTHEST_BACK = 6.9 * 86_400.0  # X refuses a since_id of more than seven days ago
SHARE = 0.4  # of the daily budget: who speaks to us comes first


@dataclass(frozen=True, slots=True)
class Writer:
    """name: as they call themselves. followers: how many read them, '' if X does not say."""

    name: str = ""
    followers: str = ""


def listening(settings: TwitterSettings, ours: Ours, clock: Clock) -> Listing:
    """The list of posts with the brand's keywords; never looked at if there are none."""
    query = query_of(settings.listening, ours.user)

    def ask(client: tweepy.Client, since: int, token: str) -> Any:
        return client.search_recent_tweets(
            query,
            user_auth=True,
            max_results=100,
            since_id=max(since, first_id_at(clock.now() - FARTHEST_BACK)),
            next_token=token or None,
            tweet_fields=[*POST_FIELDS, "note_tweet", "referenced_tweets"],
            expansions=["author_id", "referenced_tweets.id"],
            user_fields=["username", "name", "public_metrics"],
        )

    def read(body: Mapping[str, Any], now: Instant) -> Iterator[Inbound | None]:
        includes = mapping(body, "includes")
        writers = {number(one, "id"): _writer(one) for one in each(includes, "users")}
        for one in each(body, "data"):
            post = post_of(one, includes, ours.user)
            yield inbound_of(ours, post, writers.get(post.author, Writer()), now)

    seconds = settings.listening.seconds if settings.listening.keywords else 0.0
    return Listing(SEARCH, settings.prices.post_read, seconds, ask, read, SHARE)


def query_of(listening: Listening, ours: str) -> str:
    """X's query for any of the keywords. Phrases in quotation marks hold no operators."""
    wanted = " OR ".join(f'"{keyword}"' for keyword in listening.keywords)
    without = "".join(f' -"{words}"' for words in listening.leave_out)
    return f"({wanted}){without} -is:retweet -from:{ours}"


def inbound_of(ours: Ours, post: Post, writer: Writer, arrived: Instant) -> Inbound | None:
    """A post that was overheard; None if it is ours, spoken to us, somebody else's repeated, or incomplete.

    Its key is another one than a mention's, so that a post found here can never pass for one that was answered.
    """
    if not (post.id and post.author) or post.author == ours.user or post.repeats or post.calls or post.quotes:
        return None
    data = {"id": post.id, "username": post.username, "name": writer.name, "followers": writer.followers}
    data["link"] = f"https://x.com/{post.username or 'i'}/status/{post.id}"
    return Inbound(
        ours.account,
        post.author,
        f"overheard:{post.original}",
        Kind.OVERHEARD,
        unescaped(post.words).strip(),
        post.media,
        post.at or arrived,
        Kind.OVERHEARD.value,
        {name: value for name, value in data.items() if value},
        version=version_of(post),
    )


def _writer(user: Mapping[str, Any]) -> Writer:
    """Includes hold people plainly or, in some answers, under `data`."""
    whole = {**user, **mapping(user, "data")}
    return Writer(text(whole, "name")[:80], number(whole, "public_metrics", "followers_count"))
