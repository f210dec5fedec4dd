"""The checks of `yingda check` on a knowledge base: errors, which prevent loading, and warnings.

Warnings concern single entries (too few examples, wrong language, out of date, too long for a channel), pairs of
entries (repeated, similar or confused examples) and dead links.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import permutations
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from bot.errors import ConfigProblem
from bot.i18n import message
from bot.knowledge.content import LANGUAGES, Language
from bot.knowledge.entries import Base, Entry
from bot.knowledge.similarity import gist, near_pairs, same_form
from bot.ports.channels import TextLimit
from bot.text.folding import HAN
from bot.yaml_files import SourceLocation


def too_long(base: Base, limits: Mapping[str, TextLimit]) -> Iterator[ConfigProblem]:
    """Warnings about answers that do not fit into one message. limits: by channel."""
    for id_, entry in base.entries.items():
        for channel, limit in limits.items():
            yield from _too_long_on(entry, base.places[id_], channel, limit)


def _too_long_on(entry: Entry, place: SourceLocation, channel: str, limit: TextLimit) -> Iterator[ConfigProblem]:
    for one in entry.answers.wordings_for(channel) if entry.answers else ():
        length = limit.unit.size(one.text)
        if length > limit.length:
            unit = message(limit.unit.read_as)
            values = {"length": f"{length:,}", "unit": unit, "name": limit.platform, "most": f"{limit.length:,}"}
            code = "knowledge.too_long" if one.channel == channel else "knowledge.too_long_here"
            yield place.problem(one.keys, code, channel=channel, **values)


NO_ANSWER = 0
# The HTTP status by address, NO_ANSWER if it was not reached. Addresses that were not requested are missing.
Statuses: TypeAlias = Mapping[str, int]

_LINK = re.compile(r"https?://[^\s\"'<>（）()，。；！？“”]+", re.IGNORECASE)
_GONE = (404, 410)  # other statuses may be due to a login page, a bot filter or a passing failure


@dataclass(frozen=True, slots=True)
class Link:
    """An address in an answer, and where it is written."""

    address: str
    place: SourceLocation
    keys: tuple[str | int, ...]


def links(base: Base) -> list[Link]:
    """Every link of every answer, in the order of the files."""
    return [
        Link(found.rstrip(".,;:!?"), base.places[id_], one.keys)
        for id_, entry in base.entries.items()
        for one in entry.wordings()
        for found in _LINK.findall(one.text)
    ]


def addresses(found: Sequence[Link]) -> list[str]:
    """Each address once."""
    return list(dict.fromkeys(link.address for link in found))


def dead_links(found: Sequence[Link], statuses: Statuses) -> Iterator[ConfigProblem]:
    """Warnings about dead links."""
    if not any(statuses.values()):  # no address answered: this machine is offline
        return
    for link in found:
        status = statuses.get(link.address)
        if status in _GONE or status == NO_ANSWER:
            code = "knowledge.link_gone" if status else "knowledge.link_silent"
            yield link.place.problem(link.keys, code, address=link.address, status=status)


class Confusion(NamedTuple):
    """A held-out text that the engine took for another entry than its own."""

    meant: str  # id of its entry
    taken: str  # id of the entry it was taken for
    text: str
    confidence: float  # 0 to 1


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two entries that were confused, in either direction."""

    entries: tuple[str, str]  # ids in alphabetical order
    found: tuple[Confusion, ...]  # by falling confidence


def confused_pairs(confusions: Iterable[Confusion]) -> list[ConfusedPair]:
    """Group confusions by pair of entries, the most frequent pair first."""
    found: defaultdict[tuple[str, str], list[Confusion]] = defaultdict(list)
    for one in confusions:
        found[(min(one.meant, one.taken), max(one.meant, one.taken))].append(one)
    surest = (
        ConfusedPair(entries, tuple(sorted(some, key=lambda one: -one.confidence))) for entries, some in found.items()
    )
    return sorted(surest, key=lambda pair: (-len(pair.found), pair.entries))


