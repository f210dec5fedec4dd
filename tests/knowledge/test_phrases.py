"""Phrases say exactly what editors wrote, with exactly the values that the code declares."""

from __future__ import annotations

from pathlib import Path

import pytest
from editor import SHIPPED, SKILLS, TOPIC, Editor
from hypothesis import given
from hypothesis import strategies as st

from bot.knowledge.content import LANGUAGES, braces
from bot.knowledge.entries import load
from bot.knowledge.phrases import DECLARED, change, count, placeholders, render


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path).writes(TOPIC)


@pytest.mark.parametrize(
    ("old", "new", "key", "wrong"),
    [
        ("link.done:", "link.dun:", "link.dun", "is no phrase that anything says"),
        ("link.done:", "link.dun:", "link.done", "is missing"),
        (
            "排在第 {position} 位，大约",
            "排在第 {postion} 位，大约",
            "handoff.waiting.zh",
            "{postion} is no placeholder",
        ),
        ("排在第 {position} 位，大约", "排队中，大约", "handoff.waiting.zh", "{position} is missing"),
        ("Reply 1 to read on.", "Reply {1} to read on.", "fetch.more.en", "{1} is no placeholder"),
        ("Reply 1 to read on.", "Reply 1} to read on.", "fetch.more.en", "} is no placeholder"),
        ("  en: No changes lately.\n", "", "points.no_movements.en", "Field required"),
        ("en: No changes lately.", "en: 0", "points.no_movements.en", "is not text"),
        ("en: No changes lately.", "en: None. # {n}\n  fr: Rien.", "points.no_movements.fr", "not permitted"),
    ],
)
def test_a_mistake_in_a_phrase_names_its_line(editor: Editor, old: str, new: str, key: str, wrong: str) -> None:
    found = editor.changes(old, new, "phrases.yaml").mistakes()
    mistake = next(mistake for mistake in found if mistake.key == key)
    assert wrong in mistake.wrong
    assert mistake.line > 0
    name = key.rpartition(".")[0] if key.endswith((".zh", ".en", ".fr")) else key
    if wrong != "is missing":
        assert mistake.line >= editor.line_of(f"{name}:", "phrases.yaml")


def test_a_mistake_tells_which_placeholders_belong_there(editor: Editor) -> None:
    mistake = editor.changes("剩余次数：{left}", "剩余次数：{n}", "phrases.yaml").mistakes()[0]
    assert mistake.line == editor.line_of("{n}", "phrases.yaml")
    assert mistake.mend == "use {left}"


def test_the_member_systems_tiers_may_have_any_code(editor: Editor) -> None:
    editor.changes("tier.sprout:", "tier.gold: {zh: 金, en: Gold}\ntier.sprout:", "phrases.yaml")
    assert editor.base().phrases["tier.gold"].said_in("en") == "Gold"


@given(st.text(), st.text())
def test_values_are_said_literally_whatever_they_contain(date: str, what: str) -> None:
    said = render("points.movement", "{date}|{what}|{points}", {"date": date, "what": what, "points": 1})
    assert said == f"{date}|{what}|+1"


@pytest.mark.parametrize("name", ["{tier}", "{points.__class__}", "{0}", "%s", "\\1", "{{}}"])
def test_a_name_with_signs_is_only_a_name(name: str) -> None:
    assert render("link.done", "你好，{name}。", {"name": name}) == f"你好，{name}。"


@given(st.integers())
def test_numbers_are_said_with_their_thousands_and_changes_with_their_sign(number: int) -> None:
    assert int(count(number).replace(",", "")) == number
    assert change(number)[0] in "+-"
    assert int(change(number).replace(",", "")) == number


@pytest.mark.parametrize(
    "values",
    [{}, {"position": 1}, {"position": 1, "minutes": 2, "name": "a"}, {"position": "1", "minutes": 2}],
)
def test_code_that_forgets_a_value_is_told_at_once(values: dict[str, str | int]) -> None:
    with pytest.raises(TypeError):
        render("handoff.waiting", "{position} {minutes}", values)


def test_code_that_says_an_undeclared_phrase_is_told_at_once() -> None:
    with pytest.raises(TypeError, match=r"there is no phrase handoff\.wating"):
        render("handoff.wating", "", {})


def test_every_shipped_phrase_can_be_said_in_both_languages() -> None:
    phrases = load(SHIPPED, SKILLS).phrases
    assert phrases.keys() >= DECLARED.keys()
    for name, phrase in phrases.items():
        declared = placeholders(name) or {}
        values = {key: 7 if kind in (count, change) else "Seven" for key, kind in declared.items()}
        for language in LANGUAGES:
            said = render(name, phrase.said_in(language), values)
            assert braces(said) == []
            assert "**" not in said
