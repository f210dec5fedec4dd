"""Entries: the question-and-answer items that editors write, one YAML file per topic.

A topic's file is `topic: {zh, en}`, `owner`, and `entries: [...]`; phrases.yaml holds what code says, out_of_scope.yaml
what nobody should answer automatically, and tests.yaml what the base is asked before it is published
(`bot.knowledge.regression`): these are no topics. `load` is strict: either everything is in order, or one SettingError
names every mistake with its file and line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from bot.errors import Mistake, SettingError
from bot.files import Page, Place, like, mistakes_of, read_page
from bot.knowledge.answers import DEFAULT, Answers, Worded, long_keys
from bot.knowledge.content import LANGUAGES, Bilingual, Content, Language, Text, braces
from bot.knowledge.out_of_scope import OutOfScope, read_out_of_scope
from bot.knowledge.phrases import Phrases, read_phrases
from bot.knowledge.sameness import same_form

CHANNELS = ("wechat", "twitter", "webchat")
PHRASES = "phrases.yaml"
TESTS = "tests.yaml"
OUT_OF_SCOPE = "out_of_scope.yaml"
NO_TOPICS = frozenset({PHRASES, TESTS, OUT_OF_SCOPE})
_EMPTY: Mapping[str, Any] = MappingProxyType({})


Slug = Annotated[
    str,
    Field(max_length=60),
    like(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "is no id", "write small letters, digits and hyphens, like lost-parcel"),
]


class Examples(Content):
    """Ways in which customers ask, at least one in each language."""

    zh: tuple[Text, ...] = Field(min_length=1)
    en: tuple[Text, ...] = Field(min_length=1)

    def asked_in(self, language: Language) -> tuple[str, ...]:
        return self.zh if language == "zh" else self.en


class Entry(Content):
    """One question-and-answer item, or the way to a skill or a person.

    skill: the intent of the skill that answers, '' for none. handoff 'always': a person answers, and the answer, if
    there is one, is said first. signal: what asking this tells about the customer. valid_from, valid_to: first and
    last day, in the deployment's time zone, on which the answer holds. target_precision: the share of this entry's
    answers that must be right, where it is to be stricter than the deployment's.
    """

    id: Slug
    title: Bilingual
    examples: Examples
    answers: Answers | None = None
    handoff: Literal["never", "always"] = "never"
    skill: str = ""
    small_talk: bool = False
    signal: Literal["", "anger", "dissatisfied", "person"] = ""
    valid_from: date | None = None
    valid_to: date | None = None
    owner: str = ""
    target_precision: float | None = Field(None, gt=0.5, lt=1)

    def words(self) -> Iterator[Worded]:
        """Every wording of its answers; nothing if it has none."""
        return iter(()) if self.answers is None else self.answers.words()

    def valid_on(self, day: date) -> bool:
        """Whether the answer holds on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


class _Heading(Content):
    topic: Bilingual
    owner: str = ""
    entries: list[Any] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Base:
    """A knowledge base as read: entries by id, phrases by name, where each entry is written. out_of_scope: what nobody
    should answer automatically."""

    entries: Mapping[str, Entry] = field(default_factory=lambda: _EMPTY)
    phrases: Phrases = field(default_factory=lambda: _EMPTY)
    places: Mapping[str, Place] = field(default_factory=lambda: _EMPTY)
    out_of_scope: OutOfScope = field(default_factory=lambda: _EMPTY)


def load(folder: Path, skills: Collection[str], channels: Collection[str] = CHANNELS) -> Base:
    """The knowledge base in `folder`, whose entries may name these skills. Raises SettingError with all mistakes."""
    base, mistakes = read(folder, skills, channels)
    if mistakes:
        raise SettingError(*mistakes)
    return base


def read(folder: Path, skills: Collection[str], channels: Collection[str] = CHANNELS) -> tuple[Base, list[Mistake]]:
    """What can be read in `folder`, and everything that is wrong there."""
    pages, mistakes = _pages(folder)
    found: list[tuple[Entry, Place]] = []
    phrases: Phrases = _EMPTY
    outside: OutOfScope = _EMPTY
    for page in pages:
        if page.path.name == PHRASES:
            phrases, wrong = read_phrases(page)
        elif page.path.name == OUT_OF_SCOPE:
            outside, wrong = read_out_of_scope(page)
        else:
            wrong = read_topic(page, found)
        mistakes += wrong
    for entry, place in found:
        mistakes += own_mistakes(entry, place, skills, channels)
    mistakes += [*_repeated_ids(found), *_shared_examples(found, outside)]
    return _base(found, phrases, outside), mistakes


def _base(found: list[tuple[Entry, Place]], phrases: Phrases, outside: OutOfScope) -> Base:
    entries: dict[str, Entry] = {}
    places: dict[str, Place] = {}
    for entry, place in found:
        entries.setdefault(entry.id, entry)
        places.setdefault(entry.id, place)
    return Base(MappingProxyType(entries), phrases, MappingProxyType(places), outside)


