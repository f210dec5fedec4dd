"""What an editor should know before publishing: everything that is wrong, and what is likely to go wrong.

Errors keep a knowledge base from loading; warnings do not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import permutations
from typing import TypeAlias

from bot.errors import Mistake
from bot.knowledge.content import LANGUAGES, Language
from bot.knowledge.entries import CHANNELS, Base, Entry, Place
from bot.knowledge.lengths import too_long
from bot.knowledge.links import Fetch, dead, links
from bot.knowledge.nearness import near_pairs
from bot.knowledge.sameness import gist, same_form

FEWEST_EXAMPLES = 6
NEAR = 0.8  # the share of letters in common from which two questions look alike
OFTEN = 3  # how many mix-ups between two entries are more than chance
_SHOWN = 3
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_LATIN = re.compile(r"[A-Za-z]")

Confusion: TypeAlias = tuple[str, str, str]
"""(the entry meant, the entry taken for it, the example), as training's rehearsal shows it."""


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


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the checks may know beyond the files.

    channels: those the deployment has accounts on. confusions: what training's rehearsal mixed up. fetch: asks the
    network for a link's HTTP status (OSError: nobody answers); None: links are not followed.
    """

    channels: Collection[str] = CHANNELS
    confusions: Sequence[Confusion] = ()
    fetch: Fetch | None = None


def check(base: Base, mistakes: Sequence[Mistake], today: date, outlook: Outlook | None = None) -> list[Finding]:
    """Findings about what `entries.read` gave: its mistakes as errors, then warnings in the order of the files."""
    outlook = outlook or Outlook()
    warnings = [
        *_of_each(base, today),
        *too_long(base, outlook.channels),
        *_repeated(base),
        *_alike(base),
        *_confused(base, outlook.confusions),
        *(dead(links(base), outlook.fetch) if outlook.fetch else ()),
    ]
    warnings.sort(key=lambda warning: (warning.file, warning.line))
    return [Finding(Severity.ERROR, mistake) for mistake in mistakes] + [
        Finding(Severity.WARNING, warning) for warning in warnings
    ]


def _of_each(base: Base, today: date) -> Iterator[Mistake]:
    for id_, entry in base.entries.items():
        place = base.places[id_]
        yield from _too_few(entry, place)
        yield from _other_language(entry, place)
        yield from _one_sided(entry, place)
        if entry.valid_to is not None and entry.valid_to < today:
            wrong = f"{entry.id} is out of date since {entry.valid_to}"
            yield place.mistake(("valid_to",), wrong, "prolong it, or remove the entry")


def _too_few(entry: Entry, place: Place) -> Iterator[Mistake]:
    for language in LANGUAGES:
        number = len(entry.examples.asked_in(language))
        if number < FEWEST_EXAMPLES:
            wrong = f"only {number} of at least {FEWEST_EXAMPLES} examples: it will seldom be recognised"
            yield place.mistake(("examples", language), wrong, "add ways in which customers ask, differently worded")


def _other_language(entry: Entry, place: Place) -> Iterator[Mistake]:
    """What stands under one language and is written in the other: the first is then missing."""
    for index, example in enumerate(entry.examples.en):
        if _HAN.search(example):
            yield place.mistake(("examples", "en", index), f"“{example}” is Chinese", "let it stand under zh")
    for language, said in entry.words():
        for channel, wording in said.items():
            if not _is_in(language, wording):
                wrong = f"is not in {'Chinese' if language == 'zh' else 'English'}"
                yield place.mistake(("answers", language, channel), wrong, "translate it")


def _is_in(language: Language, wording: str) -> bool:
    """Some Chinese for zh, more Latin letters than Chinese ones for en: a name may stand in the other script."""
    chinese = len(_HAN.findall(wording))
    return chinese > 0 if language == "zh" else len(_LATIN.findall(wording)) > chinese


def _one_sided(entry: Entry, place: Place) -> Iterator[Mistake]:
    """Words for a channel in one language only."""
    said = {language: set(words) for language, words in entry.words()}
    for here, there in permutations(said, 2):
        for channel in sorted(said[here] - said[there]):
            wrong = f"has words for {channel} in {here} only"
            yield place.mistake(("answers", there), wrong, f"write them in {there} too")


def _repeated(base: Base) -> Iterator[Mistake]:
    """Examples that stand twice under one entry."""
    for example, other in _pairs(list(_examples(base)), same_form):
        if example.entry == other.entry:
            yield example.mistake(f"says the same as line {other.line}", "keep one of the two")


def _alike(base: Base) -> Iterator[Mistake]:
    """Examples of two entries that are made of the same words, or of nearly the same letters."""
    examples = list(_examples(base))
    near = [
        (examples[later], examples[earlier]) for later, earlier, _ in near_pairs([one.text for one in examples], NEAR)
    ]
    seen: set[_Example] = set()
    for example, other in (*_pairs(examples, gist), *near):
        same = same_form(example.text) == same_form(other.text)
        if example.entry != other.entry and not same and example not in seen:
            seen.add(example)
            wrong = f"is hardly different from “{other.text}” of {other.entry} at {other.place.at(*other.keys)}"
            yield example.mistake(wrong, "reword one of them so that it tells the two entries apart")


def _confused(base: Base, confusions: Sequence[Confusion]) -> Iterator[Mistake]:
    """Entries that training's rehearsal took for each other, with the examples that show it."""
    mixed: defaultdict[frozenset[str], list[Confusion]] = defaultdict(list)
    for confusion in confusions:
        mixed[frozenset(confusion[:2])].append(confusion)
    written = _by_form(base)
    for found in mixed.values():
        meant, taken, text = found[0]
        if len(found) >= OFTEN and meant in base.places:
            place, keys = written.get((meant, same_form(text)), (base.places[meant], ()))
            shown = ", ".join(f"“{one}” → {got}" for _, got, one in found[:_SHOWN])
            wrong = f"{meant} and {taken} were mixed up {len(found)} times in rehearsal: {shown}"
            yield place.mistake(keys, wrong, "move or reword what could mean both, or make one entry of the two")


def _by_form(base: Base) -> Mapping[tuple[str, str], tuple[Place, tuple[str | int, ...]]]:
    return {(one.entry, same_form(one.text)): (one.place, one.keys) for one in _examples(base)}


@dataclass(frozen=True, slots=True, eq=False)
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


def _pairs(examples: Sequence[_Example], form: Callable[[str], str]) -> Iterator[tuple[_Example, _Example]]:
    """Every example whose form an earlier one had, with the first that had it."""
    first: dict[str, _Example] = {}
    for example in examples:
        other = first.setdefault(form(example.text), example)
        if other is not example:
            yield example, other


def _examples(base: Base) -> Iterator[_Example]:
    for id_, entry in base.entries.items():
        for language in LANGUAGES:
            for index, text in enumerate(entry.examples.asked_in(language)):
                yield _Example(id_, text, base.places[id_], ("examples", language, index))
