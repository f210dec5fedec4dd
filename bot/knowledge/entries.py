"""Reads a knowledge base: the YAML files in which editors write question-and-answer entries, one file per topic.

A topic's file has `topic: {zh, en}`, `owner` and `entries: [...]`. Three files are no topics:

- phrases.yaml: the texts that code sends.
- out_of_scope.yaml (optional): `zh: [...]` and `en: [...]`, questions that resemble the brand's own but must not be
  answered automatically. Training learns from them, besides the general ones that come with Yingda.
- tests.yaml: questions asked before a base is published (`bot.evaluation.regression_tests`).

`load` is strict: it raises one SettingError that lists every problem with its file and line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import Field, ValidationError

from bot.errors import ConfigProblem, SettingError
from bot.knowledge.content import (
    DEFAULT,
    LANGUAGES,
    Answers,
    AnswerWording,
    Bilingual,
    Content,
    Language,
    Text,
    braces,
    long_keys,
)
from bot.knowledge.phrases import Phrases, read_phrases
from bot.knowledge.similarity import same_form
from bot.yaml_files import SourceFile, SourceLocation, pattern, problems_of, read_page

# Where each out-of-scope question is written.
OutOfScope: TypeAlias = Mapping[str, SourceLocation]


class _Questions(Content):
    """The content of out_of_scope.yaml."""

    zh: tuple[Text, ...] = ()
    en: tuple[Text, ...] = ()

    def in_language(self, language: Language) -> tuple[str, ...]:
        return self.zh if language == "zh" else self.en


def read_out_of_scope(page: SourceFile) -> tuple[OutOfScope, list[ConfigProblem]]:
    """The questions of out_of_scope.yaml, Chinese ones first, and all problems with them."""
    if not isinstance(page.content, dict) or not any(page.content.values()):
        return {}, [page.problem((), "knowledge.no_questions")]
    try:
        questions = _Questions.model_validate(page.content)
    except ValidationError as problem:
        return {}, problems_of(page, problem)
    written = list(_written(page, questions))
    return MappingProxyType(dict(written)), list(_repeated(written))


def _written(page: SourceFile, questions: _Questions) -> Iterator[tuple[str, SourceLocation]]:
    for language in LANGUAGES:
        for index, text in enumerate(questions.in_language(language)):
            yield text, SourceLocation(page, (language, index))


def _repeated(written: list[tuple[str, SourceLocation]]) -> Iterator[ConfigProblem]:
    first: dict[str, SourceLocation] = {}
    for text, place in written:
        other = first.setdefault(same_form(text), place)
        if other is not place:
            yield place.problem((), "knowledge.question_twice", text=text, at=other.at())


PHRASES = "phrases.yaml"
TESTS = "tests.yaml"
OUT_OF_SCOPE = "out_of_scope.yaml"
NO_TOPICS = frozenset({PHRASES, TESTS, OUT_OF_SCOPE})
_EMPTY: Mapping[str, Any] = MappingProxyType({})


Slug = Annotated[
    str,
    Field(max_length=60),
    pattern(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "knowledge.id"),
]


class Examples(Content):
    """Texts with which customers ask, at least one in each language."""

    zh: tuple[Text, ...] = Field(min_length=1)
    en: tuple[Text, ...] = Field(min_length=1)

    def in_language(self, language: Language) -> tuple[str, ...]:
        return self.zh if language == "zh" else self.en


class Entry(Content):
    """One question-and-answer item; it may lead to a skill or a person instead of an answer."""

    id: Slug
    title: Bilingual
    examples: Examples
    answers: Answers | None = None
    handoff: Literal["never", "always"] = "never"  # `always`: a person replies, after the answer if there is one
    skill: str = ""  # the intent of the skill that replies
    small_talk: bool = False
    # What it says about the customer; or a greeting, said at the beginning, or a courtesy, not said twice in a row.
    signal: Literal["", "anger", "dissatisfied", "person", "greeting", "courtesy"] = ""
    valid_from: date | None = None  # first day, in the deployment's time zone
    valid_to: date | None = None  # last day
    owner: str = ""  # who is responsible for the content; the topic's if empty
    # The share of this entry's answers that must be correct, if stricter than the deployment's.
    target_precision: float | None = Field(None, gt=0.5, lt=1)

    def wordings(self) -> Iterator[AnswerWording]:
        """Every wording of its answers; empty if it has none."""
        return iter(()) if self.answers is None else self.answers.wordings()

    def valid_on(self, day: date) -> bool:
        """Whether the answer is valid on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


