"""A post on X in the two shapes in which it arrives, and what it is to us.

Everybody who writes in a thread is a customer of their own; the thread is X's conversation, and the post to be answered
travels in the message's data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.channels.twitter.attached import kind_of, media_of, older_media_of
from bot.channels.twitter.reading import each, found, handle_of, made_at, mapping, number, text, unescaped, written_at
from bot.messages import Inbound, Instant, Kind, Media

# A name ends where no letter, digit or _ of ASCII follows; "@é" and "@a@b" name nobody (twitter-text, validMentions).
_NAME = r"[@＠][A-Za-z0-9_]{1,15}(?![A-Za-z0-9_@＠\u00c0-\u024f])"
_BESIDE = r"[\s,，:：、;；\u200b-\u200f\u2060\ufeff]*"
_NAMES = re.compile(rf"{_BESIDE}\.?(?:{_NAME}{_BESIDE})+")
_ATTACHED = re.compile(r"https?://t\.co/[A-Za-z0-9_]+$", re.ASCII)
_ATTACHED_LONGEST = 64  # characters; those of X have 23
_LINK = re.compile(r"https?://\S+")
MOST_NAMED = 50  # others whom a reply leaves in peace


@dataclass(frozen=True, slots=True)
class Post:
    """original: the id of its first version, which an edit keeps. calls, quotes: whether it mentions or quotes us.
    others: who else is named in it."""

    id: str
    original: str
    author: str
    conversation: str
    words: str
    at: Instant
    username: str = ""
    calls: bool = False
    quotes: bool = False
    repeats: bool = False
    media: Media | None = None
    others: tuple[str, ...] = ()


def post_of(post: Mapping[str, Any], includes: Mapping[str, Any], ours: str) -> Post:
    """A v2 post, from a list or an X Activity event. Long posts are cut in `text` and whole in `note_tweet`."""
    author, id_ = number(post, "author_id"), number(post, "id")
    kinds = {text(one, "type"): number(one, "id") for one in each(post, "referenced_tweets")}
    quoted = next((one for one in each(includes, "tweets") if number(one, "id") == kinds.get("quoted")), None)
    mentioned = (*each(post, "note_tweet", "entities", "mentions"), *each(post, "entities", "mentions"))
    named = tuple(dict.fromkeys(number(one, "id") for one in mentioned))
    return Post(
        id_,
        _original(post) or id_,
        author,
        _thread(number(post, "conversation_id"), id_, _original(post)),
        text(post, "note_tweet", "text") or text(post, "text"),
        written_at(post, "created_at"),
        _name(includes, author),
        calls=ours in named,
        quotes="quoted" in kinds and number(quoted, "author_id") == ours,
        repeats="retweeted" in kinds,
        media=media_of(post, includes),
        others=_besides(named, author, ours),
    )


def older_post_of(tweet: Mapping[str, Any], ours: str) -> Post:
    """A v1.1 post of the Account Activity API. It names no conversation, so each is a thread of its own."""
    id_, author = (
        number(tweet, "id_str") or number(tweet, "id"),
        number(tweet, "user", "id_str") or number(tweet, "user", "id"),
    )
    mentioned = *each(tweet, "extended_tweet", "entities", "user_mentions"), *each(tweet, "entities", "user_mentions")
    named = tuple(dict.fromkeys(number(one, "id_str") or number(one, "id") for one in mentioned))
    return Post(
        id_,
        _original(tweet) or id_,
        author,
        _thread(number(tweet, "conversation_id_str"), id_, _original(tweet)),
        text(tweet, "extended_tweet", "full_text") or text(tweet, "full_text") or text(tweet, "text"),
        made_at(id_) if id_ else 0.0,
        handle_of(text(tweet, "user", "screen_name")),
        calls=ours in named,
        quotes=(number(tweet, "quoted_status", "user", "id_str") or "-") == ours,
        repeats=bool(mapping(tweet, "retweeted_status")),
        media=older_media_of(*each(tweet, "extended_entities", "media"), *each(tweet, "entities", "media")),
        others=_besides(named, author, ours),
    )


def inbound_of(account: str, post: Post, arrived: Instant) -> Inbound | None:
    """The message that a post is to us; None if it is not a complete post.

    Only those who mention or quote us may be answered in public (since 2026-02-23, docs.x.com manage-tweets): any
    other post is kept as an event. An edit has its original's key and a version: it is a later state of the same
    message.
    """
    if not (post.id and post.author):
        return None
    words = _said(post)
    kind = _kind(post, words) if post.calls or post.quotes else Kind.EVENT
    data = {"id": post.id, "username": post.username, "summoned": _summoned(post)}
    data["others"] = " ".join(post.others)
    return Inbound(
        account,
        post.author,
        f"post:{post.original}",
        kind,
        words,
        post.media,
        post.at or arrived,
        post.conversation,
        {name: value for name, value in data.items() if value},
        version=version_of(post),
    )


def withdrawn(account: str, id_: str, author: str, arrived: Instant) -> Inbound | None:
    """That a post is deleted, by the id of its first version; None if it is not said which."""
    if not (id_ and author):
        return None
    return Inbound(account, author, f"post:{id_}", Kind.WITHDRAWN, at=arrived, data={"id": id_})


def version_of(post: Post) -> int:
    """Each edit makes a new post with a higher id; what was never edited has no version."""
    return 0 if post.id == post.original else int(post.id)


def _said(post: Post) -> str:
    """Without the names before it, and without the links that X puts after it for what is quoted or attached."""
    named = _NAMES.match(post.words)
    words = post.words[named.end() :] if named else post.words
    words = _without_attached(words) if post.quotes or post.media else words
    return unescaped(words).strip()


def _without_attached(words: str) -> str:
    end = len(words.rstrip())
    while link := _ATTACHED.search(words, max(0, end - _ATTACHED_LONGEST), end):
        end = link.start()
        while end and words[end - 1].isspace():
            end -= 1
    return words[:end]


def _kind(post: Post, words: str) -> Kind:
    """A bare @name asks nothing; a picture with no word to it is for people."""
    if _LINK.sub("", words).strip():
        return Kind.TEXT
    return kind_of(post.media) if post.media else Kind.EVENT


def _summoned(post: Post) -> str:
    return "mention" if post.calls else "quote" if post.quotes else ""


def _besides(named: tuple[str, ...], author: str, ours: str) -> tuple[str, ...]:
    return tuple(one for one in named if one not in ("", author, ours))[:MOST_NAMED]


def _original(post: Mapping[str, Any]) -> str:
    """The id of the first version, in v2's words or in v1.1's; '' if it is not known that there are several."""
    history = found(post, "edit_history_tweet_ids") or found(post, "edit_history", "edit_tweet_ids")
    ids = [number({"id": one}, "id") for one in history] if isinstance(history, list) else []
    first = number(post, "edit_history", "initial_tweet_id")
    return min((one for one in (*ids, first) if one), key=int, default="")


def _thread(conversation: str, id_: str, original: str) -> str:
    """A later version of a thread's first post belongs to the thread of the first version."""
    return conversation if conversation not in ("", id_) else original or id_


def _name(includes: Mapping[str, Any], author: str) -> str:
    """Includes hold people plainly or, in some events, under `data`."""
    people = ({**one, **mapping(one, "data")} for one in each(includes, "users"))
    return next((handle_of(text(one, "username")) for one in people if number(one, "id") == author), "")
