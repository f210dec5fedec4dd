"""Every example of a base, and where it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.errors import Mistake
from bot.files import Place
from bot.knowledge.content import LANGUAGES
from bot.knowledge.entries import Base
from bot.knowledge.sameness import same_form


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A way to ask for an entry; for none, if `entry` is '': it is out of scope."""

    entry: str
    text: str
    place: Place
    keys: tuple[str | int, ...]

    @property
    def line(self) -> int:
        return self.place.page.line(*self.place.keys, *self.keys)

    @property
    def at(self) -> str:
        """file:line"""
        return self.place.at(*self.keys)

    def mistake(self, wrong: str, mend: str) -> Mistake:
        return self.place.mistake(self.keys, f"“{self.text}” {wrong}", mend)


def examples(base: Base) -> Iterator[Example]:
    """In the order of the files, Chinese ones first."""
    for id_, entry in base.entries.items():
        for language in LANGUAGES:
            for index, text in enumerate(entry.examples.asked_in(language)):
                yield Example(id_, text, base.places[id_], ("examples", language, index))


def beyond(base: Base) -> Iterator[Example]:
    """What is out of scope."""
    for text, place in base.out_of_scope.items():
        yield Example("", text, place, ())


def titles(base: Base) -> Iterator[Example]:
    """What entries are called; training learns from that too."""
    for id_, entry in base.entries.items():
        for language in LANGUAGES:
            yield Example(id_, entry.title.said_in(language), base.places[id_], ("title", language))


class Index:
    """Finds where a text that training learned from is written."""

    def __init__(self, base: Base) -> None:
        self._known: dict[tuple[str, str], Example] = {}
        for one in (*examples(base), *titles(base)):
            self._known.setdefault((one.entry, same_form(one.text)), one)

    def find(self, entry: str, text: str) -> Example | None:
        return self._known.get((entry, same_form(text)))
