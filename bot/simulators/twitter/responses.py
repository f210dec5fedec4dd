"""Posts, people and direct messages as JSON of API v2 (OpenAPI document 2.159), with the requested fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.simulators.twitter.requests import ApiRequest, names_in
from bot.simulators.twitter.state import DirectMessage, People, Person, Post, Timeline
from bot.simulators.twitter.texts import Span, language

POST_FIELDS = names_in(
    "article attachments author_id card_uri community_id context_annotations conversation_id created_at"
    " display_text_range edit_controls edit_history_tweet_ids entities geo id in_reply_to_user_id lang media_metadata"
    " non_public_metrics note_tweet organic_metrics possibly_sensitive promoted_metrics public_metrics"
    " referenced_tweets reply_settings scopes source text withheld"
)
POST_EXPANSIONS = names_in(
    "attachments.media_keys attachments.media_source_tweet attachments.poll_ids author_id edit_history_tweet_ids"
    " entities.mentions.username geo.place_id in_reply_to_user_id entities.note.mentions.username"
    " referenced_tweets.id referenced_tweets.id.attachments.media_keys referenced_tweets.id.author_id"
)
PERSON_FIELDS = names_in(
    "affiliation confirmed_email connection_status created_at description entities id is_identity_verified location"
    " most_recent_tweet_id name parody pinned_tweet_id profile_banner_url profile_image_url protected public_metrics"
    " receives_your_dm subscription subscription_type url username verified verified_followers_count verified_type"
    " withheld"
)
MESSAGE_FIELDS = names_in(
    "attachments created_at dm_conversation_id entities event_type id participant_ids referenced_tweets sender_id text"
)
MESSAGE_EXPANSIONS = names_in("attachments.media_keys participant_ids referenced_tweets.id sender_id")
_EDITABLE = 3600.0  # seconds
_EDITS = 5
_SHOWN = 275  # characters of a long post in `text`; `note_tweet` has all of it


@dataclass(frozen=True, slots=True)
class Wanted:
    """The fields and the other objects that a request asks for."""

    post: frozenset[str] = frozenset()
    person: frozenset[str] = frozenset()
    message: frozenset[str] = frozenset()
    expansions: frozenset[str] = frozenset()

    @classmethod
    def of(cls, request: ApiRequest, messages: bool = False) -> Wanted:
        """Raises Refusal for names that X does not know."""
        return cls(
            request.names("tweet.fields", POST_FIELDS),
            request.names("user.fields", PERSON_FIELDS),
            request.names("dm_event.fields", MESSAGE_FIELDS),
            request.names("expansions", MESSAGE_EXPANSIONS if messages else POST_EXPANSIONS),
        )


def stamp(at: float) -> str:
    """A Unix time as X writes it, like 2026-11-22T14:00:00.000Z."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown_text(post: Post) -> str:
    """The content of `text`, which X cuts in a long post."""
    return post.text[: post.opens_at + _SHOWN] + "…" if post.long else post.text


def post_object(post: Post, people: People, fields: Iterable[str]) -> dict[str, Any]:
    """A post with id, text, edit_history_tweet_ids and the given fields. X leaves empty fields out."""
    made = {name: _POST[name](post, people) for name in fields if name in _POST}
    always = {
        "id": str(post.id),
        "text": shown_text(post),
        "edit_history_tweet_ids": [str(one) for one in post.history],
    }
    return always | {name: value for name, value in made.items() if value is not None}


def person_object(person: Person, fields: Iterable[str]) -> dict[str, Any]:
    always = {"id": person.id, "name": person.name, "username": person.username}
    return always | {name: _PERSON[name](person) for name in fields if name in _PERSON}


def message_object(message: DirectMessage, fields: Iterable[str]) -> dict[str, Any]:
    """A message without participant_ids, which MessageCreate has lacked since 2025-06-03."""
    asked = {
        "sender_id": message.sender_id,
        "dm_conversation_id": message.conversation,
        "created_at": stamp(message.created_at),
    }
    always = {"id": str(message.id), "event_type": "MessageCreate", "text": message.text}
    return always | {name: asked[name] for name in fields if name in asked}


