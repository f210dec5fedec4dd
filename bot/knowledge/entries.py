"""Entries: the question-and-answer items that editors write, one YAML file per topic.

A topic's file is `topic: {zh, en}`, `owner`, and `entries: [...]`; phrases.yaml holds what code says, and tests.yaml
what the base is asked before it is published (`bot.knowledge.regression`), which is no topic. `load` is strict: either
everything is in order, or one SettingError names every mistake with its file and line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationError
from pydantic_core import PydanticCustomError

from bot.errors import Mistake, SettingError
from bot.files import Page, mistakes_of, read_page
from bot.knowledge.content import LANGUAGES, Bilingual, Content, Language, Text, braces
from bot.knowledge.phrases import Phrases, read_phrases
from bot.knowledge.sameness import same_form

CHANNELS = ("wechat", "twitter", "webchat")
PHRASES = "phrases.yaml"
TESTS = "tests.yaml"
_EMPTY: Mapping[str, Any] = MappingProxyType({})


def _by_channel(value: Any) -> Any:
    """`some text` is short for `{default: some text}`."""
    return value if isinstance(value, Mapping) else {"default": value}


def _with_default(wording: Mapping[str, str]) -> Mapping[str, str]:
    if "default" not in wording:
        raise PydanticCustomError(
            "no_default", "has no default", {"expected": "default: what every other channel says"}
        )
    return MappingProxyType(dict(wording))


Wording = Annotated[
    Mapping[str, Text], BeforeValidator(_by_channel), AfterValidator(_with_default), PlainSerializer(dict)
]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)]


class Examples(Content):
    """Ways in which customers ask, at least one in each language."""

    zh: tuple[Text, ...] = Field(min_length=1)
    en: tuple[Text, ...] = Field(min_length=1)

    def asked_in(self, language: Language) -> tuple[str, ...]:
        return self.zh if language == "zh" else self.en


class Answers(Content):
    """What is answered, by language and then by channel; `default` is for channels without words of their own."""

    zh: Wording
    en: Wording

    def said_in(self, language: str) -> Mapping[str, str]:
        """By channel: in Chinese for 'zh', in English for everybody else."""
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

    def words(self) -> Iterator[tuple[Language, Mapping[str, str]]]:
        """What it answers in each language, by channel; nothing if it has no answers."""
        if self.answers is not None:
            yield from ((language, self.answers.said_in(language)) for language in LANGUAGES)

    def valid_on(self, day: date) -> bool:
        """Whether the answer holds on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


class _Heading(Content):
    topic: Bilingual
    owner: str = ""
    entries: list[Any] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written."""

    page: Page
    keys: tuple[str | int, ...] = ()

    def mistake(self, keys: tuple[str | int, ...], wrong: str, mend: str) -> Mistake:
        return self.page.mistake((*self.keys, *keys), wrong, mend)

    def at(self, *keys: str | int) -> str:
        """file:line"""
        return f"{self.page.path}:{self.page.line(*self.keys, *keys)}"


@dataclass(frozen=True, slots=True)
class Base:
    """A knowledge base as read: entries by id, phrases by name, and where each entry is written."""

    entries: Mapping[str, Entry] = field(default_factory=lambda: _EMPTY)
    phrases: Phrases = field(default_factory=lambda: _EMPTY)
    places: Mapping[str, Place] = field(default_factory=lambda: _EMPTY)


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
    for page in pages:
        if page.path.name == PHRASES:
            phrases, wrong = read_phrases(page)
        else:
            wrong = _read_topic(page, found)
        mistakes += wrong
    for entry, place in found:
        mistakes += _own_mistakes(entry, place, skills, channels)
    mistakes += [*_repeated_ids(found), *_shared_examples(found)]
    return _base(found, phrases), mistakes


def _base(found: list[tuple[Entry, Place]], phrases: Phrases) -> Base:
    entries: dict[str, Entry] = {}
    places: dict[str, Place] = {}
    for entry, place in found:
        entries.setdefault(entry.id, entry)
        places.setdefault(entry.id, place)
    return Base(MappingProxyType(entries), phrases, MappingProxyType(places))


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
    if not mistakes and len(pages) < 2:
        mistakes.append(Mistake(str(folder), 0, folder.name, "holds no topic", "write one, such as orders.yaml"))
    return pages, mistakes


def _read_topic(page: Page, found: list[tuple[Entry, Place]]) -> list[Mistake]:
    owner, mistakes = _heading(page)
    items = page.content.get("entries") if isinstance(page.content, dict) else None
    for index, item in enumerate(items if isinstance(items, list) else []):
        place = Place(page, ("entries", index))
        try:
            entry = Entry.model_validate(item)
        except ValidationError as problem:
            mistakes += mistakes_of(page, problem, place.keys)
        else:
            found.append((entry if entry.owner else entry.model_copy(update={"owner": owner}), place))
    return mistakes


def _heading(page: Page) -> tuple[str, list[Mistake]]:
    """The owner of the whole topic; its entries are read one by one, so that one mistake does not hide others."""
    try:
        return _Heading.model_validate(page.content).owner, []
    except ValidationError as problem:
        return "", mistakes_of(page, problem)


def _own_mistakes(entry: Entry, place: Place, skills: Collection[str], channels: Collection[str]) -> Iterator[Mistake]:
    if entry.skill and entry.skill not in skills:
        known = f"use one of {', '.join(sorted(skills))}" if skills else "remove it"
        yield place.mistake(("skill",), f"no skill is called {entry.skill}", known)
    if entry.answers is None and not entry.skill and entry.handoff == "never":
        yield place.mistake((), f"{entry.id} answers nothing", "write answers, name a skill, or set handoff: always")
    if entry.valid_from and entry.valid_to and entry.valid_to < entry.valid_from:
        yield place.mistake(("valid_to",), "is before valid_from", "let it end on or after the day it begins")
    if entry.answers is not None:
        yield from _answer_mistakes(entry.answers, place, channels)


def _answer_mistakes(answers: Answers, place: Place, channels: Collection[str]) -> Iterator[Mistake]:
    known = ", ".join(("default", *channels))
    for language in LANGUAGES:
        for channel, wording in answers.said_in(language).items():
            keys = ("answers", language, channel)
            if channel != "default" and channel not in channels:
                yield place.mistake(keys, f"no channel is called {channel}", f"use {known}")
            for stray in braces(wording):
                yield place.mistake(keys, f"{stray} is no placeholder: answers have none", "say it without braces")


def _repeated_ids(found: list[tuple[Entry, Place]]) -> Iterator[Mistake]:
    first: dict[str, Place] = {}
    for entry, place in found:
        other = first.setdefault(entry.id, place)
        if other is not place:
            yield place.mistake(
                ("id",), f"{entry.id} is also the id at {other.at('id')}", "give one of them another id"
            )


def _shared_examples(found: list[tuple[Entry, Place]]) -> Iterator[Mistake]:
    """The same question under two entries: no engine could tell which is meant."""
    first: dict[str, tuple[Entry, str]] = {}
    for entry, place in found:
        for language in LANGUAGES:
            for index, example in enumerate(entry.examples.asked_in(language)):
                keys = ("examples", language, index)
                other, where = first.setdefault(same_form(example), (entry, place.at(*keys)))
                if other.id != entry.id:
                    wrong = f"“{example}” is also an example of {other.id} at {where}"
                    yield place.mistake(keys, wrong, "keep it under the entry that answers it best")
