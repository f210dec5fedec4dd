"""The record, as those see it who publish, take up and judge editions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.messages import Instant
from bot.traffic import Question


@dataclass(frozen=True, slots=True)
class Activation:
    """An edition became the active one. replaced: the one before; 0 if it was the first."""

    number: int
    replaced: int
    at: Instant
    by: str


@dataclass(frozen=True, slots=True)
class Published:
    """An edition that is kept: when and by whom it was published, and each time it became active, oldest first.

    activations: none for an edition published before they were noted.
    """

    number: int
    at: Instant
    by: str
    activations: tuple[Activation, ...] = ()


class Editions(Protocol):
    """The record, as those see it who publish and take up editions."""

    async def active(self) -> int:
        """The number of the active edition; 0 before the first."""
        ...

    async def load(self, number: int) -> tuple[str, bytes]:
        """An edition's content (JSON) and trained model. Raises LookupError."""
        ...

    async def publish(
        self, content: str, model: bytes, by: str, based_on: int, parts: Mapping[str, bool] | None = None
    ) -> int:
        """Write the next edition and make it active if `based_on` still is; its number. Raises Stale.

        parts: the names of those that it refers to, and whether each is of its model; `Parts` keeps them already.
        """
        ...

    async def activate(self, number: int, by: str, based_on: int) -> None:
        """Make an edition of before active again if `based_on` still is. Raises Stale, and LookupError."""
        ...

    async def history(self, newest: int) -> list[Published]:
        """The `newest` editions and the active one, newest first."""
        ...


class Parts(Protocol):
    """The record, as those see it who write and read editions in pieces. Each waits: none is for the event loop."""

    def fetch(self, names: Sequence[str]) -> Mapping[str, bytes]:
        """The parts of these names. Raises LookupError if one is not there, and Unavailable."""
        ...

    def keep(self, written: Mapping[str, bytes]) -> None:
        """Write those that are not there yet. Raises Unavailable."""
        ...

    def let_go(self, before: int) -> int:
        """Forget the models of all editions before that number but the active one, and what no edition refers to and
        nobody has just written; how many parts. Raises Unavailable."""
        ...


class VectorStore(Protocol):
    """The record, as training sees it: what encoders made of texts before. Each waits, and raises Unavailable."""

    def known(self, encoder: str, digests: Sequence[str]) -> Mapping[str, bytes]:
        """The vectors (half floats) of those texts that are known, by digest."""
        ...

    def keep(self, encoder: str, made: Mapping[str, bytes]) -> None: ...

    def forget(self, used: Mapping[str, Collection[str]]) -> int:
        """Forget what is a week old and used by none of these encoders (by name, with their digests); how many."""
        ...


class Traffic(Protocol):
    """The record, as those see it who judge an edition by what customers really asked."""

    async def questions(self, since: Instant, limit: int) -> list[Question]:
        """The newest `limit` messages to the bot since then, oldest first, with what was made of each. Raises
        Unavailable."""
        ...