def included(found: Iterable[Post], people: People, posts: Timeline[Post], wanted: Wanted) -> dict[str, Any]:
    """`includes`: the requested people and posts to which the posts refer; {} if there are none."""
    found = list(found)
    others: list[Post] = []
    if any(name.startswith("referenced_tweets") for name in wanted.expansions):
        ids_of = ((post.reply_to, post.quotes, post.reposts) for post in found)
        others = [other for ids in ids_of for one in ids if (other := posts.get(one))]
    ids = dict.fromkeys(one for post in found for one in _people_of(post, wanted.expansions))
    if "referenced_tweets.id.author_id" in wanted.expansions:
        ids |= dict.fromkeys(post.author_id for post in others)
    known = [person for one in ids if (person := people.find(one))]
    users = [person_object(person, wanted.person) for person in known]
    tweets = [post_object(post, people, wanted.post) for post in dict.fromkeys(others)]
    return {name: objects for name, objects in (("users", users), ("tweets", tweets)) if objects}


def _people_of(post: Post, expansions: frozenset[str]) -> Iterable[str]:
    if "author_id" in expansions:
        yield post.author_id
    if "in_reply_to_user_id" in expansions and post.reply_to_author:
        yield post.reply_to_author
    if "entities.mentions.username" in expansions:
        yield from post.mentioned_ids


def _entities(post: Post, people: People) -> dict[str, Any] | None:
    """Mentions and links within the characters that `text` shows."""
    end = len(shown_text(post))
    mentions = [_mention(one, people) for one in post.mentions if one.end <= end]
    urls = [_url(one, post.text) for one in post.links if one.end <= end]
    return {name: value for name, value in (("mentions", mentions), ("urls", urls)) if value} or None


def _mention(one: Span, people: People) -> dict[str, Any]:
    person = people.named(one.word)
    return {"start": one.start, "end": one.end, "username": one.word} | ({"id": person.id} if person else {})


def _url(one: Span, text: str) -> dict[str, Any]:
    address = one.word if "://" in one.word else f"http://{one.word}"
    display = address.partition("://")[2]
    return {
        "start": one.start,
        "end": one.end,
        "url": text[one.start : one.end],
        "expanded_url": address,
        "display_url": display if len(display) <= 26 else display[:26] + "…",
    }


def _referenced(post: Post, _: People) -> list[dict[str, str]] | None:
    kinds = (("replied_to", post.reply_to), ("quoted", post.quotes), ("retweeted", post.reposts))
    return [{"type": kind, "id": str(one)} for kind, one in kinds if one is not None] or None


def _note(post: Post, people: People) -> dict[str, Any] | None:
    if not post.long:
        return None
    mentions = [_mention(one, people) for one in post.mentions]
    return {"text": post.text} | ({"entities": {"mentions": mentions}} if mentions else {})


def _edit_controls(post: Post, _: People) -> dict[str, Any]:
    left = _EDITS - len(post.history) + 1
    until = stamp(post.created_at + _EDITABLE)
    return {"edits_remaining": left, "is_edit_eligible": left > 0, "editable_until": until}


_METRICS = ("retweet_count", "reply_count", "like_count", "quote_count", "bookmark_count", "impression_count")
_POST: Mapping[str, Callable[[Post, People], Any]] = {
    "author_id": lambda post, _: post.author_id,
    "conversation_id": lambda post, _: str(post.conversation_id),
    "created_at": lambda post, _: stamp(post.created_at),
    "display_text_range": lambda post, _: [post.opens_at, len(shown_text(post))],
    "edit_controls": _edit_controls,
    "entities": _entities,
    "in_reply_to_user_id": lambda post, _: post.reply_to_author or None,
    "lang": lambda post, _: language(post.text[post.opens_at :]),
    "note_tweet": _note,
    "possibly_sensitive": lambda _, __: False,
    "public_metrics": lambda _, __: dict.fromkeys(_METRICS, 0),
    "referenced_tweets": _referenced,
    "reply_settings": lambda _, __: "everyone",
}


_COUNTS = ("following_count", "tweet_count", "listed_count", "like_count", "media_count")
_PERSON: Mapping[str, Callable[[Person], Any]] = {
    "created_at": lambda person: stamp(person.created_at),
    "description": lambda _: "",
    "protected": lambda _: False,
    "public_metrics": lambda person: {"followers_count": person.followers} | dict.fromkeys(_COUNTS, 0),
    "receives_your_dm": lambda person: person.messages_open,
    "verified": lambda _: False,
    "verified_type": lambda _: "none",
}
