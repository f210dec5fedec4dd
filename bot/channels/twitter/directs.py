"""A direct message on X in the two shapes in which it arrives, and the message that it is to us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.channels.twitter.reading import found, mapping, number, text, unescaped, written_at
from bot.messages import Inbound, Instant, Kind, Media


@dataclass(frozen=True, slots=True)
class Direct:
    """with_us: it belongs to a talk of two, of whom one is our account."""

    id: str
    sender: str
    words: str
    at: Instant
    with_us: bool
    picture: str = ""
    link: str = ""


def direct_of(event: Mapping[str, Any], ours: str) -> Direct:
    """A v2 event of GET /2/dm_events. A talk of two is named by both ids; a group has a number of its own."""
    created = text(event, "event_type") == "MessageCreate"
    both = text(event, "dm_conversation_id").split("-")
    keys = found(event, "attachments", "media_keys")
    picture = next((text({"key": one}, "key")[:64] for one in keys), "") if isinstance(keys, list) else ""
    return Direct(
        number(event, "id"),
        number(event, "sender_id"),
        text(event, "text"),
        written_at(event, "created_at"),
        created and len(both) == 2 and ours in both,
        picture,
    )


def event_of(event: Mapping[str, Any], ours: str) -> Direct:
    """A message_create event, the same in Account Activity and in X Activity's dm.received."""
    made = mapping(event, "message_create")
    media = mapping(made, "message_data", "attachment", "media")
    return Direct(
        number(event, "id"),
        number(made, "sender_id"),
        text(made, "message_data", "text"),
        written_at(event, "created_timestamp"),
        text(event, "type") == "message_create" and number(made, "target", "recipient_id") == ours,
        number(media, "id_str"),
        text(media, "url"),
    )


def inbound_of(account: str, direct: Direct, ours: str, arrived: Instant) -> Inbound | None:
    """The private message; None for our own, for groups and for what is not a complete message."""
    if not (direct.id and direct.sender and direct.with_us) or direct.sender == ours:
        return None
    words = unescaped(direct.words.replace(direct.link, "") if direct.link else direct.words).strip()
    kind = Kind.TEXT if words else Kind.IMAGE if direct.picture else Kind.UNSUPPORTED
    media = Media(direct.picture) if direct.picture else None
    return Inbound(
        account,
        direct.sender,
        f"message:{direct.id}",
        kind,
        words,
        media,
        direct.at or arrived,
        data={"id": direct.id},
    )