class _TopicFile(Content):
    """A topic's file. `entries` are validated one by one, so that a problem in one does not hide others."""

    topic: Bilingual
    owner: str = ""
    entries: list[Any] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Base:
    """A knowledge base as read from its files."""

    entries: Mapping[str, Entry] = field(default_factory=lambda: _EMPTY)  # by id
    phrases: Phrases = field(default_factory=lambda: _EMPTY)  # by name
    places: Mapping[str, SourceLocation] = field(default_factory=lambda: _EMPTY)  # of entries by id
    out_of_scope: OutOfScope = field(default_factory=lambda: _EMPTY)


def load(folder: Path, skills: Collection[str], channels: Collection[str]) -> Base:
    """The knowledge base in `folder`, whose entries may name these skills and channels.

    Raises SettingError with all problems.
    """
    base, problems = read(folder, skills, channels)
    if problems:
        raise SettingError(*problems)
    return base


def read(folder: Path, skills: Collection[str], channels: Collection[str]) -> tuple[Base, list[ConfigProblem]]:
    """What can be read in `folder`, and all problems. Arguments as of `load`."""
    pages, problems = _pages(folder)
    found: list[tuple[Entry, SourceLocation]] = []
    phrases: Phrases = _EMPTY
    outside: OutOfScope = _EMPTY
    for page in pages:
        if page.path.name == PHRASES:
            phrases, wrong = read_phrases(page)
        elif page.path.name == OUT_OF_SCOPE:
            outside, wrong = read_out_of_scope(page)
        else:
            wrong = read_topic(page, found)
        problems += wrong
    for entry, place in found:
        problems += own_problems(entry, place, skills, channels)
    problems += _clashing(found, outside)
    return _base(found, phrases, outside), problems


def _base(found: list[tuple[Entry, SourceLocation]], phrases: Phrases, outside: OutOfScope) -> Base:
    entries: dict[str, Entry] = {}
    places: dict[str, SourceLocation] = {}
    for entry, place in found:
        entries.setdefault(entry.id, entry)
        places.setdefault(entry.id, place)
    return Base(MappingProxyType(entries), phrases, MappingProxyType(places), outside)


def _pages(folder: Path) -> tuple[list[SourceFile], list[ConfigProblem]]:
    if not folder.is_dir():
        return [], [ConfigProblem.of(folder, 0, folder.name, "knowledge.not_a_folder")]
    pages: list[SourceFile] = []
    problems: list[ConfigProblem] = []
    for path in sorted({*folder.glob("*.yaml"), folder / PHRASES} - {folder / TESTS}):
        try:
            pages.append(read_page(path))
        except SettingError as problem:
            problems += problem.problems
    for path in sorted(folder.glob("*.yml")):
        problems.append(ConfigProblem.of(path, 0, path.name, "knowledge.yml_suffix"))
    if not problems and all(page.path.name in NO_TOPICS for page in pages):
        problems.append(ConfigProblem.of(folder, 0, folder.name, "knowledge.no_topic"))
    return pages, problems


def read_topic(page: SourceFile, found: list[tuple[Entry, SourceLocation]]) -> list[ConfigProblem]:
    """Add a topic's entries to `found` and return the problems."""
    owner, problems = _owner(page)
    items = page.content.get("entries") if isinstance(page.content, dict) else None
    for index, item in enumerate(items if isinstance(items, list) else []):
        place = SourceLocation(page, ("entries", index))
        page.lines.update({(*place.keys, *full): page.line(*place.keys, *short) for short, full in long_keys(item)})
        try:
            entry = Entry.model_validate(item)
        except ValidationError as problem:
            problems += problems_of(page, problem, place.keys, Entry)
        else:
            found.append((entry if entry.owner else entry.model_copy(update={"owner": owner}), place))
    return problems


def _owner(page: SourceFile) -> tuple[str, list[ConfigProblem]]:
    """The topic's owner, and the problems of the file outside of `entries`."""
    try:
        return _TopicFile.model_validate(page.content).owner, []
    except ValidationError as problem:
        return "", problems_of(page, problem, model=_TopicFile)


