"""Before publishing, an editor sees what is wrong and what is likely to go wrong, with file and line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from editor import SKILLS, TOPIC, Editor
from hypothesis import given
from hypothesis import strategies as st

from bot.knowledge.checks import Finding, Severity, check
from bot.knowledge.entries import read
from bot.knowledge.sameness import gist

TODAY = date(2026, 9, 21)
ENOUGH = TOPIC.replace("[包邮吗]", "[包邮吗, 运费多少, 邮费怎么算, 满多少免邮, 快递要钱么, 寄西藏贵不贵]").replace(
    "[is delivery free]",
    "[is delivery free, postage, how much is shipping, shipping cost, cheap courier, free over what]",
)


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path).writes(ENOUGH)


def findings(editor: Editor) -> list[Finding]:
    base, mistakes = read(editor.folder, SKILLS)
    return check(base, mistakes, TODAY)


def warning(editor: Editor) -> Finding:
    (found,) = findings(editor)
    assert found.severity is Severity.WARNING
    return found


def test_content_in_order_has_no_findings(editor: Editor) -> None:
    assert findings(editor) == []


def test_too_few_examples_are_a_warning(editor: Editor) -> None:
    editor.writes(ENOUGH.replace(", 寄西藏贵不贵", ""))
    found = warning(editor).mistake
    assert (found.key, found.line) == ("entries.0.examples.zh", editor.line_of("包邮吗"))
    assert found.wrong.startswith("only 5 of at least 6")


def test_an_answer_too_long_for_wechat_is_a_warning(editor: Editor) -> None:
    editor.writes(ENOUGH.replace("满 99 元包邮。", "茶" * 683))
    found = warning(editor).mistake
    assert (found.key, found.line) == ("entries.0.answers.zh.default", editor.line_of("茶茶"))
    assert found.wrong == "2,049 bytes; WeChat takes 2,047 in one message"


def test_an_answer_that_just_fits_wechat_or_has_words_of_its_own_there_is_fine(editor: Editor) -> None:
    editor.writes(ENOUGH.replace("满 99 元包邮。", "茶" * 682))
    assert findings(editor) == []
    editor.writes(ENOUGH.replace("zh: 满 99 元包邮。", f"zh: {{default: {'茶' * 683}, wechat: 包邮}}"))
    assert findings(editor) == []


@pytest.mark.parametrize(("until", "expired"), [("2026-09-20", True), ("2026-09-21", False)])
def test_an_answer_is_out_of_date_the_day_after_its_last(editor: Editor, until: str, expired: bool) -> None:
    editor.writes(ENOUGH.replace("    answers:", f"    valid_to: {until}\n    answers:"))
    found = findings(editor)
    assert [one.mistake.line for one in found] == ([editor.line_of("valid_to")] if expired else [])


def test_an_example_written_twice_under_one_entry_is_a_warning(editor: Editor) -> None:
    editor.writes(ENOUGH.replace("运费多少", "运费多少, 運費多少？"))
    found = warning(editor).mistake
    assert found.wrong == f"“運費多少？” says the same as line {editor.line_of('包邮吗')}"


def test_examples_of_two_entries_that_hardly_differ_are_a_warning(editor: Editor) -> None:
    other = ENOUGH.replace("delivery-fee", "fee").split("zh: [")[0]
    zh = "请问运费是多少呢, 多少运费吗, 甲乙, 丙丁, 戊己, 庚辛"
    en = "cost of the shipping please, one thing, two of them, three more, four there, five here"
    editor.writes(f"{other}zh: [{zh}]\n      en: [{en}]\n    handoff: always\n", "more.yaml")
    found = [str(finding) for finding in findings(editor)]
    assert len(found) == 2
    assert "“多少运费吗” is hardly different from “运费多少” of delivery-fee" in found[0]
    assert "“cost of the shipping please” is hardly different from “shipping cost” of delivery-fee" in found[1]
    assert all(f"{editor.folder / 'more.yaml'}:" in one for one in found)


def test_mistakes_are_errors_and_stand_first(editor: Editor) -> None:
    broken = ENOUGH.replace("Free from ¥99.", "It is {free}.").replace(", 寄西藏贵不贵", "")
    found = findings(editor.writes(broken))
    assert [one.severity for one in found] == [Severity.ERROR, Severity.WARNING]
    assert str(found[0]).startswith(
        f"error: {editor.folder / 'delivery.yaml'}:11: entries.0.answers.en.default: {{free}}"
    )


@given(st.text(max_size=60))
def test_every_text_that_is_not_blank_has_a_gist(text: str) -> None:
    assert gist(text) or not text.strip()
