"""How much each channel takes in one message, and which answers are longer than that."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from bot.errors import Mistake
from bot.files import Place
from bot.knowledge.entries import Base, Entry
from bot.wording import measure

_LINK = re.compile(r"https?://\S+")
_LINK_WEIGHS = 23
_LIGHT = ((0x0, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))
_PICTURE = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf](?:[\ufe0f\u200d\U0001f3fb-\U0001f3ff]|(?<=\u200d).)*")


@dataclass(frozen=True, slots=True)
class Room:
    """What fits into one message of a channel: at most `most` of `unit`, as `size` counts them."""

    channel: str
    name: str
    most: int
    unit: str
    size: Callable[[str], int]


def weight(text: str) -> int:
    """The length of a post on X: most Latin signs count 1, Chinese ones 2, any link 23 and any picture 2.

    https://docs.x.com/fundamentals/counting-characters (configuration v3).
    """
    composed = unicodedata.normalize("NFC", text)
    bare, links = _LINK.subn("", composed)
    bare, pictures = _PICTURE.subn("", bare)
    return links * _LINK_WEIGHS + pictures * 2 + sum(1 if _light(ord(sign)) else 2 for sign in bare)


def _light(code: int) -> bool:
    return any(first <= code <= last for first, last in _LIGHT)


ROOMS = (
    # bytes in one text message; the official page names no number, dodgepudding/wechat-php-sdk#363 does
    Room("wechat", "WeChat", 2047, "bytes", lambda text: measure(text, "bytes")),
    Room("twitter", "X", 280, "signs (a Chinese one counts 2)", weight),
)


def too_long(base: Base, channels: Collection[str]) -> Iterator[Mistake]:
    """Answers that do not fit into one message of these channels."""
    for id_, entry in base.entries.items():
        for room in ROOMS:
            if room.channel in channels:
                yield from _beyond(entry, base.places[id_], room)


def _beyond(entry: Entry, place: Place, room: Room) -> Iterator[Mistake]:
    for one in entry.answers.words_on(room.channel) if entry.answers else ():
        length = room.size(one.text)
        if length > room.most:
            wrong = f"{length:,} {room.unit}; {room.name} takes {room.most:,} in one message"
            shorter = "" if one.channel == room.channel else f", or write a shorter one for {room.channel}"
            yield place.mistake(one.keys, wrong, f"shorten it{shorter}")
