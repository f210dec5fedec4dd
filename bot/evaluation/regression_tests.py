"""Regression tests of a knowledge base: questions that are no examples, with the entry expected for each.

knowledge_base/tests.yaml is a list of `{ask: ..., expect: entry-id}`. `expect: person` means that the bot must not
answer. `load` reads it, engine and policy react to each question, `judge` compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from bot.domain.decisions import Turn, Understanding, Utterance
from bot.domain.messages import Conversation, Identity, Instant, Kind, StoredMessage
from bot.errors import ConfigProblem, SettingError
from bot.intents.policy import DidYouMean, Route, ToPerson, decide
from bot.knowledge.checks import ContentFinding, Severity, examples, titles
from bot.knowledge.content import Content, Text
from bot.knowledge.editions import Edition
from bot.knowledge.entries import TESTS, Base
from bot.knowledge.similarity import same_form
from bot.ports.nlu import Engine
from bot.text import truncate
from bot.text.language import script_of
from bot.yaml_files import SourceFile, SourceLocation, problems_of, read_page

PERSON = "person"


class _QuestionRow(Content):
    ask: Text
    expect: Text


@dataclass(frozen=True, slots=True)
class RegressionQuestion:
    ask: str
    expect: str  # entry id, or PERSON
    place: SourceLocation


class ReactionKind(StrEnum):
    ANSWERED = "answered"
    ASKED = "asked"
    HANDED_OFF = "handed_off"


@dataclass(frozen=True, slots=True)
class Reaction:
    kind: ReactionKind
    # the entry answered or handed off by, or the choices offered; () if nothing was likely enough
    entries: tuple[str, ...] = ()
    confidence: float = 0.0


class Verdict(StrEnum):
    # ASKED: the expected entry is among the choices. HANDED_OFF: a person has to answer what an entry answers. WRONG:
    # another answer, or an answer where a person was expected.
    RIGHT = "right"
    ASKED = "asked"
    HANDED_OFF = "handed_off"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    case: RegressionQuestion
    reaction: Reaction
    verdict: Verdict


def load(folder: Path, base: Base) -> tuple[list[RegressionQuestion], list[ConfigProblem]]:
    """The questions of a base's folder whose expected entry exists, and all problems in the file; empty without the
    file."""
    cases, problems = _read_file(folder)
    problems += [*_unknown(cases, base), *_already_trained(cases, base), *_repeated(cases)]
    return _answerable(cases, base), sorted(problems, key=lambda problem: problem.line)


def load_unplaced(folder: Path, base: Base) -> tuple[list[RegressionQuestion], list[ConfigProblem]]:
    """As `load` for a base without source places: questions that are also examples are not reported."""
    cases, problems = _read_file(folder)
    return _answerable(cases, base), [*problems, *_unknown(cases, base)]


def _read_file(folder: Path) -> tuple[list[RegressionQuestion], list[ConfigProblem]]:
    path = folder / TESTS
    if not path.exists():
        return [], []
    try:
        page = read_page(path)
    except SettingError as problem:
        return [], list(problem.problems)
    if not isinstance(page.content, list):
        return [], [page.problem((), "regression.no_questions")]
    return _read(page)


def _answerable(cases: Sequence[RegressionQuestion], base: Base) -> list[RegressionQuestion]:
    return [case for case in cases if case.expect == PERSON or case.expect in base.entries]


def judge(cases: Sequence[RegressionQuestion], reactions: Sequence[Reaction]) -> list[JudgedQuestion]:
    """Verdict of each question, in order. Raises ValueError for another number of reactions than questions."""
    return [
        JudgedQuestion(case, reaction, _verdict(case.expect, reaction))
        for case, reaction in zip(cases, reactions, strict=True)
    ]


def findings(judged: Sequence[JudgedQuestion]) -> list[ContentFinding]:
    """Wrong answers as errors, unneeded handoffs as notes: those cost a person's time but tell nothing wrong."""
    return [found for one in judged if (found := _finding(one)) is not None]


def _read(page: SourceFile) -> tuple[list[RegressionQuestion], list[ConfigProblem]]:
    cases: list[RegressionQuestion] = []
    problems: list[ConfigProblem] = []
    for index, item in enumerate(page.content):
        try:
            question = _QuestionRow.model_validate(item)
        except ValidationError as problem:
            problems += problems_of(page, problem, (index,))
        else:
            cases.append(RegressionQuestion(question.ask, question.expect, SourceLocation(page, (index,))))
    return cases, problems


