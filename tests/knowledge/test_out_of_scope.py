"""What nobody should answer automatically: an editor writes it down, and a mistake there is shown with its place."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from editor import SHIPPED, SKILLS, TOPIC, Editor

from bot.knowledge import regression, topics
from bot.knowledge.checks import check
from bot.knowledge.entries import load

NAME = "out_of_scope.yaml"
FILE = """\
zh:
  - 茶叶值得投资吗
en:
  - is tea a good investment
  - what does your competitor charge
"""
TODAY = date(2026, 12, 1)


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path).writes(TOPIC).writes(FILE, NAME)


def test_the_file_is_no_topic_and_each_question_knows_its_line(editor: Editor) -> None:
    base = editor.base()
    assert set(base.entries) == {"delivery-fee"}
    assert {text: place.at() for text, place in base.out_of_scope.items()} == {
        "茶叶值得投资吗": f"{editor.folder / NAME}:2",
        "is tea a good investment": f"{editor.folder / NAME}:4",
        "what does your competitor charge": f"{editor.folder / NAME}:5",
    }


def test_a_base_without_the_file_says_nothing_is_out_of_scope(editor: Editor) -> None:
    (editor.folder / NAME).unlink()
    assert not editor.base().out_of_scope


def test_one_language_is_enough(editor: Editor) -> None:
    assert list(editor.writes("zh: [茶叶值得投资吗]", NAME).base().out_of_scope) == ["茶叶值得投资吗"]


@pytest.mark.parametrize(
    ("content", "line", "wrong", "mend"),
    [
        ("", 0, "holds no questions", "remove the file"),
        ("- is tea a good investment", 1, "holds no questions", "write `zh:"),
        ("zh: []\nen: []", 1, "holds no questions", "remove the file"),
        ("zh: [茶叶值得投资吗]\nfr: [est-ce que]", 2, "not permitted", "spelling"),
        ("en:\n  - is tea a good investment\n  - '  '", 3, "is empty", "some text"),
        ("en:\n  - is tea a good investment\n  - 99", 3, "is not text", "quotes"),
        ("en:\n  - Good investment\n  - other\n  - good investment?", 4, "is also asked at", "keep one"),
    ],
)
def test_a_mistake_is_shown_with_its_line_and_how_to_mend_it(
    editor: Editor, content: str, line: int, wrong: str, mend: str
) -> None:
    found = editor.writes(content, NAME).mistake()
    assert (Path(found.file).name, found.line) == (NAME, line)
    assert wrong in found.wrong
    assert mend in found.mend


def test_what_an_entry_answers_cannot_be_out_of_scope_and_both_places_are_named(editor: Editor) -> None:
    found = editor.writes("zh:\n  - 包郵嗎？", NAME).mistake()
    assert (Path(found.file).name, found.line) == ("delivery.yaml", editor.line_of("zh: [包邮吗]"))
    assert found.wrong == f"“包邮吗” is also out of scope at {editor.folder / NAME}:2"


def test_a_file_that_is_known_already_is_still_held_against_what_is_out_of_scope(editor: Editor) -> None:
    before = topics.read(editor.folder, SKILLS)
    again = topics.read(editor.folder, SKILLS, before.topics)
    assert again.topics[0] is before.topics[0]
    assert list(again.base.out_of_scope) == list(before.base.out_of_scope) != []
    editor.writes("en: [Is delivery free?]", NAME)
    with pytest.raises(Exception, match="is also out of scope at"):
        topics.read(editor.folder, SKILLS, before.topics)


def test_what_hardly_differs_from_an_example_or_stands_under_the_wrong_language_is_a_warning(editor: Editor) -> None:
    editor.writes("en:\n  - is the delivery free for me\n  - 茶叶值得投资吗", NAME)
    base = editor.base()
    found = [one.mistake for one in check(base, [], TODAY) if Path(one.mistake.file).name == NAME]
    assert [mistake.line for mistake in found] == [2, 3]
    assert "is hardly different from “is delivery free” of delivery-fee" in found[0].wrong
    assert found[1].wrong == "“茶叶值得投资吗” is Chinese"


def test_a_question_that_training_learns_from_proves_nothing_in_the_regression_file(editor: Editor) -> None:
    editor.writes('- {ask: "Is tea a good investment?", expect: person}', "tests.yaml")
    _, (mistake,) = regression.load(editor.folder, editor.base())
    assert f"is what training learns from at {editor.folder / NAME}:4" in mistake.wrong


def test_the_shipped_base_shows_how() -> None:
    outside = load(SHIPPED, SKILLS).out_of_scope
    assert 10 <= len(outside) <= 20
    assert {place.keys[0] for place in outside.values()} == {"zh", "en"}
