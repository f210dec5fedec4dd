"""What an editor should know before publishing: everything that is wrong, and what is likely to go wrong.

Errors keep a knowledge base from loading; warnings do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from bot.errors import Mistake
from bot.knowledge.content import LANGUAGES
from bot.knowledge.entries import Base, Entry, Place
from bot.knowledge.sameness import gist, same_form
from bot.wording import measure

FEWEST_EXAMPLES = 6
LONGEST_ON_WECHAT = (
    2047  # bytes in one text message; the official page names no number, dodgepudding/wechat-php-sdk#363 does
)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the content, where it stands, and how to mend it."""

    severity: Severity
    mistake: Mistake

    def __str__(self) -> str:
        return f"{self.severity}: {self.mistake}"


def check(base: Base, mistakes: Sequence[Mistake], today: date) -> list[Finding]:
    """Findings about what `entries.read` gave: its mistakes as errors, then warnings in the order of the files."""
    warnings = [*_of_each(base, today), *_repeated(base), *_alike(base)]
    warnings.sort(key=lambda warning: (warning.file, warning.line))
    return [Finding(Severity.ERROR, mistake) for mistake in mistakes] + [
        Finding(Severity.WARNING, warning) for warning in warnings
    ]


def _of_each(base: Base, today: date) -> Iterator[Mistake]:
    for id_, entry in base.entries.items():
        place = base.places[id_]
        yield from _too_few(entry, place)
        yield from _too_long(entry, place)
        if entry.valid_to is not None and entry.valid_to < today:
            wrong = f"{entry.id} is out of date since {entry.valid_to}"
            yield place.mistake(("valid_to",), wrong, "prolong it, or remove the entry")


def _too_few(entry: Entry, place: Place) -> Iterator[Mistake]:
    for language in LANGUAGES:
        number = len(entry.examples.asked_in(language))
        if number < FEWEST_EXAMPLES:
            wrong = f"only {number} of at least {FEWEST_EXAMPLES} examples: it will seldom be recognised"
            yield place.mistake(("examples", language), wrong, "add ways in which customers ask, differently worded")


def _too_long(entry: Entry, place: Place) -> Iterator[Mistake]:
    if entry.answers is None:
        return
    for language in LANGUAGES:
        said = entry.answers.said_in(language)
        channel = "wechat" if "wechat" in said else "default"
        length = measure(said[channel], "bytes")
        if length > LONGEST_ON_WECHAT:
            wrong = f"{length:,} bytes; WeChat takes {LONGEST_ON_WECHAT:,} in one message"
            yield place.mistake(("answers", language, channel), wrong, "shorten it, or write a shorter one for wechat")


def _repeated(base: Base) -> Iterator[Mistake]:
    """Examples that stand twice under one entry."""
    for example, other in _pairs(base, same_form):
        if example.entry == other.entry:
            yield example.mistake(f"says the same as line {other.line}", "keep one of the two")


def _alike(base: Base) -> Iterator[Mistake]:
    """Examples of two entries made of the same words."""
    for example, other in _pairs(base, gist):
        if example.entry != other.entry and same_form(example.text) != same_form(other.text):
            wrong = f"is hardly different from “{other.text}” of {other.entry} at {other.place.at(*other.keys)}"
            yield example.mistake(wrong, "reword one of them so that it tells the two entries apart")


@dataclass(frozen=True, slots=True)
class _Example:
    entry: str
    text: str
    place: Place
    keys: tuple[str | int, ...]

    @property
    def line(self) -> int:
        return self.place.page.line(*self.place.keys, *self.keys)

    def mistake(self, wrong: str, mend: str) -> Mistake:
        return self.place.mistake(self.keys, f"“{self.text}” {wrong}", mend)


def _pairs(base: Base, form: Callable[[str], str]) -> Iterator[tuple[_Example, _Example]]:
    """Every example whose form an earlier one had, with the first that had it."""
    first: dict[str, _Example] = {}
    for example in _examples(base):
        other = first.setdefault(form(example.text), example)
        if other is not example:
            yield example, other


def _examples(base: Base) -> Iterator[_Example]:
    for id_, entry in base.entries.items():
        for language in LANGUAGES:
            for index, text in enumerate(entry.examples.asked_in(language)):
                yield _Example(id_, text, base.places[id_], ("examples", language, index))
