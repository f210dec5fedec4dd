"""Builds events for webhooks and streams: those of X Activity, and those of the older Account Activity.

Shapes: docs.x.com x-api/activity/event-payloads and account-activity/introduction. In X Activity every number has a
twin as text, direct messages keep the older shape, and replies do not fire `post.mention.create` for handles that X put
before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.simulators.twitter import responses
from bot.simulators.twitter.state import DirectMessage, People, Person, Post, Timeline
from bot.simulators.twitter.texts import language

EVENTS = ("post.create", "post.delete", "post.mention.create", "post.reply.create", "post.quote.create")
PRIVATE_EVENTS = ("dm.received", "dm.sent")
_PERSON = responses.PERSON_FIELDS - {"receives_your_dm"}
_ALL = responses.Wanted(responses.POST_FIELDS, _PERSON, frozenset(), responses.POST_EXPANSIONS)


@dataclass(frozen=True, slots=True)
class ActivityEvent:
    """An event of X Activity, before it is put into a subscription's envelope."""

    event_type: str
    about: str  # user id
    uuid: str
    payload: dict[str, Any]
    includes: dict[str, Any] | None = None

    def envelope(self, tag: str) -> dict[str, Any]:
        """The body for one subscription."""
        made: dict[str, Any] = {
            "event_uuid": self.uuid,
            "filter": {"user_id": self.about},
            "event_type": self.event_type,
            "payload": self.payload,
        }
        made |= {"tag": tag} if tag else {}
        return {"data": made | ({"includes": self.includes} if self.includes else {})}


class EventBuilder:
    """Builds the events of posts, deletions and direct messages."""

    def __init__(self, people: People, posts: Timeline[Post]) -> None:
        self._people = people
        self._posts = posts

    def post_events(self, post: Post) -> Iterator[ActivityEvent]:
        """A new post, for its author and for the people it mentions, replies to or quotes."""
        payload = with_number_strings(responses.post_object(post, self._people, responses.POST_FIELDS))
        includes = with_number_strings(responses.included([post], self._people, self._posts, _ALL))
        includes["tweets"] = [payload]
        for event_type, about in self._kinds(post):
            yield ActivityEvent(event_type, about, str(post.id), payload, includes)

    def _kinds(self, post: Post) -> Iterator[tuple[str, str]]:
        yield "post.create", post.author_id
        for person_id in dict.fromkeys(post.mentioned_ids):
            if person_id != post.author_id and post.addresses(self._people.get(person_id).username):
                yield "post.mention.create", person_id
        if post.reply_to_author not in ("", post.author_id):
            yield "post.reply.create", post.reply_to_author
        quoted = self._posts.get(post.quotes)
        if quoted and quoted.author_id != post.author_id:
            yield "post.quote.create", quoted.author_id

    def deletion_event(self, post: Post, uuid: int) -> ActivityEvent:
        author = _with_numbers(self._people.get(post.author_id))
        payload = {"id": str(post.id), "author_id": post.author_id}
        return ActivityEvent("post.delete", post.author_id, f"-{uuid}", payload, {"users": [author]})

    def message_events(self, message: DirectMessage, received: int, sent: int) -> Iterator[ActivityEvent]:
        """A direct message, for recipient and sender, as events with these ids."""
        users = {one.id: _with_numbers(one) for one in self._both(message)}
        payload = {"direct_message_events": [_message_v1(message)], "users": users}
        yield ActivityEvent("dm.received", message.recipient_id, f"-{received}", payload)
        yield ActivityEvent("dm.sent", message.sender_id, f"-{sent}", payload)

    # Account Activity: the body for one subscribed user, or None if the event is not about them

    def account_activity_post(self, user_id: str, post: Post, blocked: bool) -> dict[str, Any] | None:
        quoted = self._posts.get(post.quotes)
        others = {post.author_id, *post.mentioned_ids, post.reply_to_author, quoted.author_id if quoted else ""}
        if user_id not in others:
            return None
        tweet = _post_v1(post, self._people)
        return {"for_user_id": user_id, "user_has_blocked": blocked, "tweet_create_events": [tweet]}

    def account_activity_deletion(self, user_id: str, post: Post, at: float) -> dict[str, Any] | None:
        if user_id != post.author_id:
            return None
        status = {"status": {"id": str(post.id), "user_id": post.author_id}, "timestamp_ms": str(int(at * 1000))}
        return {"for_user_id": user_id, "tweet_delete_events": [status]}

    def account_activity_message(self, user_id: str, message: DirectMessage) -> dict[str, Any] | None:
        if user_id not in (message.sender_id, message.recipient_id):
            return None
        users = {person.id: _person_v1(person) for person in self._both(message)}
        return {"for_user_id": user_id, "direct_message_events": [_message_v1(message)], "users": users}

    def _both(self, message: DirectMessage) -> list[Person]:
        return [self._people.get(one) for one in (message.sender_id, message.recipient_id)]


