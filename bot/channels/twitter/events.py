"""Turns X's webhook events into Inbounds: X Activity and the older Account Activity API, posts and direct messages.

Formats: docs.x.com, x-api/activity/event-payloads and x-api/account-activity/introduction. The same post arrives in
several kinds of event, by polling, and sometimes twice; its id makes all of them one message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeAlias

from bot.channels.twitter import posts
from bot.channels.twitter.payloads import (
    EMPTY,
    handle_of,
    id_at,
    object_at,
    objects_at,
    text_at,
    time_at,
    unescaped,
    value_at,
)
from bot.channels.twitter.posts import kind_of, media_from_v1, media_of, place_of
from bot.domain.messages import Inbound, Instant, Kind, Media

MAX_MESSAGES = 100  # taken from one request
MAX_AGE = 7 * 86_400.0  # seconds; X replays events, and a reply to an older one would confuse


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """The account that receives the events."""

    account: str  # its name in config.yaml
    user: str  # its user id at X


Reader: TypeAlias = Callable[[Mapping[str, Any], OwnAccount, Instant], Iterator[Inbound]]


def inbounds_of(event: Any, ours: OwnAccount, arrived: Instant) -> tuple[Inbound, ...]:
    """The messages to our account in a request's JSON; events of others, our own, old and unknown ones are left out."""
    envelope = object_at(event, "data")
    inbounds = _activity(envelope, ours, arrived) if envelope else _account_activity(object_at(event), ours, arrived)
    to_us = (one for one in islice(inbounds, MAX_MESSAGES) if one.handle != ours.user and one.at > arrived - MAX_AGE)
    return tuple(to_us)


def _activity(envelope: Mapping[str, Any], ours: OwnAccount, arrived: Instant) -> Iterator[Inbound]:
    read = _ACTIVITIES.get(text_at(envelope, "event_type"))
    if read is None or (id_at(envelope, "filter", "user_id") != ours.user and read is not _deleted):
        return iter(())
    return read(envelope, ours, arrived)


def _post(envelope: Mapping[str, Any], ours: OwnAccount, arrived: Instant) -> Iterator[Inbound]:
    """A post event. A quote event always concerns a post of ours, though X may not include that post."""
    post = posts.post_of(object_at(envelope, "payload"), object_at(envelope, "includes"), ours.user)
    if text_at(envelope, "event_type") == "post.quote.create":
        post = replace(post, quotes_us=True)
    return _without_none([None if post.repost else posts.inbound_of(ours.account, post, arrived)])


def _deleted(envelope: Mapping[str, Any], ours: OwnAccount, arrived: Instant) -> Iterator[Inbound]:
    payload = object_at(envelope, "payload")
    return _without_none([posts.deletion_of(ours.account, id_at(payload, "id"), id_at(payload, "author_id"), arrived)])


def _messages(payload: Mapping[str, Any], ours: OwnAccount, arrived: Instant) -> Iterator[Inbound]:
    users = object_at(payload, "users")
    read = (from_message_create(one, ours.user, users) for one in objects_at(payload, "direct_message_events"))
    return _without_none(inbound_of(ours.account, one, ours.user, arrived) for one in read)


def _account_activity(event: Mapping[str, Any], ours: OwnAccount, arrived: Instant) -> Iterator[Inbound]:
    """An Account Activity event. `user_has_blocked`: our account has blocked the author, whose posts are ignored."""
    if id_at(event, "for_user_id") != ours.user:
        return
    if value_at(event, "user_has_blocked") is not True:
        read = (posts.post_from_v1(one, ours.user) for one in objects_at(event, "tweet_create_events"))
        yield from _without_none(None if one.repost else posts.inbound_of(ours.account, one, arrived) for one in read)
    gone = (object_at(one, "status") for one in objects_at(event, "tweet_delete_events"))
    yield from _without_none(
        posts.deletion_of(ours.account, id_at(one, "id"), id_at(one, "user_id"), arrived) for one in gone
    )
    yield from _messages(event, ours, arrived)


def _without_none(several: Any) -> Iterator[Inbound]:
    return (one for one in several if one is not None)


_ACTIVITIES: Mapping[str, Reader] = MappingProxyType(
    {
        "post.mention.create": _post,
        "post.reply.create": _post,
        "post.quote.create": _post,
        "post.delete": _deleted,
        "dm.received": lambda envelope, ours, arrived: _messages(object_at(envelope, "payload"), ours, arrived),
    }
)


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """A direct message, read from either of its two formats."""

    id: str
    sender: str  # user id
    text: str
    at: Instant  # 0 if unknown
    one_to_one: bool  # a conversation of two, one of whom is our account; groups are not answered
    media: Media | None = None
    link: str = ""  # X's link to the attachment, which it appends to the text
    place: Mapping[str, str] = field(default_factory=dict)  # label, lat, lon of a shared place
    username: str = ""  # the sender's @name without the sign


def from_dm_event(event: Mapping[str, Any], ours: str) -> DirectMessage:
    """Read a v2 event of GET /2/dm_events. The id of a conversation of two is both user ids joined by a hyphen."""
    created = text_at(event, "event_type") == "MessageCreate"
    both = text_at(event, "dm_conversation_id").split("-")
    return DirectMessage(
        id_at(event, "id"),
        id_at(event, "sender_id"),
        text_at(event, "text"),
        time_at(event, "created_at"),
        created and len(both) == 2 and ours in both,
        media_of(event, EMPTY),
    )


def from_message_create(event: Mapping[str, Any], ours: str, users: Mapping[str, Any] = EMPTY) -> DirectMessage:
    """Read a message_create event of either webhook API. users: X's user objects by id."""
    made = object_at(event, "message_create")
    attachment = object_at(made, "message_data", "attachment")
    media, sender = object_at(attachment, "media"), id_at(made, "sender_id")
    who = {**object_at(users, sender), **object_at(users, sender, "data")}
    return DirectMessage(
        id_at(event, "id"),
        sender,
        text_at(made, "message_data", "text"),
        time_at(event, "created_timestamp"),
        text_at(event, "type") == "message_create" and id_at(made, "target", "recipient_id") == ours,
        media_from_v1(media) if media else None,
        text_at(media, "url"),
        place_of(attachment),
        handle_of(text_at(who, "username") or text_at(who, "screen_name")),
    )


def inbound_of(account: str, direct: DirectMessage, ours: str, arrived: Instant) -> Inbound | None:
    """The private Inbound; None for our own messages, groups and incomplete ones."""
    if not (direct.id and direct.sender and direct.one_to_one) or direct.sender == ours:
        return None
    words = unescaped(direct.text.replace(direct.link, "") if direct.link else direct.text).strip()
    alone = kind_of(direct.media) if direct.media else Kind.LOCATION if direct.place else Kind.UNSUPPORTED
    kind = Kind.TEXT if words else alone
    data = {"id": direct.id, **direct.place} | ({"username": direct.username} if direct.username else {})
    return Inbound(
        account,
        direct.sender,
        f"message:{direct.id}",
        kind,
        words,
        direct.media,
        direct.at or arrived,
        data=data,
    )
