"""What a webhook brings: X Activity's envelopes and the older Account Activity's, made into messages.

[DOC x-api/activity/event-payloads, x-api/account-activity/introduction]. The same post comes by several kinds of event,
by polling, and twice anyway; its id makes all of them the same message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeAlias

from bot.channels.twitter import directs, posts
from bot.channels.twitter.reading import each, found, mapping, number, text
from bot.messages import Inbound, Instant

MOST = 100  # messages taken out of one request
OLDEST = 7 * 86_400.0  # seconds after which a replayed event is history


@dataclass(frozen=True, slots=True)
class Ours:
    """Our account: its name here and its number at X."""

    account: str
    user: str


Reader: TypeAlias = Callable[[Mapping[str, Any], Ours, Instant], Iterator[Inbound]]


def inbounds_of(event: Any, ours: Ours, arrived: Instant) -> tuple[Inbound, ...]:
    """The messages to us in a request's JSON; none for what is about others, done by us, too old or unknown."""
    envelope = mapping(event, "data")
    brought = _activity(envelope, ours, arrived) if envelope else _older(mapping(event), ours, arrived)
    to_us = (one for one in islice(brought, MOST) if one.handle != ours.user and one.at > arrived - OLDEST)
    return tuple(to_us)


def _activity(envelope: Mapping[str, Any], ours: Ours, arrived: Instant) -> Iterator[Inbound]:
    read = _ACTIVITIES.get(text(envelope, "event_type"))
    if read is None or (number(envelope, "filter", "user_id") != ours.user and read is not _deleted):
        return iter(())
    return read(envelope, ours, arrived)


def _post(envelope: Mapping[str, Any], ours: Ours, arrived: Instant) -> Iterator[Inbound]:
    """A quote's event is about a post of ours, whether or not that post comes along."""
    post = posts.post_of(mapping(envelope, "payload"), mapping(envelope, "includes"), ours.user)
    if text(envelope, "event_type") == "post.quote.create":
        post = replace(post, quotes=True)
    return _kept([None if post.repeats else posts.inbound_of(ours.account, post, arrived)])


def _deleted(envelope: Mapping[str, Any], ours: Ours, arrived: Instant) -> Iterator[Inbound]:
    payload = mapping(envelope, "payload")
    return _kept([posts.withdrawn(ours.account, number(payload, "id"), number(payload, "author_id"), arrived)])


def _direct(envelope: Mapping[str, Any], ours: Ours, arrived: Instant) -> Iterator[Inbound]:
    return _messages(mapping(envelope, "payload"), ours, arrived)


def _messages(payload: Mapping[str, Any], ours: Ours, arrived: Instant) -> Iterator[Inbound]:
    users = mapping(payload, "users")
    read = (directs.event_of(one, ours.user, users) for one in each(payload, "direct_message_events"))
    return _kept(directs.inbound_of(ours.account, one, ours.user, arrived) for one in read)


def _older(event: Mapping[str, Any], ours: Ours, arrived: Instant) -> Iterator[Inbound]:
    """`user_has_blocked`: our account has blocked the author, and hears nothing from them."""
    if number(event, "for_user_id") != ours.user:
        return
    if found(event, "user_has_blocked") is not True:
        read = (posts.older_post_of(one, ours.user) for one in each(event, "tweet_create_events"))
        yield from _kept(None if one.repeats else posts.inbound_of(ours.account, one, arrived) for one in read)
    gone = (mapping(one, "status") for one in each(event, "tweet_delete_events"))
    yield from _kept(posts.withdrawn(ours.account, number(one, "id"), number(one, "user_id"), arrived) for one in gone)
    yield from _messages(event, ours, arrived)


def _kept(several: Any) -> Iterator[Inbound]:
    return (one for one in several if one is not None)


_ACTIVITIES: Mapping[str, Reader] = MappingProxyType(
    {
        "post.mention.create": _post,
        "post.reply.create": _post,
        "post.quote.create": _post,
        "post.delete": _deleted,
        "dm.received": _direct,
    }
)