def own_problems(
    entry: Entry, place: SourceLocation, skills: Collection[str], channels: Collection[str]
) -> Iterator[ConfigProblem]:
    """The problems of an entry that do not depend on other entries."""
    if entry.skill and entry.skill not in skills:
        code = "knowledge.unknown_skill" if skills else "knowledge.no_skills"
        yield place.problem(("skill",), code, skill=entry.skill, skills=", ".join(sorted(skills)))
    if entry.answers is None and not entry.skill and entry.handoff == "never":
        yield place.problem((), "knowledge.answers_nothing", id=entry.id)
    if entry.valid_from and entry.valid_to and entry.valid_to < entry.valid_from:
        yield place.problem(("valid_to",), "knowledge.valid_to")
    if entry.answers is not None:
        yield from _unknown_channels(entry.answers, place, channels)
        yield from _wording_problems(entry.answers, place)


def _unknown_channels(answers: Answers, place: SourceLocation, channels: Collection[str]) -> Iterator[ConfigProblem]:
    for language in LANGUAGES:
        for channel in answers.in_language(language):
            if channel != DEFAULT and channel not in channels:
                keys, known = ("answers", language, channel), ", ".join((DEFAULT, *channels))
                yield place.problem(keys, "knowledge.unknown_channel", channel=channel, channels=known)


def _wording_problems(answers: Answers, place: SourceLocation) -> Iterator[ConfigProblem]:
    first: dict[tuple[str, str, str], AnswerWording] = {}
    for one in answers.wordings():
        for stray in braces(one.text):
            yield place.problem(one.keys, "knowledge.placeholder", stray=stray)
        other = first.setdefault((one.language, one.channel, same_form(one.text)), one) if one.of_several else one
        if other is not one:
            yield place.problem(one.keys, "knowledge.same_wording", line=place.line(*other.keys))


class Clash(NamedTuple):
    """An id or example that two entries share, or an example that is also out of scope."""

    entry: int  # index of the later entry
    form: int | None  # index among its examples; None if the id is shared
    other: int  # index of the earlier entry; OUT_OF_SCOPE_INDEX for an out-of-scope question
    other_form: int  # index among the other's examples


OUT_OF_SCOPE_INDEX = -1


def clashes(entries: Sequence[tuple[str, Sequence[str]]], outside: Iterable[str]) -> Iterator[Clash]:
    """All clashes, shared ids first.

    entries: (id, normal forms of the examples) of each. outside: normal forms of the out-of-scope questions.
    """
    ids: dict[str, int] = {}
    for place, (id_, _) in enumerate(entries):
        first = ids.setdefault(id_, place)
        if first != place:
            yield Clash(place, None, first, 0)
    claimed = {form: (OUT_OF_SCOPE_INDEX, place) for place, form in enumerate(outside)}
    for place, (id_, forms) in enumerate(entries):
        for number, form in enumerate(forms):
            other, other_number = claimed.setdefault(form, (place, number))
            # Of entries with the same id only the id is reported.
            if other == OUT_OF_SCOPE_INDEX or entries[other][0] != id_:
                yield Clash(place, number, other, other_number)


def _clashing(found: list[tuple[Entry, SourceLocation]], outside: OutOfScope) -> Iterator[ConfigProblem]:
    """Problems between entries: a shared id; an example that another entry has, too, or that is out of scope."""
    asked = [_asked(entry) for entry, _ in found]
    claims = [(entry.id, [same_form(text) for _, text in own]) for (entry, _), own in zip(found, asked, strict=True)]
    beyond = list(outside.values())
    for later, form, earlier, earlier_form in clashes(claims, map(same_form, outside)):
        entry, place = found[later]
        if form is None:
            other = found[earlier][1]
            yield place.problem(("id",), "knowledge.id_twice", id=entry.id, at=other.at("id"))
            continue
        keys, example = asked[later][form]
        if earlier == OUT_OF_SCOPE_INDEX:
            where = beyond[earlier_form].at()
            yield place.problem(keys, "knowledge.also_out_of_scope", text=example, at=where)
        else:
            owner, place_of_owner = found[earlier]
            where = place_of_owner.at(*asked[earlier][earlier_form][0])
            yield place.problem(keys, "knowledge.shared_example", text=example, entry=owner.id, at=where)


def _asked(entry: Entry) -> list[tuple[tuple[str | int, ...], str]]:
    """(key path, text) of each example, in the order of `Topic.forms`."""
    return [
        (("examples", language, index), text)
        for language in LANGUAGES
        for index, text in enumerate(entry.examples.in_language(language))
    ]
