"""The people on the platform, the brand among them, and who has blocked whom."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from bot.errors import YingdaError


class UnknownPerson(YingdaError):
    """Nobody here has this id."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a handle. messages_open: whether the brand may write to them privately without being asked;
    who has written to the brand has opened the door themselves. protected: only their followers see their posts."""

    id: str
    username: str
    name: str
    created_at: float
    followers: int = 0
    messages_open: bool = False
    protected: bool = False


class People:
    """Everybody by id and by handle."""

    def __init__(self) -> None:
        self._by_id: dict[str, Person] = {}
        self._ids: dict[str, str] = {}
        self._blocks: dict[tuple[str, str], None] = {}

    def add(self, username: str, name: str, now: float, **more: Any) -> Person:
        """A new person; the same handle is the same person, also after a restart of the simulator."""
        known = self.named(username)
        if known is not None:
            return self.put(replace(known, **more)) if more else known
        return self.put(Person(_id_of(username), username, name or username, now, **more))

    def put(self, person: Person) -> Person:
        self._by_id[person.id] = person
        self._ids[person.username.lower()] = person.id
        return person

    def get(self, person_id: str) -> Person:
        """Raises UnknownPerson."""
        try:
            return self._by_id[person_id]
        except KeyError as missing:
            raise UnknownPerson(person_id) from missing

    def find(self, person_id: str) -> Person | None:
        return self._by_id.get(person_id)

    def named(self, username: str) -> Person | None:
        return self._by_id.get(self._ids.get(username.lower(), ""))

    def all(self) -> list[Person]:
        return list(self._by_id.values())

    def block(self, blocker: str, blocked: str, on: bool = True) -> None:
        if on:
            self._blocks[blocker, blocked] = None
        else:
            self._blocks.pop((blocker, blocked), None)

    def blocks(self, blocker: str, blocked: str) -> bool:
        return (blocker, blocked) in self._blocks

    def blocked_by(self, blocker: str) -> list[Person]:
        """Newest first, as the platform lists them."""
        return [self._by_id[blocked] for one, blocked in reversed(self._blocks) if one == blocker]


def _id_of(username: str) -> str:
    number = int.from_bytes(hashlib.sha256(username.lower().encode()).digest()[:7])
    return str(1_000_000_000_000_000_000 + number % 500_000_000_000_000_000)
