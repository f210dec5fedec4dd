"""Turns X's posts, in the v2 and v1.1 formats, into Inbounds, with attached media and places.

Every author in a public thread is a separate customer. The thread is X's conversation id; the id of the post to reply
to is in the Inbound's data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bot.channels.twitter.payloads import (
    handle_of,
    id_at,
    object_at,
    objects_at,
    snowflake_time,
    text_at,
    time_at,
    unescaped,
    value_at,
)
from bot.domain.messages import Inbound, Instant, Kind, Media
from bot.text import new_id

# X's media keys begin with the number of their kind: 3_1136048014974423040 is a photo.
_BY_PREFIX: Mapping[str, str] = MappingProxyType({"3": "photo", "7": "video", "13": "video", "16": "animated_gif"})
_KINDS: Mapping[str, Kind] = MappingProxyType({"video": Kind.VIDEO})
MAX_MEDIA = 4  # of one post, as X allows


def media_of(thing: Mapping[str, Any], includes: Mapping[str, Any]) -> Media | None:
    """The media of a v2 post or message, by their keys, with details from `includes` where X sends them."""
    listed = value_at(thing, "attachments", "media_keys")
    keys = [text_at({"key": one}, "key")[:64] for one in listed] if isinstance(listed, list) else []
    known = {text_at(one, "media_key"): one for one in objects_at(includes, "media")}
    return _media_from([(key, known.get(key, {})) for key in keys if key][:MAX_MEDIA])


def _media_from(several: list[tuple[str, Mapping[str, Any]]]) -> Media | None:
    if not several:
        return None
    key, first = several[0]
    shown = [_address(one) or key for key, one in several]
    told = " · ".join(filter(None, (text_at(one, "alt_text")[:512] for _, one in several)))
    return Media(" ".join(shown), text_at(first, "type")[:32] or _BY_PREFIX.get(key.partition("_")[0], ""), "", told)


def media_from_v1(*several: Mapping[str, Any]) -> Media | None:
    """Media in the v1.1 format, which has no keys and may list a medium twice."""
    shown = dict.fromkeys(_address(one) or id_at(one, "id_str") or id_at(one, "id") for one in several)
    kept = [one for one in shown if one][:MAX_MEDIA]
    return Media(" ".join(kept), text_at(several[0], "type")[:32]) if kept else None


def place_of(attachment: Mapping[str, Any]) -> Mapping[str, str]:
    """label, lat and lon of a place shared in a direct message; empty if there is none."""
    place = object_at(attachment, "location", "shared_place", "place")
    at = value_at(attachment, "location", "shared_coordinate", "coordinates", "coordinates")
    label = text_at(place, "full_name") or text_at(place, "name")
    facts = {"label": label[:512]} if label else {}
    if isinstance(at, list) and len(at) == 2 and all(isinstance(one, int | float) for one in at):
        facts |= {"lon": str(at[0]), "lat": str(at[1])}  # GeoJSON puts the longitude first
    return facts


def kind_of(media: Media) -> Kind:
    """The kind of a message with this media and no text."""
    return _KINDS.get(media.format, Kind.IMAGE)


def _address(one: Mapping[str, Any]) -> str:
    """The public address; '' for attachments of direct messages, which only the account can load."""
    known = (text_at(one, name)[:512] for name in ("media_url_https", "url"))
    return next((url for url in known if url.startswith("https://pbs.twimg.com/")), "")


# A mention ends before anything but ASCII letters, digits or _; "@é" and "@a@b" are none (twitter-text, validMentions).
_NAME = r"[@＠][A-Za-z0-9_]{1,15}(?![A-Za-z0-9_@＠\u00c0-\u024f])"
_PADDING = r"[\s,，:：、;；\u200b-\u200f\u2060\ufeff]*"
_NAMES = re.compile(rf"{_PADDING}\.?(?:{_NAME}{_PADDING})+")
_ATTACHED = re.compile(r"https?://t\.co/[A-Za-z0-9_]+$", re.ASCII)
_MAX_ATTACHED = 64  # characters searched for a link at the end; X's links have 23
_LINK = re.compile(r"https?://\S+")
MAX_OTHERS = 50  # other mentioned accounts that a reply excludes


@dataclass(frozen=True, slots=True)
class Post:
    """A post, read from either of its two formats."""

    id: str
    original_id: str  # the id of its first version; an edit has an id of its own
    author: str  # user id
    conversation: str
    text: str
    at: Instant  # 0 if unknown
    username: str = ""  # the author's @name without the sign
    mentions_us: bool = False  # our account, by its @name
    quotes_us: bool = False  # a post of our account
    repost: bool = False  # a retweet
    media: Media | None = None
    other_mentions: tuple[str, ...] = ()  # ids of other accounts that it mentions


def post_of(post: Mapping[str, Any], includes: Mapping[str, Any], ours: str) -> Post:
    """Read a v2 post, from a list or an X Activity event. `text` of a long post is cut, `note_tweet` is whole."""
    author, id_ = id_at(post, "author_id"), id_at(post, "id")
    kinds = {text_at(one, "type"): id_at(one, "id") for one in objects_at(post, "referenced_tweets")}
    quoted = next((one for one in objects_at(includes, "tweets") if id_at(one, "id") == kinds.get("quoted")), None)
    mentioned = (*objects_at(post, "note_tweet", "entities", "mentions"), *objects_at(post, "entities", "mentions"))
    named = tuple(dict.fromkeys(id_at(one, "id") for one in mentioned))
    return Post(
        id_,
        _original(post) or id_,
        author,
        _thread(id_at(post, "conversation_id"), id_, _original(post)),
        text_at(post, "note_tweet", "text") or text_at(post, "text"),
        time_at(post, "created_at"),
        _name(includes, author),
        mentions_us=ours in named,
        quotes_us="quoted" in kinds and id_at(quoted, "author_id") == ours,
        repost="retweeted" in kinds,
        media=media_of(post, includes),
        other_mentions=_others(named, author, ours),
    )


def post_from_v1(tweet: Mapping[str, Any], ours: str) -> Post:
    """Read a v1.1 post of the Account Activity API. Most name no conversation and become a thread of their own."""
    id_, author = (
        id_at(tweet, "id_str") or id_at(tweet, "id"),
        id_at(tweet, "user", "id_str") or id_at(tweet, "user", "id"),
    )
    mentioned = (
        *objects_at(tweet, "extended_tweet", "entities", "user_mentions"),
        *objects_at(tweet, "entities", "user_mentions"),
    )
    named = tuple(dict.fromkeys(id_at(one, "id_str") or id_at(one, "id") for one in mentioned))
    return Post(
        id_,
        _original(tweet) or id_,
        author,
        _thread(id_at(tweet, "conversation_id_str"), id_, _original(tweet)),
        text_at(tweet, "extended_tweet", "full_text") or text_at(tweet, "full_text") or text_at(tweet, "text"),
        snowflake_time(id_) if id_ else 0.0,
        handle_of(text_at(tweet, "user", "screen_name")),
        mentions_us=ours in named,
        quotes_us=(id_at(tweet, "quoted_status", "user", "id_str") or "-") == ours,
        repost=bool(object_at(tweet, "retweeted_status")),
        media=media_from_v1(*objects_at(tweet, "extended_entities", "media"), *objects_at(tweet, "entities", "media")),
        other_mentions=_others(named, author, ours),
    )


def inbound_of(account: str, post: Post, arrived: Instant) -> Inbound | None:
    """The Inbound of a post; None if the post is incomplete.

    Only posts that mention or quote the account may be answered in public (since 2026-02-23; docs.x.com, "Manage
    Posts"), so any other post becomes an event. An edit has the key of its original and a higher version.
    """
    if not (post.id and post.author):
        return None
    words = _text_of(post)
    kind = _kind(post, words) if post.mentions_us or post.quotes_us else Kind.EVENT
    data = {"id": post.id, "username": post.username}
    data["summoned"] = "mention" if post.mentions_us else "quote" if post.quotes_us else ""
    data["others"] = " ".join(post.other_mentions)
    return Inbound(
        account,
        post.author,
        f"post:{post.original_id}",
        kind,
        words,
        post.media,
        post.at or arrived,
        post.conversation,
        {name: value for name, value in data.items() if value},
        version=version_of(post),
    )


def mention(account: str, author: str, thread: str, text: str, arrived: Instant) -> Inbound | None:
    """The Inbound of a new post that mentions the account; None without an author."""
    id_ = new_id()
    return inbound_of(account, Post(id_, id_, author, thread, text, arrived, mentions_us=True), arrived)


def deletion_of(account: str, id_: str, author: str, arrived: Instant) -> Inbound | None:
    """The Inbound of a deleted post, by the id of its first version; None if ids are missing."""
    if not (id_ and author):
        return None
    return Inbound(account, author, f"post:{id_}", Kind.WITHDRAWN, at=arrived, data={"id": id_})


def version_of(post: Post) -> int:
    """0 for a post that was never edited; each edit is a new post with a higher id."""
    return 0 if post.id == post.original_id else int(post.id)


def _text_of(post: Post) -> str:
    """The text without leading mentions and without X's trailing links to a quoted post or to media."""
    named = _NAMES.match(post.text)
    words = post.text[named.end() :] if named else post.text
    words = _without_attached(words) if post.quotes_us or post.media else words
    return unescaped(words).strip()


def _without_attached(words: str) -> str:
    end = len(words.rstrip())
    while link := _ATTACHED.search(words, max(0, end - _MAX_ATTACHED), end):
        end = link.start()
        while end and words[end - 1].isspace():
            end -= 1
    return words[:end]


def _kind(post: Post, words: str) -> Kind:
    """EVENT for a bare mention, which asks nothing; the media's kind for a post without text."""
    if _LINK.sub("", words).strip():
        return Kind.TEXT
    return kind_of(post.media) if post.media else Kind.EVENT


def _others(named: tuple[str, ...], author: str, ours: str) -> tuple[str, ...]:
    return tuple(one for one in named if one not in ("", author, ours))[:MAX_OTHERS]


def _original(post: Mapping[str, Any]) -> str:
    """The id of the first version, from the v2 or v1.1 fields; '' without an edit history."""
    history = value_at(post, "edit_history_tweet_ids") or value_at(post, "edit_history", "edit_tweet_ids")
    ids = [id_at({"id": one}, "id") for one in history] if isinstance(history, list) else []
    first = id_at(post, "edit_history", "initial_tweet_id")
    return min((one for one in (*ids, first) if one), key=int, default="")


def _thread(conversation: str, id_: str, original: str) -> str:
    """The thread's id: an edit of a thread's first post stays in the thread of the first version."""
    return conversation if conversation not in ("", id_) else original or id_


def _name(includes: Mapping[str, Any], author: str) -> str:
    """The author's @name; in some events a user object's fields are nested in `data`."""
    people = ({**one, **object_at(one, "data")} for one in objects_at(includes, "users"))
    return next((handle_of(text_at(one, "username")) for one in people if id_at(one, "id") == author), "")
