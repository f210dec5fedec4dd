"""What nobody should answer automatically: an editor writes it down, and a problem there is shown with its place."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from support.knowledge_base_files import SHIPPED, SKILLS, TOPIC, Editor

from bot.app.channels import CHANNELS
from bot.evaluation import regression_tests
from bot.knowledge import topic_cache
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


def test_the_out_of_scope_file_is_not_a_topic_and_its_questions_have_lines(editor: Editor) -> None:
    base = editor.base()
    assert set(base.entries) == {"delivery-fee"}
    assert {text: place.at() for text, place in base.out_of_scope.items()} == {
        "茶叶值得投资吗": f"{editor.folder / NAME}:2",
        "is tea a good investment": f"{editor.folder / NAME}:4",
        "what does your competitor charge": f"{editor.folder / NAME}:5",
    }


def test_a_base_without_the_out_of_scope_file_has_no_such_questions(editor: Editor) -> None:
    (editor.folder / NAME).unlink()
    assert not editor.base().out_of_scope


def test_an_out_of_scope_question_needs_one_language_only(editor: Editor) -> None:
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
def test_a_mistake_is_reported_with_its_line_and_correction(
    editor: Editor, content: str, line: int, wrong: str, mend: str
) -> None:
    found = editor.writes(content, NAME).problem()
    assert (Path(found.file).name, found.line) == (NAME, line)
    assert wrong in str(found.message)
    assert mend in str(found.hint)


def test_an_example_that_is_also_out_of_scope_names_both_places(editor: Editor) -> None:
    found = editor.writes("zh:\n  - 包郵嗎？", NAME).problem()
    assert (Path(found.file).name, found.line) == ("delivery.yaml", editor.line_of("zh: [包邮吗]"))
    assert str(found.message) == f"“包邮吗” is also out of scope at {editor.folder / NAME}:2"


def test_a_cached_file_is_still_compared_with_the_out_of_scope_questions(editor: Editor) -> None:
    before = topic_cache.read(editor.folder, SKILLS, CHANNELS)
    again = topic_cache.read(editor.folder, SKILLS, CHANNELS, before.topics)
    assert again.topics[0] is before.topics[0]
    assert list(again.base.out_of_scope) == list(before.base.out_of_scope) != []
    editor.writes("en: [Is delivery free?]", NAME)
    with pytest.raises(Exception, match="is also out of scope at"):
        topic_cache.read(editor.folder, SKILLS, CHANNELS, before.topics)


def test_a_question_near_an_example_or_in_the_wrong_language_is_a_warning(editor: Editor) -> None:
    editor.writes("en:\n  - is the delivery free for me\n  - 茶叶值得投资吗", NAME)
    base = editor.base()
    found = [one.problem for one in check(base, [], TODAY) if Path(one.problem.file).name == NAME]
    assert [problem.line for problem in found] == [2, 3]
    assert "is nearly the same as “is delivery free” of delivery-fee" in str(found[0].message)
    assert str(found[1].message) == "“茶叶值得投资吗” is Chinese"


def test_a_regression_question_that_is_a_training_text_is_reported(editor: Editor) -> None:
    editor.writes('- {ask: "Is tea a good investment?", expect: person}', "tests.yaml")
    _, (problem,) = regression_tests.load(editor.folder, editor.base())
    assert f"is an example that training learns from, at {editor.folder / NAME}:4" in str(problem.message)


def test_the_shipped_base_has_out_of_scope_questions() -> None:
    outside = load(SHIPPED, SKILLS, CHANNELS).out_of_scope
    assert 10 <= len(outside) <= 20
    assert {place.keys[0] for place in outside.values()} == {"zh", "en"}