@dataclass(frozen=True, slots=True, eq=False)
class LocatedExample:
    """A text that training learns from, and where it is written."""

    entry: str  # id; '' if out of scope
    text: str
    place: SourceLocation
    keys: tuple[str | int, ...]

    @property
    def line(self) -> int:
        """From 1."""
        return self.place.page.line(*self.place.keys, *self.keys)

    @property
    def at(self) -> str:
        """file:line"""
        return self.place.at(*self.keys)

    def problem(self, code: str, /, **values: object) -> ConfigProblem:
        """The problem `code` of this example. Its messages may contain {text}."""
        return self.place.problem(self.keys, code, text=self.text, **values)


def examples(base: Base) -> Iterator[LocatedExample]:
    """All examples in the order of the files; of an entry the Chinese ones first."""
    for id_, entry in base.entries.items():
        for language in LANGUAGES:
            for index, text in enumerate(entry.examples.in_language(language)):
                yield LocatedExample(id_, text, base.places[id_], ("examples", language, index))


def out_of_scope_examples(base: Base) -> Iterator[LocatedExample]:
    """The questions in out_of_scope.yaml."""
    for text, place in base.out_of_scope.items():
        yield LocatedExample("", text, place, ())


def titles(base: Base) -> Iterator[LocatedExample]:
    """The titles of all entries; training learns from them too."""
    for id_, entry in base.entries.items():
        for language in LANGUAGES:
            yield LocatedExample(id_, entry.title.in_language(language), base.places[id_], ("title", language))


class ExampleIndex:
    """Finds where a text that training learned from is written."""

    def __init__(self, base: Base) -> None:
        self._known: dict[tuple[str, str], LocatedExample] = {}
        for one in (*examples(base), *titles(base)):
            self._known.setdefault((one.entry, same_form(one.text)), one)

    def find(self, entry: str, text: str) -> LocatedExample | None:
        """The example or title of `entry` with the same normal form; None if there is none."""
        return self._known.get((entry, same_form(text)))


MIN_EXAMPLES = 6  # per language; below, held-out precision falls off
NEAR = 0.8  # Jaccard similarity of letter groups from which two questions look alike
# Confusions of a pair that are more than chance: at least so many, and this share of both entries' examples.
MIN_CONFUSIONS, MIN_CONFUSED_SHARE = 3, 0.07
_SHOWN = 3  # confusions quoted in a warning
_LATIN = re.compile(r"[A-Za-z]")


class Severity(StrEnum):
    """How serious a finding is."""

    ERROR = "error"  # prevents publishing
    WARNING = "warning"  # should be corrected
    NOTE = "note"  # for information


