"""Whoever works in Chinese reads in Chinese what is wrong with a setting, and how to mend it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shop import ROOT
from typer.testing import CliRunner

from bot.__main__ import app
from bot.chinese import in_chinese, told
from bot.config import load
from bot.errors import Mistake, SettingError

TELLING = ("Mistake", "mistake", "wrong", "like")
SHIPPED = (ROOT / "config.yaml").read_text(encoding="utf-8")


def has_chinese(text: str) -> bool:
    return any("一" <= sign <= "鿿" for sign in text)


def template(node: ast.expr) -> str:
    """A sentence of the code with x for what it names; '' for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
    return ""


def sentences(path: Path) -> Iterator[str]:
    """What is told by calls of TELLING, by variables called wrong and mend, and by validators' errors."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in TELLING:
                yield from map(template, node.args[-2:])
            case ast.Assign(targets=[ast.Name(id="wrong" | "mend")]):
                yield template(node.value)
            case ast.Raise(exc=ast.Call(func=ast.Name(id="ValueError"))) if path.name in ("config.py", "settings.py"):
                for said in map(template, node.exc.args):  # type: ignore[union-attr]
                    yield from said.split("; ")  # what is wrong; how to mend it


def test_every_mistake_that_the_code_tells_has_chinese_words() -> None:
    seen = 0
    for path in (ROOT / "bot").rglob("*.py"):
        for sentence in sentences(path):
            if sentence.strip("“x” ") and not sentence.startswith("export "):
                seen += 1
                assert has_chinese(in_chinese(sentence)), f"{path}: {sentence}"
    assert seen > 100


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("  port: 8080", "  port: eighty", "应为整数"),
        ("  port: 8080", "  port: 80800", "应不大于 65535"),
        ("  port: 8080", "  prot: 8080", "不允许的键"),
        ("mode: demo\n", "mode: test\n", "应为 'demo' or 'live'"),
        ("timezone: Asia/Shanghai", "timezone: Asia/Peking", "不是时区"),
        ("  receipts: 31", "  receipts: 7", "应不小于 31"),
        ("record: ${YINGDA_RECORD:-}", "record: mysql://me@db/yingda", "不是可用的数据库地址"),
        ("mode: demo\n", "mode: demo\n\tlanguage: en\n", "以制表符（Tab）开头"),
        ("mode: demo\n", "mode: demo: yes\n", "冒号出现在不该有的地方"),
        ('    mon: ["09:00-21:00"]', "    mon: [9-21]", "不是营业时段"),
        ("  holidays: []", "  holidays: [new year]", "应为日期"),
        ("secret: ${YINGDA_SECRET:-demo-secret-only-for-trying-things-out}", "secret: short", "至少 16 个字符"),
        ("secret: ${YINGDA_SECRET:-", "secret: ${NOT_SET_ANYWHERE} #", "没有设置环境变量 NOT_SET_ANYWHERE"),
        ("language: zh", "mode: live", "在此重复出现"),
    ],
)
def test_a_wrong_setting_is_told_in_chinese(tmp_path: Path, before: str, after: str, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SHIPPED.replace(before, after), encoding="utf-8")
    with pytest.raises(SettingError) as refused:
        load(path)
    mistake = refused.value.mistakes[0]
    assert f"{mistake.key}: {said}" in told(mistake, "zh")
    assert told(mistake, "en") == str(mistake)


def test_a_terminal_in_chinese_is_answered_in_chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGDA_CONFIG", "")
    asked = ["purge", "--config", str(tmp_path / "config.yaml")]
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert "文件不存在\n    → 创建该文件，或指定另一个" in CliRunner().invoke(app, asked).output
    monkeypatch.setenv("LANG", "C.UTF-8")
    assert "is not there" in CliRunner().invoke(app, asked).output


@given(st.text(max_size=60))
def test_what_has_no_words_is_told_as_it_is(sentence: str) -> None:
    assert told(Mistake("f", 1, "k", f"§{sentence}", sentence), "zh").startswith(f"f:1: k: §{sentence}")
