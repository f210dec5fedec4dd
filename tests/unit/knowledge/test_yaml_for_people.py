"""What people write in YAML by hand: slips are named by their sign and line, and nothing is lost without a word."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
import yaml.composer
import yaml.constructor
import yaml.parser
import yaml.reader
import yaml.scanner
from hypothesis import given
from hypothesis import strategies as st
from support.knowledge_base_files import TOPIC, Editor
from support.paths import ROOT
from yaml.error import Mark, MarkedYAMLError

from bot.errors import ConfigProblem, SettingError
from bot.knowledge.entries import read
from bot.yaml_files import SourceFile, misreadings_in, read_page
from bot.yaml_files.diagnostics import Explanation, explained

RAW = re.compile(r"could not find|^expected|^found |not allowed here|while (scanning|parsing)")


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path).writes(TOPIC)


def surprised(folder: Path, text: str) -> list[ConfigProblem]:
    path = folder / "some.yaml"
    path.write_text(text, encoding="utf-8")
    return misreadings_in([path])


def refused(folder: Path, text: str) -> ConfigProblem:
    path = folder / "some.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError) as wrong:
        read_page(path)
    return wrong.value.problems[0]


def has_chinese(text: str) -> bool:
    return any("一" <= sign <= "鿿" for sign in text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("zh: 转 3 #客服# 或回复\n", 1),
        ("en: extension #3, please\n", 1),
        ("en: extension # 3, please\n", 1),
        ("examples:\n  zh:\n    - 热线 #1\n", 3),
        ("en:\n  default: #3 is ours\n", 2),
        ("en: call us\n  at #3\n", 2),
        ("zh: [热线\t#1\n  ]\n", 1),
        ("- {ask: what is\n    no #4, expect: hotline\n  }\n", 2),
        ("password: secret #word\n", 1),
        ("responses:\n  utter_x:\n  - text: Call #3\n", 3),
    ],
)
def test_a_text_cut_at_a_hash_is_a_warning_with_its_line_and_correction(tmp_path: Path, text: str, line: int) -> None:
    (warned,) = surprised(tmp_path, text)
    assert (warned.line, str(warned.hint)) == (line, "put quotes around it")
    assert "在 # 处被截断" in warned.text("zh")
    assert "给它加上引号" in warned.text("zh")


@pytest.mark.parametrize(
    "text",
    [
        "zh: '转 3 #客服# 或回复'\n",
        'en: "call #3"  # quoted\n',
        "en: C#3\n",
        "zh: |\n  转 3 #客服#\n",
        "port: 8080 # where it listens\n",
        "accounts: # all of them\n  - name: shop # the first\n",
        "en: call us  # from the shop's letters\n",
        "# en: call #3\nen: yes, call\n",
    ],
)
def test_quoted_texts_and_comments_are_not_warned_of(tmp_path: Path, text: str) -> None:
    assert surprised(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "line", "sign"),
    [
        ("topic： { zh: 试验, en: Trial }\n", 1, "："),
        ("topic: { zh: a, en: b }\nentries：\n  - id: x\n", 2, "："),
        ("topic: x\nowner： me\nentries: []\n", 2, "："),
        ("a:\n  - id: x\n  －id: y\n", 3, "－"),
        ("zh:\n  - one\n  -two\n", 3, "dash"),
        ("a:\n  b: 1\n　　c: 2\nd\n", 3, "U+3000"),
        ("a: [one，two\nb: c\n", 1, "，"),
        ("a: 【one, two】\nb: “x: y”\n", 2, "“"),
        ("a: [one, no #2, three]\nb: c\n", 1, "#"),
        ("a: 'it's'\n", 1, "text"),
        ("a: 'open\nb: c\nd: e\n", 1, "quote"),
        ('a: "\\d"\n', 1, "backslash"),
        ("a: one\n   b: two\n", 2, "':'"),
        ("a:\n  - one\n b: two\n", 3, "indented"),
        ("a: @name\n", 1, "character"),
        ("a: `x`\n", 1, "character"),
        ("a: %x\n", 1, "character"),
        ("a: *x\n", 1, "*"),
        ("a: !!python/name:os.system x\n", 1, "!"),
        ("a: !好\n", 1, "!"),
        ("a: - b\n", 1, "list item"),
        ("a: | text\n", 1, "|"),
        ("a: b\n---\nc: d\n", 2, "second document"),
        ("a: b\x07c\n", 1, "U+0007"),
        ("a: 1\nb: 2\nc: x\x00y\n", 3, "U+0000"),
        ("{a: b}: c\n", 1, "key"),
    ],
)
def test_a_parser_error_is_explained_with_its_character_and_line(
    tmp_path: Path, text: str, line: int, sign: str
) -> None:
    problem = refused(tmp_path, text)
    assert problem.line == line
    assert sign in str(problem.message)
    assert not RAW.search(str(problem.message))
    assert has_chinese(problem.message.text("zh"))
    assert has_chinese(problem.hint.text("zh"))


def as_problem(found: Explanation) -> ConfigProblem:
    return ConfigProblem.of("a.yaml", found.line, "YAML", found.what.key, **found.what.values)


def messages() -> Iterator[tuple[str, str]]:
    """Every message in PyYAML's own code, with its context."""
    for module in (yaml.scanner, yaml.parser, yaml.composer, yaml.constructor):
        code = " ".join(inspect.getsource(module).split())
        for raised in re.findall(r"raise \w+Error\((.*?)(?:mark|None)\)", code):
            said = [first or second for first, second in re.findall(r"\"([^\"]*)\"|'([^']*)'", raised)]
            if said:
                yield said[-1], said[0] if len(said) > 1 else ""


