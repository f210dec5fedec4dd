"""What hangs on a post or a direct message: pictures, videos, a place."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bot.channels.twitter.reading import each, found, mapping, number, text
from bot.messages import Kind, Media

# X's media keys begin with the number of their kind: 3_1136048014974423040 is a photo.
_BY_PREFIX: Mapping[str, str] = MappingProxyType({"3": "photo", "7": "video", "13": "video", "16": "animated_gif"})
_KINDS: Mapping[str, Kind] = MappingProxyType({"video": Kind.VIDEO})
MOST = 4  # of one post


def media_of(thing: Mapping[str, Any], includes: Mapping[str, Any]) -> Media | None:
    """The media of a v2 post or message, by their keys; what `includes` knows of them comes along."""
    listed = found(thing, "attachments", "media_keys")
    keys = [text({"key": one}, "key")[:64] for one in listed] if isinstance(listed, list) else []
    known = {text(one, "media_key"): one for one in each(includes, "media")}
    return _together([(key, known.get(key, {})) for key in keys if key][:MOST])


def _together(several: list[tuple[str, Mapping[str, Any]]]) -> Media | None:
    if not several:
        return None
    key, first = several[0]
    shown = [_address(one) or key for key, one in several]
    told = " · ".join(filter(None, (text(one, "alt_text")[:512] for _, one in several)))
    return Media(" ".join(shown), text(first, "type")[:32] or _BY_PREFIX.get(key.partition("_")[0], ""), "", told)


def older_media_of(*several: Mapping[str, Any]) -> Media | None:
    """Media in the shape of v1.1, which has no keys; some of them may be given twice."""
    shown = dict.fromkeys(_address(one) or number(one, "id_str") or number(one, "id") for one in several)
    kept = [one for one in shown if one][:MOST]
    return Media(" ".join(kept), text(several[0], "type")[:32]) if kept else None


def place_of(attachment: Mapping[str, Any]) -> Mapping[str, str]:
    """The facts of a place that somebody shares in a direct message; nothing if they share none."""
    place = mapping(attachment, "location", "shared_place", "place")
    at = found(attachment, "location", "shared_coordinate", "coordinates", "coordinates")
    label = text(place, "full_name") or text(place, "name")
    facts = {"label": label[:512]} if label else {}
    if isinstance(at, list) and len(at) == 2 and all(isinstance(one, int | float) for one in at):
        facts |= {"lon": str(at[0]), "lat": str(at[1])}  # GeoJSON puts the longitude first
    return facts


def kind_of(media: Media) -> Kind:
    """What a message is that consists of this and no words."""
    return _KINDS.get(media.format, Kind.IMAGE)


def _address(one: Mapping[str, Any]) -> str:
    """Where people can see it; what hangs on a direct message can only be seen by the account."""
    known = (text(one, name)[:512] for name in ("media_url_https", "url"))
    return next((url for url in known if url.startswith("https://pbs.twimg.com/")), "")