def with_number_strings(content: Any) -> Any:
    """The content with each integer repeated as text, as X Activity has it: {"start": 0, "start_str": "0"}."""
    if isinstance(content, list):
        return [with_number_strings(one) for one in content]
    if not isinstance(content, dict):
        return content
    made: dict[str, Any] = {}
    for key, value in content.items():
        made[key] = with_number_strings(value)
        if isinstance(value, int) and not isinstance(value, bool):  # bool is a subclass of int
            made[f"{key}_str"] = str(value)
    return made


def _with_numbers(person: Person) -> dict[str, Any]:
    return {"data": with_number_strings(responses.person_object(person, _PERSON))}


def _message_v1(message: DirectMessage) -> dict[str, Any]:
    entities: dict[str, list[Any]] = {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []}
    return {
        "type": "message_create",
        "id": str(message.id),
        "created_timestamp": str(int(message.created_at * 1000)),
        "message_create": {
            "target": {"recipient_id": message.recipient_id},
            "sender_id": message.sender_id,
            "message_data": {"text": message.text, "entities": entities},
        },
    }


def _person_v1(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "created_timestamp": str(int(person.created_at * 1000)),
        "name": person.name,
        "screen_name": person.username,
        "protected": False,
        "verified": False,
        "followers_count": person.followers,
        "friends_count": 0,
        "statuses_count": 0,
        "profile_image_url_https": "https://abs.twimg.com/sticky/default_profile_images/default_profile_normal.png",
    }


def _post_v1(post: Post, people: People) -> dict[str, Any]:
    author, parent = people.get(post.author_id), people.find(post.reply_to_author)
    made = {
        "created_at": datetime.fromtimestamp(post.created_at, UTC).strftime("%a %b %d %H:%M:%S +0000 %Y"),
        "id": post.id,  # beyond 2^53, so JavaScript clients need id_str
        "id_str": str(post.id),
        "text": responses.shown_text(post),
        "truncated": post.long,
        "in_reply_to_status_id": post.reply_to,
        "in_reply_to_status_id_str": None if post.reply_to is None else str(post.reply_to),
        "in_reply_to_user_id": int(post.reply_to_author) if parent else None,
        "in_reply_to_user_id_str": post.reply_to_author or None,
        "in_reply_to_screen_name": parent.username if parent else None,
        "user": _author_v1(author),
        "is_quote_status": post.quotes is not None,
        "entities": _entities_v1(post, people),
        "lang": language(post.text),
        "timestamp_ms": str(int(post.created_at * 1000)),
        "edit_history": {
            "initial_tweet_id": str(post.history[0]),
            "edit_tweet_ids": [str(one) for one in post.history],
        },
    }
    made |= {"quoted_status_id": post.quotes, "quoted_status_id_str": str(post.quotes)} if post.quotes else {}
    made |= {"retweeted_status": {"id": post.reposts, "id_str": str(post.reposts)}} if post.reposts else {}
    return made | ({"extended_tweet": {"full_text": post.text}} if post.long else {})


def _author_v1(author: Person) -> dict[str, Any]:
    return {
        "id": int(author.id),
        "id_str": author.id,
        "name": author.name,
        "screen_name": author.username,
        "protected": False,
        "followers_count": author.followers,
    }


def _entities_v1(post: Post, people: People) -> dict[str, Any]:
    known = [(one, person) for one in post.mentions if (person := people.named(one.word))]
    mentions = [
        {"screen_name": one.word, "name": person.name, "id": int(person.id), "id_str": person.id}
        | {"indices": [one.start, one.end]}
        for one, person in known
    ]
    urls = [{"expanded_url": one.word, "indices": [one.start, one.end]} for one in post.links]
    return {"hashtags": [], "symbols": [], "user_mentions": mentions, "urls": urls}
