"""A problem in the knowledge base is shown with its file, its line, and how to mend it (promise P10)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.knowledge_base_files import SKILLS, TOPIC, Editor

from bot.app.channels import CHANNELS
from bot.errors import ConfigProblem, SettingError
from bot.knowledge.entries import load
from bot.knowledge.similarity import same_form


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path).writes(TOPIC)


def stands_at(problem: ConfigProblem, editor: Editor, text: str, name: str = "delivery.yaml") -> bool:
    return Path(problem.file).name == name and problem.line == editor.line_of(text, name)


def test_a_correct_topic_is_read_with_its_owner_and_place(editor: Editor) -> None:
    base = editor.base()
    entry = base.entries["delivery-fee"]
    assert entry.owner == "orders"
    assert entry.examples.in_language("zh") == ("包邮吗",)
    assert entry.answers is not None
    assert entry.answers.in_language("en") == {"default": ("Free from ¥99.",)}
    assert base.places["delivery-fee"].at("answers", "en") == f"{editor.folder / 'delivery.yaml'}:11"


def test_a_loaded_base_cannot_be_changed(editor: Editor) -> None:
    base = editor.base()
    with pytest.raises(TypeError):
        base.entries["another"] = base.entries["delivery-fee"]  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        base.entries["delivery-fee"].owner = "somebody"  # type: ignore[misc]
    answers = base.entries["delivery-fee"].answers
    assert answers is not None
    with pytest.raises(TypeError):
        answers.zh["default"] = "不包邮"  # type: ignore[index]


@pytest.mark.parametrize(
    ("old", "new", "at", "wrong", "mend"),
    [
        ("    title: {zh: 运费, en: Delivery fee}\n", "", "id: delivery-fee", "required", "add this key"),
        ("{zh: 运费, en: Delivery fee}", "{zh: 运费}", "title:", "required", "add this key"),
        ("      en: [is delivery free]\n", "", "examples:", "required", "add this key"),
        ("      en: Free from ¥99.\n", "", "answers:", "required", "add this key"),
        ("[is delivery free]", "[]", "en: []", "at least 1", "write"),
        ("[is delivery free]", "['  ']", "en: ['  ']", "is empty", "write some text"),
        ("[is delivery free]", "[99]", "en: [99]", "is not text", "quotes"),
        ("[is delivery free]", "is delivery free", "en: is", "tuple", "write"),
        ("en: Free from ¥99.", "en: # later", "en: # later", "is empty", "write some text"),
        ("    answers:", "    answer:", "answer:", "not permitted", "write answers if you meant that"),
        ("owner: orders", "ownr: orders", "ownr:", "not permitted", "write owner if you meant that"),
        (
            "id: delivery-fee",
            "id: Delivery Fee",
            "id: Delivery Fee",
            "not a valid id",
            "small letters, digits and hyphens",
        ),
        ("    answers:", "    handoff: sometimes\n    answers:", "handoff:", "'never' or 'always'", "write 'never'"),
        ("    answers:", "    signal: joy\n    answers:", "signal:", "'anger'", "write"),
        ("    answers:", "    target_precision: 95\n    answers:", "target_precision:", "less than 1", "write"),
        ("    answers:", "    valid_from: 2026-02-30\n    answers:", "valid_from:", "date", "write"),
        ("    answers:", "    valid_to: soon\n    answers:", "valid_to:", "date", "write"),
    ],
)
def test_a_problem_in_an_entry_names_its_line(
    editor: Editor, old: str, new: str, at: str, wrong: str, mend: str
) -> None:
    problem = next(found for found in editor.changes(old, new).problems() if wrong in str(found.message))
    assert stands_at(problem, editor, at)
    assert mend in str(problem.hint)


def test_a_validity_that_ends_before_it_begins_is_reported(editor: Editor) -> None:
    dates = "    valid_from: 2026-05-01\n    valid_to: 2026-04-30\n    answers:"
    problem = editor.changes("    answers:", dates).problem()
    assert stands_at(problem, editor, "valid_to")
    assert str(problem.message) == "is before valid_from"


def test_an_entry_without_an_answer_is_reported(editor: Editor) -> None:
    problem = editor.writes(TOPIC[: TOPIC.index("    answers:")]).problem()
    assert stands_at(problem, editor, "id: delivery-fee")
    assert str(problem.message) == "delivery-fee answers nothing"


@pytest.mark.parametrize("instead", ["skill: points", "handoff: always"])
def test_an_entry_for_a_skill_or_a_person_needs_no_answers(editor: Editor, instead: str) -> None:
    editor.writes(TOPIC[: TOPIC.index("    answers:")] + f"    {instead}\n")
    assert editor.base().entries["delivery-fee"].answers is None


def test_an_unknown_skill_is_reported_with_the_known_ones(editor: Editor) -> None:
    problem = editor.changes("    answers:", "    skill: poins\n    answers:").problem()
    assert stands_at(problem, editor, "skill:")
    assert str(problem.message) == "there is no skill poins"
    assert str(problem.hint) == "use one of hours, link, person, points"


def test_answers_may_differ_by_channel(editor: Editor) -> None:
    editor.changes("zh: 满 99 元包邮。", "zh: {default: 满 99 元包邮。, twitter: 满99包邮}")
    answers = editor.base().entries["delivery-fee"].answers
    assert answers is not None
    assert answers.in_language("zh")["twitter"] == ("满99包邮",)


def test_an_unknown_channel_is_reported(editor: Editor) -> None:
    problem = editor.changes("zh: 满 99 元包邮。", "zh: {default: 包邮, wechta: 包邮}").problem()
    assert stands_at(problem, editor, "wechta")
    assert str(problem.hint) == "use default, wechat, twitter, webchat"


def test_answers_by_channel_need_a_default(editor: Editor) -> None:
    problem = editor.changes("zh: 满 99 元包邮。", "zh: {wechat: 包邮}").problem()
    assert stands_at(problem, editor, "wechat")
    assert str(problem.message) == "has no default"


SHORT_LIST = "zh:\n        - 满 99 元包邮。\n        - 99 元起就包邮。"
LONG_LIST = "zh:\n        default:\n          - 满 99 元包邮。\n          - 99 元起就包邮。"


@pytest.mark.parametrize("written", [SHORT_LIST, LONG_LIST, "zh: [满 99 元包邮。, 99 元起就包邮。]"])
def test_an_answer_may_have_several_wordings_in_order(editor: Editor, written: str) -> None:
    answers = editor.changes("zh: 满 99 元包邮。", written).base().entries["delivery-fee"].answers
    assert answers is not None
    assert answers.for_channel("wechat", "zh") == ("满 99 元包邮。", "99 元起就包邮。")
    assert answers.for_channel("wechat", "en") == ("Free from ¥99.",)


@pytest.mark.parametrize("written", [SHORT_LIST, LONG_LIST])
@pytest.mark.parametrize(
    ("second", "wrong", "mend"),
    [
        ("满99元，包邮！", "says the same as line", "say it in other words, or remove it"),
        ("{money} 元起", "{money} is a placeholder", "without braces"),
        ("99", "is not text", "quotes"),
        ("", "is empty", "write some text"),
        ("[再来一条]", "is not text", "quotes"),
    ],
)
def test_a_broken_wording_in_a_list_names_its_line_and_key(
    editor: Editor, written: str, second: str, wrong: str, mend: str
) -> None:
    second = f'"{second}"' if second.startswith("{") else second
    editor.changes("zh: 满 99 元包邮。", written.replace("99 元起就包邮。", f"{second} # here"))
    problem = editor.problem()
    assert stands_at(problem, editor, "# here")
    assert problem.key == "entries.0.answers.zh.default.1"
    assert wrong in str(problem.message)
    assert mend in str(problem.hint)
    assert all(re.search("[一-鿿]", words.text("zh")) for words in (problem.message, problem.hint))


def test_an_empty_list_of_wordings_is_reported(editor: Editor) -> None:
    problem = editor.changes("zh: 满 99 元包邮。", "zh: {default: 满 99 元包邮。, twitter: []}").problem()
    assert stands_at(problem, editor, "twitter")
    assert (problem.key, str(problem.message)) == ("entries.0.answers.zh.twitter", "is empty")


def test_a_placeholder_in_an_answer_is_reported(editor: Editor) -> None:
    problem = editor.changes("Free from ¥99.", "Dear {name}, it is free.").problem()
    assert stands_at(problem, editor, "{name}")
    assert "{name} is a placeholder" in str(problem.message)


def test_an_id_used_twice_names_both_places(editor: Editor) -> None:
    editor.writes(TOPIC.replace("包邮吗", "邮费多少").replace("is delivery free", "how much is shipping"), "more.yaml")
    problem = editor.problem()
    assert stands_at(problem, editor, "id: delivery-fee", "more.yaml")
    assert f"{editor.folder / 'delivery.yaml'}:4" in str(problem.message)


def test_the_same_question_under_two_entries_names_both_places(editor: Editor) -> None:
    other = TOPIC.replace("id: delivery-fee", "id: fee").replace("[包邮吗]", "[包 郵 嗎？]").replace("is d", "has d")
    problem = editor.writes(other, "more.yaml").problem()
    assert stands_at(problem, editor, "包 郵 嗎？", "more.yaml")
    assert "delivery-fee" in str(problem.message)
    assert f"{editor.folder / 'delivery.yaml'}:7" in str(problem.message)


def test_all_problems_are_reported_at_once(editor: Editor) -> None:
    editor.changes("Free from ¥99.", "{free}").writes("topic: [", "broken.yaml").writes("[]", "list.yaml")
    editor.changes("{position}", "{place}", "phrases.yaml")
    with pytest.raises(SettingError) as stop:
        load(editor.folder, SKILLS, CHANNELS)
    files = {Path(problem.file).name for problem in stop.value.problems}
    assert files == {"delivery.yaml", "broken.yaml", "list.yaml", "phrases.yaml"}
    assert all(problem.line > 0 for problem in stop.value.problems)


def test_one_broken_entry_does_not_hide_the_problems_of_the_next(editor: Editor) -> None:
    second = "\n".join(TOPIC.splitlines()[3:]).replace("delivery-fee", "fee").replace("[包邮吗]", "[]")
    editor.writes(TOPIC.replace("is delivery free", "") + second)
    assert sorted(problem.line for problem in editor.problems()) == [8, 15]


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="is not a folder"):
        load(tmp_path / "nowhere", SKILLS, CHANNELS)


def test_a_folder_without_topics_is_reported(tmp_path: Path) -> None:
    assert str(Editor(tmp_path).problem().message) == "holds no topic"


def test_a_file_that_would_be_ignored_is_reported(editor: Editor) -> None:
    assert str(editor.writes(TOPIC, "orders.yml").problem().hint) == "rename it so that it ends in .yaml"


def test_missing_phrases_are_reported(editor: Editor) -> None:
    (editor.folder / "phrases.yaml").unlink()
    assert str(editor.problem().message) == "is not there"


@pytest.mark.parametrize(
    ("asked", "again"),
    [
        ("我的積分，有多少？", "我的积分有多少"),
        ("ＨＥＬＬＯ  there!", "hello there"),
        ("谢谢～👍", "谢谢"),
        ("軟體", "软件"),
    ],
)
def test_questions_that_differ_in_width_case_script_or_punctuation_are_the_same(asked: str, again: str) -> None:
    assert same_form(asked) == same_form(again)


@given(st.text(max_size=60))
def test_every_text_that_is_not_blank_has_a_form(text: str) -> None:
    assert same_form(text) or not text.strip()