def _unknown(cases: Sequence[RegressionQuestion], base: Base) -> Iterator[ConfigProblem]:
    for case in cases:
        if case.expect != PERSON and case.expect not in base.entries:
            near = get_close_matches(case.expect, base.entries, n=1)
            code = "regression.unknown_entry_meant" if near else "regression.unknown_entry"
            yield case.place.problem(("expect",), code, entry=case.expect, near=" ".join(near), person=PERSON)


def _already_trained(cases: Sequence[RegressionQuestion], base: Base) -> Iterator[ConfigProblem]:
    """Reports questions that are also trained on: they would prove nothing."""
    trained = _learned(base)
    for case in cases:
        where = trained.get(same_form(case.ask))
        if where is not None:
            yield case.place.problem(("ask",), "regression.taught", text=case.ask, at=where)


def _learned(base: Base) -> Mapping[str, str]:
    """Where each trained text is written, by its normalised form."""
    places: dict[str, str] = {}
    for one in (*titles(base), *examples(base)):
        places.setdefault(same_form(one.text), one.at)
    for text, place in base.out_of_scope.items():
        places.setdefault(same_form(text), place.at())
    return places


def _repeated(cases: Sequence[RegressionQuestion]) -> Iterator[ConfigProblem]:
    first: dict[str, RegressionQuestion] = {}
    for case in cases:
        other = first.setdefault(same_form(case.ask), case)
        if other is not case:
            yield case.place.problem(("ask",), "regression.asked_twice", text=case.ask, at=other.place.at("ask"))


def _verdict(expect: str, reaction: Reaction) -> Verdict:
    if expect == PERSON:
        return Verdict.WRONG if reaction.kind is ReactionKind.ANSWERED else Verdict.RIGHT
    if reaction.kind is ReactionKind.ASKED:
        return Verdict.ASKED if expect in reaction.entries else Verdict.HANDED_OFF
    if reaction.entries == (expect,):
        return Verdict.RIGHT
    silent = reaction.kind is ReactionKind.HANDED_OFF and reaction.entries in ((), (PERSON,))
    return Verdict.HANDED_OFF if silent else Verdict.WRONG


def _finding(judged: JudgedQuestion) -> ContentFinding | None:
    case, reaction = judged.case, judged.reaction
    values = {"text": case.ask, "entry": case.expect}
    if judged.verdict is Verdict.WRONG:
        values |= {"taken": reaction.entries[0], "confidence": f"{reaction.confidence:.2f}"}
        return ContentFinding(Severity.ERROR, case.place.problem(("ask",), "regression.wrong_answer", **values))
    if judged.verdict is Verdict.HANDED_OFF:
        code = "regression.asked_back" if reaction.kind is ReactionKind.ASKED else "regression.handed_off"
        values |= {"offered": ", ".join(reaction.entries)}
        return ContentFinding(Severity.NOTE, case.place.problem(("ask",), code, **values))
    return None


BATCH = 16  # texts of a call, as in serving


def reactions(questions: Sequence[str], engine: Engine, edition: Edition, now: Instant) -> Iterator[Reaction]:
    """The bot's reaction to each question as the first message of a conversation. Raises EngineFailed."""
    for start in range(0, len(questions), BATCH):
        some = questions[start : start + BATCH]
        asked = [Utterance(truncate(text), script_of(text), edition.number) for text in some]
        for utterance, understood in zip(asked, engine.understand(asked), strict=True):
            turn = _first_turn(utterance, understood, edition, now)
            yield _reaction(decide(understood, edition, turn), edition, turn)


def _first_turn(utterance: Utterance, understood: Understanding, edition: Edition, now: Instant) -> Turn:
    conversation = Conversation("", "", "", Identity("", "", "", ""))
    heard = StoredMessage("", "", 1, "", Kind.TEXT, utterance.text, now)
    return Turn(heard, conversation, understood, utterance.language, edition, now)


def _reaction(route: Route, edition: Edition, turn: Turn) -> Reaction:
    if isinstance(route, DidYouMean):
        return Reaction(ReactionKind.ASKED, route.choices, route.confidence)
    named = (route.entry,) if route.entry else ()
    entry = edition.entries.get(route.entry)
    over = isinstance(route, ToPerson) or entry is None or not entry.valid_on(edition.day(turn.now))
    return Reaction(ReactionKind.HANDED_OFF if over else ReactionKind.ANSWERED, named, route.confidence or 0.0)
