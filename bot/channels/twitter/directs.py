"""A direct message on X in the two shapes in which it arrives, and the message that it is to us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.channels.twitter.attached import kind_of, media_of, older_media_of, place_of
from bot.channels.twitter.reading import NOTHING, handle_of, mapping, number, text, unescaped, written_at
from bot.messages import Inbound, Instant, Kind, Media


@dataclass(frozen=True, slots=True)
class Direct:
    """with_us: it belongs to a talk of two, of whom one is our account."""

    id: str
    sender: str
    words: str
    at: Instant
    with_us: bool
    media: Media | None = None
    link: str = ""
    place: Mapping[str, str] = field(default_factory=dict)
    username: str = ""


def direct_of(event: Mapping[str, Any], ours: str) -> Direct:
    """A v2 event of GET /2/dm_events. A talk of two is named by both ids; a group has a number of its own."""
    created = text(event, "event_type") == "MessageCreate"
    both = text(event, "dm_conversation_id").split("-")
    return Direct(
        number(event, "id"),
        number(event, "sender_id"),
        text(event, "text"),
        written_at(event, "created_at"),
        created and len(both) == 2 and ours in both,
        media_of(event, NOTHING),
    )


def event_of(event: Mapping[str, Any], ours: str, users: Mapping[str, Any] = NOTHING) -> Direct:
    """A message_create event, the same in Account Activity and in X Activity's dm.received; `users` by their ids."""
    made = mapping(event, "message_create")
    attachment = mapping(made, "message_data", "attachment")
    media, sender = mapping(attachment, "media"), number(made, "sender_id")
    who = {**mapping(users, sender), **mapping(users, sender, "data")}
    return Direct(
        number(event, "id"),
        sender,
        text(made, "message_data", "text"),
        written_at(event, "created_timestamp"),
        text(event, "type") == "message_create" and number(made, "target", "recipient_id") == ours,
        older_media_of(media) if media else None,
        text(media, "url"),
        place_of(attachment),
        handle_of(text(who, "username") or text(who, "screen_name")),
    )


def inbound_of(account: str, direct: Direct, ours: str, arrived: Instant) -> Inbound | None:
    """The private message; None for our own, for groups and for what is not a complete message."""
    if not (direct.id and direct.sender and direct.with_us) or direct.sender == ours:
        return None
    words = unescaped(direct.words.replace(direct.link, "") if direct.link else direct.words).strip()
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
