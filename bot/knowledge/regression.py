"""The regression file: questions in customers' words that no example uses, and the entry that should come of each.

knowledge_base/tests.yaml is a list of `{ask: ..., expect: entry-id}`. `expect: person` stands for what the bot must not
answer by itself. `load` reads it, the engine and the policy say what they make of each question, `judge` compares.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from bot.errors import Mistake, SettingError
from bot.files import Page, Place, mistakes_of, read_page
from bot.knowledge.checks import Finding, Severity
from bot.knowledge.content import Content, Text
from bot.knowledge.entries import TESTS, Base
from bot.knowledge.examples import examples, titles
from bot.knowledge.sameness import same_form

PERSON = "person"


class _Question(Content):
    ask: Text
    expect: Text


@dataclass(frozen=True, slots=True)
class Case:
    """A question, the entry that should come of it (or PERSON), and where that is written."""

    ask: str
    expect: str
    place: Place


class Did(StrEnum):
    """What the bot does about a question."""

    ANSWERED = "answered"
    ASKED = "asked"
    HANDED_OFF = "handed_off"


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the bot does, and by which entries: the one it answers or hands off by, or those it offers, likeliest first.

    Empty where it hands off because nothing is likely enough.
    """

    did: Did
    entries: tuple[str, ...] = ()
    confidence: float = 0.0


class Verdict(StrEnum):
    """RIGHT: as expected. ASKED: asked back, and what was meant was offered. HANDED_OFF: a person has to answer what
    an entry answers. WRONG: the customer is told something else, or something where a person was wanted."""

    RIGHT = "right"
    ASKED = "asked"
    HANDED_OFF = "handed_off"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Judged:
    case: Case
    reaction: Reaction
    verdict: Verdict


def load(folder: Path, base: Base) -> tuple[list[Case], list[Mistake]]:
    """The cases in a base's folder, but for those that expect what is not there, and everything that is wrong with
    them; none of either without the file."""
    cases, mistakes = _written(folder)
    mistakes += [*_unknown(cases, base), *_taught(cases, base), *_repeated(cases)]
    return _answerable(cases, base), sorted(mistakes, key=lambda mistake: mistake.line)


def load_unplaced(folder: Path, base: Base) -> tuple[list[Case], list[Mistake]]:
    """The same for a base of which nobody knows where its examples are written: whether it teaches one of the questions
    is not looked at."""
    cases, mistakes = _written(folder)
    return _answerable(cases, base), [*mistakes, *_unknown(cases, base)]


def _written(folder: Path) -> tuple[list[Case], list[Mistake]]:
    path = folder / TESTS
    if not path.exists():
        return [], []
    try:
        page = read_page(path)
    except SettingError as problem:
        return [], list(problem.mistakes)
    if not isinstance(page.content, list):
        return [], [page.mistake((), "holds no questions", "write `- {ask: ..., expect: entry-id}`, one for each")]
    return _read(page)


def _answerable(cases: Sequence[Case], base: Base) -> list[Case]:
    return [case for case in cases if case.expect == PERSON or case.expect in base.entries]


def judge(cases: Sequence[Case], reactions: Sequence[Reaction]) -> list[Judged]:
    """Each case with what the bot did about it, in the same order, and the verdict. Raises ValueError if they differ
    in number."""
    return [
        Judged(case, reaction, _verdict(case.expect, reaction)) for case, reaction in zip(cases, reactions, strict=True)
    ]


def findings(judged: Sequence[Judged]) -> list[Finding]:
    """What an editor should know: wrong answers are errors. An unneeded handoff costs a person's time and tells nobody
    anything wrong, so it is a note; asking back rightly is fine."""
    return [found for one in judged if (found := _finding(one)) is not None]


def _read(page: Page) -> tuple[list[Case], list[Mistake]]:
    cases: list[Case] = []
    mistakes: list[Mistake] = []
    for index, item in enumerate(page.content):
        try:
            question = _Question.model_validate(item)
        except ValidationError as problem:
            mistakes += mistakes_of(page, problem, (index,))
        else:
            cases.append(Case(question.ask, question.expect, Place(page, (index,))))
    return cases, mistakes


def _unknown(cases: Sequence[Case], base: Base) -> Iterator[Mistake]:
    for case in cases:
        if case.expect != PERSON and case.expect not in base.entries:
            yield case.place.mistake(
                ("expect",), f"no entry is called {case.expect}", _known(case.expect, base.entries)
            )


def _known(meant: str, entries: Collection[str]) -> str:
    near = get_close_matches(meant, entries, n=1)
    return f"write {near[0]}?" if near else f"name an entry, or {PERSON}"


def _taught(cases: Sequence[Case], base: Base) -> Iterator[Mistake]:
    """Questions that training sees: they would prove nothing."""
    taught = _learned(base)
    for case in cases:
        where = taught.get(same_form(case.ask))
        if where is not None:
            wrong = f"“{case.ask}” is what training learns from at {where}"
            yield case.place.mistake(("ask",), wrong, "ask it in other words, or remove it")


def _learned(base: Base) -> Mapping[str, str]:
    """Where each example, title and question out of scope is written, by its form."""
    places: dict[str, str] = {}
    for one in (*titles(base), *examples(base)):
        places.setdefault(same_form(one.text), one.at)
    for text, place in base.out_of_scope.items():
        places.setdefault(same_form(text), place.at())
    return places


def _repeated(cases: Sequence[Case]) -> Iterator[Mistake]:
    first: dict[str, Case] = {}
    for case in cases:
        other = first.setdefault(same_form(case.ask), case)
        if other is not case:
            yield case.place.mistake(
                ("ask",), f"“{case.ask}” is also asked at {other.place.at('ask')}", "keep one of the two"
            )


def _verdict(expect: str, reaction: Reaction) -> Verdict:
    if expect == PERSON:
        return Verdict.WRONG if reaction.did is Did.ANSWERED else Verdict.RIGHT
    if reaction.did is Did.ASKED:
        return Verdict.ASKED if expect in reaction.entries else Verdict.HANDED_OFF
    if reaction.entries == (expect,):
        return Verdict.RIGHT
    silent = reaction.did is Did.HANDED_OFF and reaction.entries in ((), (PERSON,))
    return Verdict.HANDED_OFF if silent else Verdict.WRONG


def _finding(judged: Judged) -> Finding | None:
    case, reaction = judged.case, judged.reaction
    if judged.verdict is Verdict.WRONG:
        wrong = f"“{case.ask}” is taken for {reaction.entries[0]} ({reaction.confidence:.2f}), not {case.expect}"
        mend = "teach one of the two entries an example that tells them apart"
        return Finding(Severity.ERROR, case.place.mistake(("ask",), wrong, mend))
    if judged.verdict is Verdict.HANDED_OFF:
        offered = f"; asked back: {', '.join(reaction.entries)}" if reaction.did is Did.ASKED else ""
        wrong = f"“{case.ask}” goes to a person, though {case.expect} answers it{offered}"
        return Finding(Severity.NOTE, case.place.mistake(("ask",), wrong, f"add an example like it to {case.expect}"))
    return None
