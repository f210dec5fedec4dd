"""The regression file: reading it, reactions, verdicts, and the shipped file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.knowledge_base_files import SHIPPED, SKILLS, TOPIC, Editor

from bot.app.channels import CHANNELS
from bot.domain.decisions import Candidate, Understanding, Utterance
from bot.errors import ConfigProblem
from bot.evaluation.regression_tests import (
    PERSON,
    JudgedQuestion,
    Reaction,
    ReactionKind,
    RegressionQuestion,
    Verdict,
    findings,
    judge,
    load,
    reactions,
)
from bot.intents.classifier.engine import SemanticEngine
from bot.knowledge.checks import Severity
from bot.knowledge.editions import Edition
from bot.knowledge.entries import load as load_base
from bot.knowledge.entries import read
from bot.knowledge.similarity import same_form
from bot.text.language import script_of

FILE = """\
- {ask: "邮费怎么收呀", expect: delivery-fee}
- {ask: "do I pay for postage", expect: delivery-fee}
- ask: sing me the anthem
  expect: person
"""
WINTER = datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path).writes(TOPIC).writes(FILE, "tests.yaml")


def cases(editor: Editor) -> list[RegressionQuestion]:
    found, problems = load(editor.folder, editor.base())
    assert problems == []
    return found


def problem(editor: Editor) -> ConfigProblem:
    (found,) = load(editor.folder, editor.base())[1]
    return found


def test_the_regression_file_is_not_a_topic(editor: Editor) -> None:
    assert set(editor.base().entries) == {"delivery-fee"}


def test_questions_are_read_with_what_is_expected_and_their_lines(editor: Editor) -> None:
    found = cases(editor)
    assert [(case.ask, case.expect) for case in found] == [
        ("邮费怎么收呀", "delivery-fee"),
        ("do I pay for postage", "delivery-fee"),
        ("sing me the anthem", PERSON),
    ]
    assert found[2].place.at("ask") == f"{editor.folder / 'tests.yaml'}:3"


def test_a_base_without_the_regression_file_has_no_questions(editor: Editor) -> None:
    (editor.folder / "tests.yaml").unlink()
    assert load(editor.folder, editor.base()) == ([], [])


@pytest.mark.parametrize(
    ("old", "new", "line", "wrong", "mend"),
    [
        ("expect: delivery-fee}\n- ask", "expect: delivery-fees}\n- ask", 2, "there is no entry", "delivery-fee?"),
        ("expect: delivery-fee}\n- ask", "expect: zzz}\n- ask", 2, "there is no entry zzz", "name an entry"),
        ("sing me the anthem", "DO I PAY for postage??", 3, "is also asked at", "keep one"),
        ("sing me the anthem", "包郵嗎", 3, "is an example that training learns from, at", "other words"),
        ("sing me the anthem", "Delivery Fee!", 3, "is an example that training learns from, at", "other words"),
        ("  expect: person\n", "", 3, "required", "add this key"),
        ("  expect: person\n", "  expects: person\n  expect: person\n", 4, "not permitted", "spelling"),
        ("sing me the anthem", "'  '", 3, "is empty", "some text"),
    ],
)
def test_a_mistake_in_the_regression_file_is_shown_with_its_line(
    editor: Editor, old: str, new: str, line: int, wrong: str, mend: str
) -> None:
    found = problem(editor.changes(old, new, "tests.yaml"))
    assert (Path(found.file).name, found.line) == ("tests.yaml", line)
    assert wrong in str(found.message)
    assert mend in str(found.hint)


@pytest.mark.parametrize(("content", "wrong"), [("ask: me", "holds no questions"), ("- [", "has no value")])
def test_a_regression_file_of_another_structure_is_reported(editor: Editor, content: str, wrong: str) -> None:
    assert wrong in str(problem(editor.writes(content, "tests.yaml")).message)


ANSWER, OFF = Reaction(ReactionKind.ANSWERED, ("delivery-fee",), 0.97), Reaction(ReactionKind.HANDED_OFF)
OFFER = Reaction(ReactionKind.ASKED, ("refund", "delivery-fee"), 0.6)


@pytest.mark.parametrize(
    ("expect", "reaction", "verdict"),
    [
        ("delivery-fee", ANSWER, Verdict.RIGHT),
        ("delivery-fee", Reaction(ReactionKind.HANDED_OFF, ("delivery-fee",), 0.9), Verdict.RIGHT),
        ("delivery-fee", OFFER, Verdict.ASKED),
        ("delivery-fee", Reaction(ReactionKind.ASKED, ("refund",), 0.5), Verdict.HANDED_OFF),
        ("delivery-fee", OFF, Verdict.HANDED_OFF),
        ("delivery-fee", Reaction(ReactionKind.HANDED_OFF, (PERSON,), 0.9), Verdict.HANDED_OFF),
        ("delivery-fee", Reaction(ReactionKind.ANSWERED, ("refund",), 0.9), Verdict.WRONG),
        ("delivery-fee", Reaction(ReactionKind.HANDED_OFF, ("complaint",), 0.9), Verdict.WRONG),
        (PERSON, ANSWER, Verdict.WRONG),
        (PERSON, OFFER, Verdict.RIGHT),
        (PERSON, OFF, Verdict.RIGHT),
    ],
)
def test_the_verdict_compares_reaction_and_expectation(
    editor: Editor, expect: str, reaction: Reaction, verdict: Verdict
) -> None:
    case = RegressionQuestion("whatever", expect, cases(editor)[0].place)
    assert [one.verdict for one in judge([case], [reaction])] == [verdict]


def test_wrong_answers_are_errors_unneeded_handoffs_notes_and_asking_back_is_fine(editor: Editor) -> None:
    wrong = Reaction(ReactionKind.ANSWERED, ("refund",), 0.91)
    found = findings(judge([*cases(editor), cases(editor)[0]], [wrong, OFF, OFF, OFFER]))
    assert [(one.severity, one.problem.line) for one in found] == [(Severity.ERROR, 1), (Severity.NOTE, 2)]
    assert "is understood as refund (0.91), not delivery-fee" in str(found[0].problem.message)
    assert "goes to a person, though delivery-fee answers it" in str(found[1].problem.message)


def test_every_question_needs_a_reaction(editor: Editor) -> None:
    with pytest.raises(ValueError, match="shorter"):
        judge(cases(editor), [ANSWER])


class Parrot:
    """Understands every text as the entry that it names."""

    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        assert len(utterances) <= 16
        return [Understanding((Candidate(said.text.split()[0], float(said.text.split()[1])),)) for said in utterances]


@pytest.fixture(scope="session")
def edition(shipped_edition: tuple[str, bytes]) -> Edition:
    return Edition.from_json(1, shipped_edition[0])


def test_reactions_follow_the_bots_own_policy(edition: Edition) -> None:
    asked = ["delivery-fee 0.99", "points 0.99", "delivery-fee 0.6", "delivery-fee 0.01", "complaint 0.99"]
    asked += ["mid-autumn-boxes 0.99", "person 0.99", *["hello 0.99"] * 12]
    found = list(reactions(asked, Parrot(), edition, WINTER))
    assert [(one.kind, one.entries) for one in found[:8]] == [
        (ReactionKind.ANSWERED, ("delivery-fee",)),
        (ReactionKind.ANSWERED, ("points",)),
        (ReactionKind.ASKED, ("delivery-fee",)),
        (ReactionKind.HANDED_OFF, ()),
        (ReactionKind.HANDED_OFF, ("complaint",)),
        (ReactionKind.HANDED_OFF, ("mid-autumn-boxes",)),
        (ReactionKind.HANDED_OFF, ("person",)),
        (ReactionKind.ANSWERED, ("hello",)),
    ]
    assert len(found) == len(asked)


@pytest.fixture(scope="module")
def shipped() -> list[RegressionQuestion]:
    base = load_base(SHIPPED, SKILLS, CHANNELS)
    found, problems = load(SHIPPED, base)
    assert problems == []
    assert {case.expect for case in found} == {*base.entries}
    return found


def test_the_shipped_regression_file_covers_every_entry_in_both_languages(shipped: list[RegressionQuestion]) -> None:
    assert len(shipped) >= 320
    assert len({same_form(case.ask) for case in shipped}) == len(shipped)
    assert sum(case.expect == PERSON for case in shipped) >= 40
    languages = Counter(script_of(case.ask) for case in shipped)
    assert min(languages.values()) / len(shipped) > 0.45


def test_the_shipped_base_reaches_its_target_precision_on_the_regression_file(
    shipped: list[RegressionQuestion], edition: Edition, engine: SemanticEngine
) -> None:
    judged = judge(shipped, list(reactions([case.ask for case in shipped], engine, edition, WINTER)))
    assert precision(judged) >= 0.95
    strangers = [one for one in judged if one.case.expect == PERSON]
    assert sum(one.verdict is Verdict.WRONG for one in strangers) <= 1
    served = [one for one in judged if one.verdict in (Verdict.RIGHT, Verdict.ASKED)]
    assert len(served) / len(judged) >= 0.75


def precision(judged: Sequence[JudgedQuestion]) -> float:
    """Precision among questions that were answered or handed off by an entry."""
    sure = [
        one.verdict is Verdict.RIGHT
        for one in judged
        if one.reaction.kind is not ReactionKind.ASKED and one.reaction.entries
    ]
    return sum(sure) / len(sure)


@pytest.fixture(scope="module")
def engine(shipped_edition: tuple[str, bytes]) -> SemanticEngine:
    engine = SemanticEngine()
    engine.load(1, shipped_edition[1])
    return engine


def test_loading_a_base_skips_the_regression_file() -> None:
    _, problems = read(SHIPPED, SKILLS, CHANNELS)
    assert problems == []
