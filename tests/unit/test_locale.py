"""Every text is there in Chinese and English, is used, and reaches its reader in the right language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter

import pytest
import yaml
from support.paths import ROOT
from typer.testing import CliRunner

from bot.__main__ import app
from bot.config import load
from bot.errors import ConfigProblem, InvalidValue, SettingError
from bot.i18n import LANGUAGES, LOCALE_FOLDER, Message, catalogue, message

SHIPPED = (ROOT / "config.yaml").read_text(encoding="utf-8")
KEY = re.compile(r"[a-z]+(\.(?!ya?ml$|json$|py$)[a-z0-9_]+)+")
TAKES_A_KEY = {"message", "Message", "translate", "section", "bilingual"}
QUOTED = re.compile(r"""["']([a-z]+(?:\.[a-z0-9_]+)+)["']""")
BEFORE_A_GAP = re.compile(r"""f["']([a-z]+\.[a-z0-9_.]*)\{""")
OF_COMMANDS = {"cli", "doctor", "evaluation"}  # sections whose keys are only passed on, to `say` and to findings
COMPUTED = {
    "pydantic.": "bot.yaml_files: by pydantic's error types",
    "rasa.helper.": "bot.knowledge.rasa.reading: by kinds of Rasa's helpers",
    "config.demo_": "bot.config: with or without an environment variable",
}
"""Prefixes of keys that are put together while the program runs, and where."""


def written_in(source: str) -> Iterator[tuple[str, bool]]:
    """Every text in a module that may be a key, and whether it has to be one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0] if node.args else None
            if name in TAKES_A_KEY and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, True
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and KEY.fullmatch(node.value):
            yield node.value, False


def sources(*suffixes: str) -> dict[str, str]:
    paths = (path for path in (ROOT / "bot").rglob("*") if path.suffix in suffixes)
    return {str(path): path.read_text(encoding="utf-8") for path in paths}


def unknown(texts: Mapping[str, str], modules: Mapping[str, str]) -> list[str]:
    """Keys that code uses and the catalogue does not have.

    What is no argument of TAKES_A_KEY counts as one if it begins with a section that codes of problems are in.
    """
    tops = {key.split(".")[0] for key in texts if key.endswith(".hint")} | OF_COMMANDS
    found = {
        f"{path}: {key}"
        for path, source in modules.items()
        for key, certain in written_in(source)
        if (certain or key.split(".")[0] in tops) and not _has(texts, key)
    }
    return sorted(found)


def _has(texts: Mapping[str, str], key: str) -> bool:
    """A text, the code of a problem (a message and a hint), or a section."""
    return key in texts or any(known.startswith(f"{key}.") for known in texts)


def unused(texts: Mapping[str, str], files: Mapping[str, str]) -> list[str]:
    """Keys of the catalogue that no code and no template uses."""
    used = {key for source in files.values() for key in QUOTED.findall(source)}
    built = {start for source in files.values() for start in BEFORE_A_GAP.findall(source)} | COMPUTED.keys()
    used |= {f"{key}_mend" for key in used}  # bot.ports.findings adds it
    parents = {key: {key[:at] for at, sign in enumerate(key) if sign == "."} for key in texts}
    return [key for key in texts if not (key in used or parents[key] & used or key.startswith(tuple(built)))]


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def differences(zh: Mapping[str, str], en: Mapping[str, str]) -> list[str]:
    """Keys that only one language has, and those whose gaps differ."""
    return sorted(zh.keys() ^ en.keys()) + [key for key in zh.keys() & en.keys() if gaps(zh[key]) != gaps(en[key])]


def test_both_languages_have_the_same_keys_with_the_same_gaps() -> None:
    assert differences(catalogue("zh"), catalogue("en")) == []
    assert len(catalogue("en")) > 500


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_repeated(language: str) -> None:
    def twice(node: yaml.Node | None, path: str) -> Iterator[str]:
        if isinstance(node, yaml.MappingNode):
            names = [f"{path}{key.value}" for key, _ in node.value]
            yield from {name for name in names if names.count(name) > 1}
            for name, (_, value) in zip(names, node.value, strict=True):
                yield from twice(value, f"{name}.")

    assert list(twice(yaml.compose((LOCALE_FOLDER / f"{language}.yaml").read_text(encoding="utf-8")), "")) == []


def test_every_used_key_has_a_text_and_every_text_is_used() -> None:
    assert unknown(catalogue("en"), sources(".py")) == []
    assert unused(catalogue("en"), sources(".py", ".html")) == []


def test_a_missing_key_an_unused_one_and_another_gap_are_found() -> None:
    code = {"a.py": 'page.problem((), "config.twice", name=1)\nmessage("config.lost")\nDID = "config.no_such"\n'}
    texts = {"config.twice.message": "{name}", "config.twice.hint": "one", "config.idle": "two"}
    assert unknown(texts, code) == ["a.py: config.lost", "a.py: config.no_such"]
    assert unused(texts, code) == ["config.idle"]
    assert differences({**texts, "config.idle": "{who}"}, {**texts, "config.more": ""}) == [
        "config.more",
        "config.idle",
    ]


def test_a_message_inside_a_message_is_also_translated() -> None:
    both = message("knowledge.both", first="{a}", second=message("rasa.answer"))
    assert [both.text(language) for language in LANGUAGES] == ["{a} 和 答案", "{a} and answer"]


def test_a_value_may_hold_braces_and_have_any_name() -> None:
    problem = ConfigProblem.of("f", 1, "k", "storage.refused", code="{0}", uid=0)
    assert str(problem) == "f:1: k: refuses it ({0})\n    → see the database's own log"


def test_a_refused_value_says_why_on_its_own() -> None:
    assert str(InvalidValue("config.redis.needs_tls", option="ssl")) == str(
        Message("config.redis.needs_tls.message", {"option": "ssl"})
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("  port: 8080", "  port: eighty", "应为整数"),
        ("  port: 8080", "  port: 80800", "应不大于 65535"),
        ("  port: 8080", "  prot: 8080", "不允许的键"),
        ("mode: demo\n", "mode: test\n", "应为 'demo' or 'live'"),
        ("timezone: Asia/Shanghai", "timezone: Asia/Peking", "不是时区"),
        ("  receipts: 31", "  receipts: 7", "应不小于 31"),
        ("database: ${YINGDA_DATABASE:-}", "database: mysql://me@db/yingda", "不是可用的数据库地址"),
        ("mode: demo\n", "mode: demo\n\tlanguage: en\n", "以制表符（Tab）开头"),
        ("mode: demo\n", "mode: demo: yes\n", "冒号出现在不该有的地方"),
        ('    mon: ["09:00-21:00"]', "    mon: [9-21]", "不是营业时段"),
        ("  holidays: []", "  holidays: [new year]", "应为日期"),
        ("secret: ${YINGDA_SECRET:-demo-secret-only-for-trying-things-out}", "secret: short", "至少 16 个字符"),
        ("secret: ${YINGDA_SECRET:-", "secret: ${NOT_SET_ANYWHERE} #", "没有设置环境变量 NOT_SET_ANYWHERE"),
        ("language: zh", "mode: live", "在此重复出现"),
    ],
)
def test_a_wrong_setting_is_reported_in_chinese(tmp_path: Path, before: str, after: str, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SHIPPED.replace(before, after), encoding="utf-8")
    with pytest.raises(SettingError) as refused:
        load(path)
    problem = refused.value.problems[0]
    assert f"{problem.key}: {said}" in problem.text("zh")
    assert problem.text("en") == str(problem)


def test_a_terminal_in_chinese_is_answered_in_chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGDA_CONFIG", "")
    asked = ["purge", "--config", str(tmp_path / "config.yaml")]
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert "文件不存在\n    → 创建该文件，或指定另一个" in CliRunner().invoke(app, asked).output
    monkeypatch.setenv("LANG", "C.UTF-8")
    assert "is not there" in CliRunner().invoke(app, asked).output


def test_a_finding_of_pydantic_without_a_text_of_ours_is_shown_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SHIPPED.replace("  port: 8080", "  port: .inf"), encoding="utf-8")
    with pytest.raises(SettingError) as refused:
        load(path)
    assert "Input should be a finite number" in refused.value.problems[0].text("zh")
