"""How much each channel takes in one message, and which answers are longer than that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from bot.errors import Mistake
from bot.files import Place
from bot.knowledge.entries import Base, Entry
from bot.weighing import weigh
from bot.wording import measure


@dataclass(frozen=True, slots=True)
class Room:
    """What fits into one message of a channel: at most `most` of `unit`, as `size` counts them."""

    channel: str
    name: str
    most: int
    unit: str
    size: Callable[[str], int]


ROOMS = (
    # bytes in one text message; the official page names no number, dodgepudding/wechat-php-sdk#363 does
    Room("wechat", "WeChat", 2047, "bytes", lambda text: measure(text, "bytes")),
    Room("twitter", "X", 280, "signs (a Chinese one counts 2)", weigh),
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