def _pages(folder: Path) -> tuple[list[Page], list[Mistake]]:
    if not folder.is_dir():
        return [], [Mistake(str(folder), 0, folder.name, "is no folder", "name the folder of the knowledge base")]
    pages: list[Page] = []
    mistakes: list[Mistake] = []
    for path in sorted({*folder.glob("*.yaml"), folder / PHRASES} - {folder / TESTS}):
        try:
            pages.append(read_page(path))
        except SettingError as problem:
            mistakes += problem.mistakes
    for path in sorted(folder.glob("*.yml")):
        mistakes.append(Mistake(str(path), 0, path.name, "would not be read", "let its name end in .yaml"))
    if not mistakes and all(page.path.name in NO_TOPICS for page in pages):
        mistakes.append(Mistake(str(folder), 0, folder.name, "holds no topic", "write one, such as orders.yaml"))
    return pages, mistakes


def read_topic(page: Page, found: list[tuple[Entry, Place]]) -> list[Mistake]:
    """Add a file's entries to `found`; what is wrong there."""
    owner, mistakes = _heading(page)
    items = page.content.get("entries") if isinstance(page.content, dict) else None
    for index, item in enumerate(items if isinstance(items, list) else []):
        place = Place(page, ("entries", index))
        page.lines.update({(*place.keys, *full): page.line(*place.keys, *short) for short, full in long_keys(item)})
        try:
            entry = Entry.model_validate(item)
        except ValidationError as problem:
            mistakes += mistakes_of(page, problem, place.keys, Entry)
        else:
            found.append((entry if entry.owner else entry.model_copy(update={"owner": owner}), place))
    return mistakes


def _heading(page: Page) -> tuple[str, list[Mistake]]:
    """The owner of the whole topic; its entries are read one by one, so that one mistake does not hide others."""
    try:
        return _Heading.model_validate(page.content).owner, []
    except ValidationError as problem:
        return "", mistakes_of(page, problem, model=_Heading)


def own_mistakes(
    entry: Entry, place: Place, skills: Collection[str], channels: Collection[str] = CHANNELS
) -> Iterator[Mistake]:
    """What is wrong with an entry by itself."""
    if entry.skill and entry.skill not in skills:
        known = f"use one of {', '.join(sorted(skills))}" if skills else "remove it"
        yield place.mistake(("skill",), f"no skill is called {entry.skill}", known)
    if entry.answers is None and not entry.skill and entry.handoff == "never":
        yield place.mistake((), f"{entry.id} answers nothing", "write answers, name a skill, or set handoff: always")
    if entry.valid_from and entry.valid_to and entry.valid_to < entry.valid_from:
        yield place.mistake(("valid_to",), "is before valid_from", "let it end on or after the day it begins")
    if entry.answers is not None:
        yield from _strange_channels(entry.answers, place, channels)
        yield from _wording_mistakes(entry.answers, place)


def _strange_channels(answers: Answers, place: Place, channels: Collection[str]) -> Iterator[Mistake]:
    for language in LANGUAGES:
        for channel in answers.said_in(language):
            if channel != DEFAULT and channel not in channels:
                known = f"use {', '.join((DEFAULT, *channels))}"
                yield place.mistake(("answers", language, channel), f"no channel is called {channel}", known)


def _wording_mistakes(answers: Answers, place: Place) -> Iterator[Mistake]:
    first: dict[tuple[str, str, str], Worded] = {}
    for one in answers.words():
        for stray in braces(one.text):
            yield place.mistake(one.keys, f"{stray} is no placeholder: answers have none", "say it without braces")
        other = first.setdefault((one.language, one.channel, same_form(one.text)), one) if one.of_several else one
        if other is not one:
            wrong = f"says the same as line {place.line(*other.keys)}"
            yield place.mistake(one.keys, wrong, "say it in other words, or remove it")


def _repeated_ids(found: list[tuple[Entry, Place]]) -> Iterator[Mistake]:
    first: dict[str, Place] = {}
    for entry, place in found:
        other = first.setdefault(entry.id, place)
        if other is not place:
            yield place.mistake(
                ("id",), f"{entry.id} is also the id at {other.at('id')}", "give one of them another id"
            )


def _shared_examples(found: list[tuple[Entry, Place]], outside: OutOfScope) -> Iterator[Mistake]:
    """The same question under two entries, or under one and out of scope: no engine could tell which is meant."""
    first = {same_form(text): ("", place.at()) for text, place in outside.items()}
    for entry, place in found:
        for language in LANGUAGES:
            for index, example in enumerate(entry.examples.asked_in(language)):
                keys = ("examples", language, index)
                owner, where = first.setdefault(same_form(example), (entry.id, place.at(*keys)))
                if owner != entry.id:
                    yield place.mistake(keys, *_shared(example, owner, where))


def _shared(example: str, owner: str, where: str) -> tuple[str, str]:
    """What is wrong, and how to mend it."""
    if owner:
        wrong, mend = f"is also an example of {owner} at {where}", "keep it under the entry that answers it best"
    else:
        wrong, mend = f"is also out of scope at {where}", "keep it where it belongs: it is answered, or it is not"
    return f"“{example}” {wrong}", mend
