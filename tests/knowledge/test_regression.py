"""The regression file: what customers ask in words nobody taught, and what should come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from editor import SHIPPED, SKILLS, TOPIC, Editor

from bot.decisions import Candidate, Understanding, Utterance
from bot.errors import Mistake
from bot.intents.examining import reactions
from bot.intents.understanding.semantic import SemanticEngine
from bot.knowledge.checks import Severity
from bot.knowledge.editions import Edition
from bot.knowledge.entries import load as load_base
from bot.knowledge.entries import read
from bot.knowledge.regression import PERSON, Case, Did, Judged, Reaction, Verdict, findings, judge, load
from bot.knowledge.sameness import same_form
from bot.language import script_of

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


def cases(editor: Editor) -> list[Case]:
    found, mistakes = load(editor.folder, editor.base())
    assert mistakes == []
    return found


def mistake(editor: Editor) -> Mistake:
    (found,) = load(editor.folder, editor.base())[1]
    return found


def test_the_file_is_no_topic_of_the_knowledge_base(editor: Editor) -> None:
    assert set(editor.base().entries) == {"delivery-fee"}


def test_questions_are_read_with_what_is_expected_and_their_lines(editor: Editor) -> None:
    found = cases(editor)
    assert [(case.ask, case.expect) for case in found] == [
        ("邮费怎么收呀", "delivery-fee"),
        ("do I pay for postage", "delivery-fee"),
        ("sing me the anthem", PERSON),
    ]
    assert found[2].place.at("ask") == f"{editor.folder / 'tests.yaml'}:3"


def test_a_base_without_the_file_has_nothing_to_ask(editor: Editor) -> None:
    (editor.folder / "tests.yaml").unlink()
    assert load(editor.folder, editor.base()) == ([], [])


@pytest.mark.parametrize(
    ("old", "new", "line", "wrong", "mend"),
    [
        ("expect: delivery-fee}\n- ask", "expect: delivery-fees}\n- ask", 2, "no entry is called", "delivery-fee?"),
        ("expect: delivery-fee}\n- ask", "expect: zzz}\n- ask", 2, "no entry is called zzz", "name an entry"),
        ("sing me the anthem", "DO I PAY for postage??", 3, "is also asked at", "keep one"),
        ("sing me the anthem", "包郵嗎", 3, "is what training learns from at", "other words"),
        ("sing me the anthem", "Delivery Fee!", 3, "is what training learns from at", "other words"),
        ("  expect: person\n", "", 3, "required", "add this key"),
        ("  expect: person\n", "  expects: person\n  expect: person\n", 4, "not permitted", "spelling"),
        ("sing me the anthem", "'  '", 3, "is empty", "some text"),
    ],
)
def test_a_mistake_is_shown_with_its_line(editor: Editor, old: str, new: str, line: int, wrong: str, mend: str) -> None:
    found = mistake(editor.changes(old, new, "tests.yaml"))
    assert (Path(found.file).name, found.line) == ("tests.yaml", line)
    assert wrong in found.wrong
    assert mend in found.mend


@pytest.mark.parametrize(("content", "wrong"), [("ask: me", "holds no questions"), ("- [", "has no value")])
def test_a_file_of_another_shape_is_shown(editor: Editor, content: str, wrong: str) -> None:
    assert wrong in mistake(editor.writes(content, "tests.yaml")).wrong


ANSWER, OFF = Reaction(Did.ANSWERED, ("delivery-fee",), 0.97), Reaction(Did.HANDED_OFF)
OFFER = Reaction(Did.ASKED, ("refund", "delivery-fee"), 0.6)


@pytest.mark.parametrize(
    ("expect", "reaction", "verdict"),
    [
        ("delivery-fee", ANSWER, Verdict.RIGHT),
        ("delivery-fee", Reaction(Did.HANDED_OFF, ("delivery-fee",), 0.9), Verdict.RIGHT),
        ("delivery-fee", OFFER, Verdict.ASKED),
        ("delivery-fee", Reaction(Did.ASKED, ("refund",), 0.5), Verdict.HANDED_OFF),
        ("delivery-fee", OFF, Verdict.HANDED_OFF),
        ("delivery-fee", Reaction(Did.HANDED_OFF, (PERSON,), 0.9), Verdict.HANDED_OFF),
        ("delivery-fee", Reaction(Did.ANSWERED, ("refund",), 0.9), Verdict.WRONG),
        ("delivery-fee", Reaction(Did.HANDED_OFF, ("complaint",), 0.9), Verdict.WRONG),
        (PERSON, ANSWER, Verdict.WRONG),
        (PERSON, OFFER, Verdict.RIGHT),
        (PERSON, OFF, Verdict.RIGHT),
    ],
)
def test_the_verdict_says_what_a_customer_would_make_of_it(
    editor: Editor, expect: str, reaction: Reaction, verdict: Verdict
) -> None:
    case = Case("whatever", expect, cases(editor)[0].place)
    assert [one.verdict for one in judge([case], [reaction])] == [verdict]


def test_wrong_answers_are_errors_unneeded_handoffs_notes_and_asking_back_is_fine(editor: Editor) -> None:
    wrong = Reaction(Did.ANSWERED, ("refund",), 0.91)
    found = findings(judge([*cases(editor), cases(editor)[0]], [wrong, OFF, OFF, OFFER]))
    assert [(one.severity, one.mistake.line) for one in found] == [(Severity.ERROR, 1), (Severity.NOTE, 2)]
    assert "is taken for refund (0.91), not delivery-fee" in found[0].mistake.wrong
    assert "goes to a person, though delivery-fee answers it" in found[1].mistake.wrong


def test_every_question_needs_a_reaction(editor: Editor) -> None:
    with pytest.raises(ValueError, match="shorter"):
        judge(cases(editor), [ANSWER])


class Parrot:
    """Takes every text for the entry that it names."""

    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        assert len(utterances) <= 16
        return [Understanding((Candidate(said.text.split()[0], float(said.text.split()[1])),)) for said in utterances]


@pytest.fixture(scope="session")
def edition(shipped_edition: tuple[str, bytes]) -> Edition:
    return Edition.from_json(1, shipped_edition[0])


def test_an_edition_is_examined_as_the_bot_would_decide(edition: Edition) -> None:
    asked = ["delivery-fee 0.99", "points 0.99", "delivery-fee 0.6", "delivery-fee 0.01", "complaint 0.99"]
    asked += ["mid-autumn-boxes 0.99", "person 0.99", *["hello 0.99"] * 12]
    found = list(reactions(asked, Parrot(), edition, WINTER))
    assert [(one.did, one.entries) for one in found[:8]] == [
        (Did.ANSWERED, ("delivery-fee",)),
        (Did.ANSWERED, ("points",)),
        (Did.ASKED, ("delivery-fee",)),
        (Did.HANDED_OFF, ()),
        (Did.HANDED_OFF, ("complaint",)),
        (Did.HANDED_OFF, ("mid-autumn-boxes",)),
        (Did.HANDED_OFF, ("person",)),
        (Did.ANSWERED, ("hello",)),
    ]
    assert len(found) == len(asked)


@pytest.fixture(scope="module")
def shipped() -> list[Case]:
    base = load_base(SHIPPED, SKILLS)
    found, mistakes = load(SHIPPED, base)
    assert mistakes == []
    assert {case.expect for case in found} == {*base.entries}
    return found


def test_the_shipped_file_asks_for_everything_in_both_languages(shipped: list[Case]) -> None:
    assert len(shipped) >= 320
    assert len({same_form(case.ask) for case in shipped}) == len(shipped)
    assert sum(case.expect == PERSON for case in shipped) >= 40
    languages = Counter(script_of(case.ask) for case in shipped)
    assert min(languages.values()) / len(shipped) > 0.45


def test_the_shipped_base_keeps_its_promise_on_it(
    shipped: list[Case], edition: Edition, engine: SemanticEngine
) -> None:
    judged = judge(shipped, list(reactions([case.ask for case in shipped], engine, edition, WINTER)))
    assert precision(judged) >= 0.95
    strangers = [one for one in judged if one.case.expect == PERSON]
    assert sum(one.verdict is Verdict.WRONG for one in strangers) <= 1
    served = [one for one in judged if one.verdict in (Verdict.RIGHT, Verdict.ASKED)]
    assert len(served) / len(judged) >= 0.75


def precision(judged: Sequence[Judged]) -> float:
    """The share of right ones among questions that an entry was found sure enough for."""
    sure = [
        one.verdict is Verdict.RIGHT for one in judged if one.reaction.did is not Did.ASKED and one.reaction.entries
    ]
    return sum(sure) / len(sure)


@pytest.fixture(scope="module")
def engine(shipped_edition: tuple[str, bytes]) -> SemanticEngine:
    engine = SemanticEngine()
    engine.take_up(1, shipped_edition[1])
    return engine


def test_reading_the_base_does_not_take_the_file_for_a_topic() -> None:
    _, mistakes = read(SHIPPED, SKILLS)
    assert mistakes == []