@dataclass(frozen=True, slots=True)
class ContentFinding:
    """One finding about the content: where it is, what is wrong and how to correct it."""

    severity: Severity
    problem: ConfigProblem

    def __str__(self) -> str:
        return f"{self.severity}: {self.problem}"


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What the checks know besides the files."""

    # The limit of one message, by channel, for the channels on which the deployment has accounts.
    limits: Mapping[str, TextLimit] = field(default_factory=lambda: MappingProxyType({}))
    # From training's cross-validation.
    confusions: Sequence[Confusion] = ()
    statuses: Statuses = field(default_factory=lambda: MappingProxyType({}))


def check(
    base: Base, problems: Sequence[ConfigProblem], today: date, context: CheckContext | None = None
) -> list[ContentFinding]:
    """The findings about a base as `entries.read` returned it: `problems` as errors, then warnings by file and line."""
    context = context or CheckContext()
    warnings = [
        *_of_each(base, today),
        *too_long(base, context.limits),
        *_repeated(base),
        *_out_of_scope_in_other_language(base),
        *_alike(base),
        *_confused(base, context.confusions),
        *dead_links(links(base), context.statuses),
    ]
    warnings.sort(key=lambda warning: (warning.file, warning.line))
    return [ContentFinding(Severity.ERROR, problem) for problem in problems] + [
        ContentFinding(Severity.WARNING, warning) for warning in warnings
    ]


def _of_each(base: Base, today: date) -> Iterator[ConfigProblem]:
    for id_, entry in base.entries.items():
        place = base.places[id_]
        yield from _too_few(entry, place)
        yield from _other_language(entry, place)
        yield from _one_sided(entry, place)
        if entry.valid_to is not None and entry.valid_to < today:
            yield place.problem(("valid_to",), "knowledge.out_of_date", id=entry.id, day=entry.valid_to)


def _too_few(entry: Entry, place: SourceLocation) -> Iterator[ConfigProblem]:
    for language in LANGUAGES:
        number = len(entry.examples.in_language(language))
        if number < MIN_EXAMPLES:
            keys = ("examples", language)
            yield place.problem(keys, "knowledge.few_examples", number=number, fewest=MIN_EXAMPLES)


def _other_language(entry: Entry, place: SourceLocation) -> Iterator[ConfigProblem]:
    """Warnings about texts under one language that are written in the other."""
    for index, example in enumerate(entry.examples.en):
        if HAN.search(example):
            yield place.problem(("examples", "en", index), "knowledge.chinese_under_en", text=example)
    for one in entry.wordings():
        if not _is_in(one.language, one.text):
            code = "knowledge.not_chinese" if one.language == "zh" else "knowledge.not_english"
            yield place.problem(one.keys, code)


def _is_in(language: Language, wording: str) -> bool:
    """Whether a text is in the language: a name in the other script is allowed in it."""
    chinese = len(HAN.findall(wording))
    return chinese > 0 if language == "zh" else len(_LATIN.findall(wording)) > chinese


def _one_sided(entry: Entry, place: SourceLocation) -> Iterator[ConfigProblem]:
    """Warnings about answers for a channel in one language only."""
    said: dict[Language, set[str]] = {}
    for one in entry.wordings():
        said.setdefault(one.language, set()).add(one.channel)
    for here, there in permutations(said, 2):
        for channel in sorted(said[here] - said[there]):
            values = {"channel": channel, "here": here, "there": there}
            yield place.problem(("answers", there), "knowledge.one_language", **values)


def _out_of_scope_in_other_language(base: Base) -> Iterator[ConfigProblem]:
    for one in out_of_scope_examples(base):
        if one.place.keys[0] == "en" and HAN.search(one.text):
            yield one.problem("knowledge.chinese_under_en")


def _repeated(base: Base) -> Iterator[ConfigProblem]:
    """Warnings about examples that occur twice in an entry."""
    for example, other in _pairs(list(examples(base)), same_form):
        if example.entry == other.entry:
            yield example.problem("knowledge.repeated_example", line=other.line)


def _alike(base: Base) -> Iterator[ConfigProblem]:
    """Warnings about examples of different entries (or out of scope) with the same words or nearly the same letters."""
    every = [*examples(base), *out_of_scope_examples(base)]
    near = [(every[later], every[earlier]) for later, earlier, _ in near_pairs([one.text for one in every], NEAR)]
    seen: set[LocatedExample] = set()
    for example, other in (*_pairs(every, gist), *near):
        same = same_form(example.text) == same_form(other.text)
        if example.entry != other.entry and not same and example not in seen:
            seen.add(example)
            yield example.problem("knowledge.alike", other=other.text, entry=other.entry, at=other.at)


def _confused(base: Base, confusions: Sequence[Confusion]) -> Iterator[ConfigProblem]:
    """Warnings about entries that training's cross-validation confused, with examples."""
    index, counts = ExampleIndex(base), Counter(example.entry for example in examples(base))
    for pair in confused_pairs(confusions):
        meant, _, text, _ = pair.found[0]
        total = sum(counts[entry] for entry in pair.entries)
        if len(pair.found) >= max(MIN_CONFUSIONS, MIN_CONFUSED_SHARE * total) and meant in base.places:
            example = index.find(meant, text)
            place, keys = (example.place, example.keys) if example else (base.places[meant], ())
            shown = ", ".join(f"“{one.text}” → {one.taken}" for one in pair.found[:_SHOWN])
            first, second = pair.entries
            values = {"first": first, "second": second, "number": len(pair.found), "shown": shown}
            yield place.problem(keys, "knowledge.confused", **values)


def _pairs(
    every: Sequence[LocatedExample], form: Callable[[str], str]
) -> Iterator[tuple[LocatedExample, LocatedExample]]:
    """Each example whose form an earlier one has, with the first of that form."""
    first: dict[str, LocatedExample] = {}
    for example in every:
        other = first.setdefault(form(example.text), example)
        if other is not example:
            yield example, other
