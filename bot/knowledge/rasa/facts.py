"""What Rasa's files say, one fact at a time, each with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from bot.errors import Mistake


@dataclass(frozen=True, slots=True)
class Spot:
    """A file and a line in it, from 1."""

    file: Path
    line: int

    def dropped(self, what: str, why: str, mend: str = "nothing to do, unless you miss it") -> Mistake:
        return Mistake(str(self.file), self.line, what, why, mend)

    def lost(self, what: str, why: str, mend: str) -> Lost:
        return Lost(self.dropped(what, why, mend))


@dataclass(frozen=True, slots=True)
class Example:
    """Somebody says this and means the intent. language: '' if it is to be seen by its letters."""

    intent: str
    text: str
    spot: Spot
    language: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What our own export wrote down of an intent."""

    intent: str
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Reply:
    """One wording of a response; '' for every channel and for the language that its letters show."""

    action: str
    text: str
    spot: Spot
    channel: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Follows:
    """A rule or story that is nothing but an intent and the response to it."""

    intent: str
    action: str
    spot: Spot


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that Rasa's format has a place for and that cannot be taken over as it is written. whole_file: nothing
    of that file can be read."""

    mistake: Mistake
    whole_file: bool = False


Fact: TypeAlias = Example | About | Reply | Follows | Mistake | Lost