def test_no_parser_message_is_shown_raw() -> None:
    mark = Mark("file", 0, 0, 0, None, 0)
    found = list(messages())
    assert len(found) > 50
    for problem, context in found:
        told_so = as_problem(explained("a: b\n", MarkedYAMLError(context, mark, problem, mark)))
        assert told_so.line == 1
        assert not RAW.search(str(told_so.message)), (problem, context)
        assert has_chinese(told_so.message.text("zh")), told_so
        assert has_chinese(told_so.hint.text("zh")), told_so


@given(st.text(alphabet="ab:：-－#&*!|>'\"[]{}，,%@` \t\n　x1", max_size=40))
def test_any_file_is_read_or_explained_in_both_languages(text: str) -> None:
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as broken:
        found = as_problem(explained(text, broken))
        assert not RAW.search(str(found.message))
        assert has_chinese(found.message.text("zh"))
        assert has_chinese(found.hint.text("zh"))


@pytest.mark.parametrize(
    ("old", "new", "at", "wrong", "mend"),
    [
        ("[包邮吗]", "[包邮吗，要运费吗]", "zh: [包", "full-width ，", "write , and a space"),
        ("zh: [包邮吗]", "zh:\n        -包邮吗\n        -要运费吗", "-包", "no space after its dash", "put a space"),
        ("zh: [包邮吗]", "zh:\n        －包邮吗\n        －要运费吗", "－包", "with －", "write - and"),
        ("zh: [包邮吗]", "zh:\n        －包邮吗", "－包", "with －", "write - and"),
        ("{zh: 运费, en: Delivery fee}", "\n      zh：运费\n      en：Fee", "zh：", "full-width colon", "write : and"),
        ("{zh: 运费, en: Delivery fee}", "\n      zh:运费\n      en:Fee", "zh:运", "no space after the colon", "put a"),
        ("[包邮吗]", "[运费: 多少]", "[运费", "is not text", "a colon and a space"),
        ("zh: [包邮吗]", "zh:\n        - 运费几块:", "运费几块", "is not text", "a colon and a space"),
        ("zh: [包邮吗]", "zh:\n        - - 包邮吗", "- - 包", "is not text", "begins with a dash"),
        ("zh: [包邮吗]", "zh:\n        - -包邮吗", "- -包", "no space after its dash", "put a space"),
        ("en: Free from ¥99.", "en: #1 is free", "en: #1", "ends at #", "quotes"),
        ("  - id: delivery-fee", "　　- id: delivery-fee", "　　- id", "U+3000", "ordinary spaces"),
        ("en: Free from ¥99.", "en: &Free from ¥99.", "&Free", "drops the first word", "quotes"),
        ("zh: 满 99 元包邮。", "zh: ! 满 99 元包邮。", "! 满", "drops the first word", "quotes"),
    ],
)
def test_valid_yaml_with_another_meaning_is_reported_with_its_line(
    editor: Editor, old: str, new: str, at: str, wrong: str, mend: str
) -> None:
    path = editor.changes(old, new).folder / "delivery.yaml"
    found = [*read(editor.folder, (), ())[1], *misreadings_in([path])]
    (one, *_) = [problem for problem in found if wrong in str(problem.message)]
    assert one.line == editor.line_of(at)
    assert mend in str(one.hint)
    assert has_chinese(one.message.text("zh"))
    assert has_chinese(one.hint.text("zh"))


@pytest.mark.parametrize("value", ["yes", "no", "off", "On", "9:00", "012", "1.5", "39", "~", "0x1f"])
def test_a_value_that_yaml_reads_as_no_text_is_refused_with_its_line(editor: Editor, value: str) -> None:
    problems = editor.changes("en: Free from ¥99.", f"en: {value}").problems()
    assert [(one.line, str(one.message)) for one in problems] == [
        (editor.line_of("      en: "), "is empty" if value == "~" else "is not text")
    ] or problems[0].line == 11


@pytest.mark.parametrize(("written", "read_as"), [("0123", "83"), ("1:30", "90"), ("1_000", "1000")])
def test_a_number_that_yaml_converts_is_a_warning(tmp_path: Path, written: str, read_as: str) -> None:
    (warned,) = surprised(tmp_path, f"a: 1\nport: {written}\n")
    assert (warned.line, str(warned.message)) == (2, f"{written} is the number {read_as}")


def test_keys_taken_over_by_a_merge_are_no_repeated_keys(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n", encoding="utf-8")
    page: SourceFile = read_page(path)
    assert page.content["b"] == {"x": 1, "y": 3}
    assert page.line("b", "y") == 4


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_bytes("\ufefftopic: x\n".encode())
    assert read_page(path).content == {"topic": "x"}


def test_a_file_in_gbk_is_refused_with_the_line_that_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_bytes("a: b\nzh: 怎么退货\n".encode("gb18030"))
    with pytest.raises(SettingError) as wrong:
        read_page(path)
    assert wrong.value.problems[0].line == 2


def test_the_shipped_files_have_no_misreadings() -> None:
    assert misreadings_in([ROOT / "config.yaml", *sorted((ROOT / "knowledge_base").glob("*.yaml"))]) == []
