"""Links in answers: which there are and, by what following them gave, which of them lead nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bot.errors import Mistake
from bot.files import Place
from bot.knowledge.entries import Base

NOBODY = 0
Statuses: TypeAlias = Mapping[str, int]
"""By address: the HTTP status it answered with, NOBODY if it could not be reached. Who was not asked is not in it."""

_LINK = re.compile(r"https?://[^\s\"'<>（）()，。；！？“”]+", re.IGNORECASE)
_GONE = (404, 410)


@dataclass(frozen=True, slots=True)
class Link:
    """An address in an answer, and where it stands."""

    address: str
    place: Place
    keys: tuple[str | int, ...]


def links(base: Base) -> list[Link]:
    """Every link of every answer, in the order of the files."""
    return [
        Link(found.rstrip(".,;:!?"), base.places[id_], one.keys)
        for id_, entry in base.entries.items()
        for one in entry.words()
        for found in _LINK.findall(one.text)
    ]


def addresses(found: Sequence[Link]) -> list[str]:
    """Each address once."""
    return list(dict.fromkeys(link.address for link in found))


def dead(found: Sequence[Link], statuses: Statuses) -> Iterator[Mistake]:
    """The links that lead nowhere. Where not a single one answered we are offline, and that is no link's fault."""
    if not any(statuses.values()):
        return
    for link in found:
        status = statuses.get(link.address)
        if status in _GONE or status == NOBODY:
            wrong = f"{link.address} " + (f"answers {status}: it is gone" if status else "does not answer")
            yield link.place.mistake(link.keys, wrong, "write where it is now, or say it without a link")
