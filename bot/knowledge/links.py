"""Links in answers: which there are and, for those who are online, which of them lead nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeAlias

from bot.errors import Mistake
from bot.knowledge.entries import Base, Place

Fetch: TypeAlias = Callable[[str], int]
_LINK = re.compile(r"https?://[^\s\"'<>（）()，。；！？“”]+", re.IGNORECASE)
_AT_ONCE = 8
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
        Link(found.rstrip(".,;:!?"), base.places[id_], ("answers", language, channel))
        for id_, entry in base.entries.items()
        for language, said in entry.words()
        for channel, wording in said.items()
        for found in _LINK.findall(wording)
    ]


def dead(found: Sequence[Link], fetch: Fetch, patience: float = 15.0) -> Iterator[Mistake]:
    """The links that lead nowhere.

    `fetch` takes an address and gives the HTTP status; it raises OSError if nobody answers. Each address is fetched
    once, several at a time, and what has not answered after `patience` seconds is left in peace. Where not a single one
    answers we are offline, and that is no link's fault: nothing is reported.
    """
    statuses = _statuses(list(dict.fromkeys(link.address for link in found)), fetch, patience)
    if not any(statuses.values()):
        return
    for link in found:
        status = statuses.get(link.address)
        if status in _GONE or status == 0:
            wrong = f"{link.address} " + (f"answers {status}: it is gone" if status else "does not answer")
            yield link.place.mistake(link.keys, wrong, "write where it is now, or say it without a link")


def _statuses(addresses: Sequence[str], fetch: Fetch, patience: float) -> Mapping[str, int]:
    """The status of each address that made itself known in time; 0 for one that could not be reached."""
    if not addresses:
        return {}
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="link")
    asked = {pool.submit(_status, fetch, address): address for address in addresses}
    done, _ = wait(asked, timeout=patience)
    pool.shutdown(wait=False, cancel_futures=True)
    return {asked[one]: one.result() for one in done}


def _status(fetch: Fetch, address: str) -> int:
    try:
        return fetch(address)
    except OSError:
        return 0
