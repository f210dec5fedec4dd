"""Phrases say exactly what editors wrote, with exactly the values that the code declares."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.knowledge_base_files import SHIPPED, SKILLS, TOPIC, Editor

from bot.app.channels import CHANNELS
from bot.knowledge.content import LANGUAGES, braces
from bot.knowledge.entries import load
from bot.knowledge.phrases import DECLARED, change, count, placeholders, render


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path).writes(TOPIC)


@pytest.mark.parametrize(
    ("old", "new", "key", "wrong"),
    [
        ("link.done:", "link.dun:", "link.dun", "is not a phrase that is used"),
        ("link.done:", "link.dun:", "link.done", "is missing"),
        (
            "排在第 {position} 位，大约",
            "排在第 {postion} 位，大约",
            "handoff.waiting.zh",
            "{postion} is not a placeholder",
        ),
        ("排在第 {position} 位，大约", "排队中，大约", "handoff.waiting.zh", "{position} is missing"),
        ("Reply 1 to read on.", "Reply {1} to read on.", "fetch.more.en", "{1} is not a placeholder"),
        ("Reply 1 to read on.", "Reply 1} to read on.", "fetch.more.en", "} is not a placeholder"),
        ("  en: No changes lately.\n", "", "points.no_movements.en", "Field required"),
        ("en: No changes lately.", "en: 0", "points.no_movements.en", "is not text"),
        ("en: No changes lately.", "en: None. # {n}\n  fr: Rien.", "points.no_movements.fr", "not permitted"),
    ],
)
def test_a_problem_in_a_phrase_names_its_line(editor: Editor, old: str, new: str, key: str, wrong: str) -> None:
    found = editor.changes(old, new, "phrases.yaml").problems()
    problem = next(problem for problem in found if problem.key == key)
    assert wrong in str(problem.message)
    assert problem.line > 0
    name = key.rpartition(".")[0] if key.endswith((".zh", ".en", ".fr")) else key
    if wrong != "is missing":
        assert problem.line >= editor.line_of(f"{name}:", "phrases.yaml")


def test_a_wrong_placeholder_is_reported_with_the_right_ones(editor: Editor) -> None:
    problem = editor.changes("剩余次数：{left}", "剩余次数：{n}", "phrases.yaml").problems()[0]
    assert problem.line == editor.line_of("{n}", "phrases.yaml")
    assert str(problem.hint) == "use {left}"


def test_the_member_systems_tiers_may_have_any_code(editor: Editor) -> None:
    editor.changes("tier.sprout:", "tier.gold: {zh: 金, en: Gold}\ntier.sprout:", "phrases.yaml")
    assert editor.base().phrases["tier.gold"].in_language("en") == "Gold"


@given(st.text(), st.text())
def test_values_are_inserted_literally(date: str, what: str) -> None:
    said = render("points.movement", "{date}|{what}|{points}", {"date": date, "what": what, "points": 1})
    assert said == f"{date}|{what}|+1"


@pytest.mark.parametrize("name", ["{tier}", "{points.__class__}", "{0}", "%s", "\\1", "{{}}"])
def test_a_phrase_name_with_special_characters_is_only_a_name(name: str) -> None:
    assert render("link.done", "你好，{name}。", {"name": name}) == f"你好，{name}。"


@given(st.integers())
def test_numbers_have_thousands_separators_and_changes_a_sign(number: int) -> None:
    assert int(count(number).replace(",", "")) == number
    assert change(number)[0] in "+-"
    assert int(change(number).replace(",", "")) == number


@pytest.mark.parametrize(
    "values",
    [{}, {"position": 1}, {"position": 1, "minutes": 2, "name": "a"}, {"position": "1", "minutes": 2}],
)
def test_a_missing_value_raises_type_error(values: dict[str, str | int]) -> None:
    with pytest.raises(TypeError):
        render("handoff.waiting", "{position} {minutes}", values)


def test_an_undeclared_phrase_raises_type_error() -> None:
    with pytest.raises(TypeError, match=r"there is no phrase handoff\.wating"):
        render("handoff.wating", "", {})


def test_every_shipped_phrase_renders_in_both_languages() -> None:
    phrases = load(SHIPPED, SKILLS, CHANNELS).phrases
    assert phrases.keys() >= DECLARED.keys()
    for name, phrase in phrases.items():
        declared = placeholders(name) or {}
        values = {key: 7 if kind in (count, change) else "Seven" for key, kind in declared.items()}
        for language in LANGUAGES:
            said = render(name, phrase.in_language(language), values)
            assert braces(said) == []
            assert "**" not in said
