"""What an editor should know before publishing: everything that is wrong, and what is likely to go wrong.

Errors keep a knowledge base from loading; warnings do not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import permutations
from types import MappingProxyType

from bot.errors import Mistake
from bot.files import Place
from bot.knowledge.confusions import Confusion, pairs
from bot.knowledge.content import LANGUAGES, Language
from bot.knowledge.entries import CHANNELS, Base, Entry
from bot.knowledge.examples import Example, Index, beyond, examples
from bot.knowledge.lengths import too_long
from bot.knowledge.links import Statuses, dead, links
from bot.knowledge.nearness import near_pairs
from bot.knowledge.sameness import gist, same_form

FEWEST_EXAMPLES = 6
NEAR = 0.8  # the share of letters in common from which two questions look alike
OFTEN, SHARE = 3, 0.07  # mix-ups between two entries that are more than chance: so many, and so large a part of both
_SHOWN = 3
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_LATIN = re.compile(r"[A-Za-z]")


class Severity(StrEnum):
    """ERROR: mend it before publishing. WARNING: better mend it. NOTE: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


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

    channels: those the deployment has accounts on. confusions: what training's rehearsal mixed up. statuses: what
    following the links gave.
    """

    channels: Collection[str] = CHANNELS
    confusions: Sequence[Confusion] = ()
    statuses: Statuses = field(default_factory=lambda: MappingProxyType({}))


def check(base: Base, mistakes: Sequence[Mistake], today: date, outlook: Outlook | None = None) -> list[Finding]:
    """Findings about what `entries.read` gave: its mistakes as errors, then warnings in the order of the files."""
    outlook = outlook or Outlook()
    warnings = [
        *_of_each(base, today),
        *too_long(base, outlook.channels),
        *_repeated(base),
        *_beyond_in_another_language(base),
        *_alike(base),
        *_confused(base, outlook.confusions),
        *dead(links(base), outlook.statuses),
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
    for one in entry.words():
        if not _is_in(one.language, one.text):
            wrong = f"is not in {'Chinese' if one.language == 'zh' else 'English'}"
            yield place.mistake(one.keys, wrong, "translate it")


def _is_in(language: Language, wording: str) -> bool:
    """Some Chinese for zh, more Latin letters than Chinese ones for en: a name may stand in the other script."""
    chinese = len(_HAN.findall(wording))
    return chinese > 0 if language == "zh" else len(_LATIN.findall(wording)) > chinese


def _one_sided(entry: Entry, place: Place) -> Iterator[Mistake]:
    """Words for a channel in one language only."""
    said: dict[Language, set[str]] = {}
    for one in entry.words():
        said.setdefault(one.language, set()).add(one.channel)
    for here, there in permutations(said, 2):
        for channel in sorted(said[here] - said[there]):
            wrong = f"has words for {channel} in {here} only"
            yield place.mistake(("answers", there), wrong, f"write them in {there} too")


def _beyond_in_another_language(base: Base) -> Iterator[Mistake]:
    for one in beyond(base):
        if one.place.keys[0] == "en" and _HAN.search(one.text):
            yield one.mistake("is Chinese", "let it stand under zh")


def _repeated(base: Base) -> Iterator[Mistake]:
    """Examples that stand twice under one entry."""
    for example, other in _pairs(list(examples(base)), same_form):
        if example.entry == other.entry:
            yield example.mistake(f"says the same as line {other.line}", "keep one of the two")


def _alike(base: Base) -> Iterator[Mistake]:
    """Examples of two entries, or of one and out of scope, that are made of the same words, or of nearly the same
    letters."""
    every = [*examples(base), *beyond(base)]
    near = [(every[later], every[earlier]) for later, earlier, _ in near_pairs([one.text for one in every], NEAR)]
    seen: set[Example] = set()
    for example, other in (*_pairs(every, gist), *near):
        same = same_form(example.text) == same_form(other.text)
        if example.entry != other.entry and not same and example not in seen:
            seen.add(example)
            wrong = f"is hardly different from “{other.text}” of {other.entry} at {other.at}"
            yield example.mistake(wrong, "reword one of them so that it tells the two entries apart")


def _confused(base: Base, confusions: Sequence[Confusion]) -> Iterator[Mistake]:
    """Entries that training's rehearsal took for each other, with the examples that show it."""
    written, ways = Index(base), Counter(example.entry for example in examples(base))
    for pair in pairs(confusions):
        meant, _, text, _ = pair.found[0]
        taught = sum(ways[entry] for entry in pair.entries)
        if len(pair.found) >= max(OFTEN, SHARE * taught) and meant in base.places:
            example = written.find(meant, text)
            place, keys = (example.place, example.keys) if example else (base.places[meant], ())
            shown = ", ".join(f"“{one.text}” → {one.taken}" for one in pair.found[:_SHOWN])
            wrong = f"{' and '.join(pair.entries)} were confused {len(pair.found)} times in cross-validation: {shown}"
            yield place.mistake(keys, wrong, "move or reword what could mean both, or make one entry of the two")


def _pairs(every: Sequence[Example], form: Callable[[str], str]) -> Iterator[tuple[Example, Example]]:
    """Every example whose form an earlier one had, with the first that had it."""
    first: dict[str, Example] = {}
    for example in every:
        other = first.setdefault(form(example.text), example)
        if other is not example:
            yield example, other
