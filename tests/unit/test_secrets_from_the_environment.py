"""A value that came into the environment with something around it is refused with line, variable and mend, whichever
setting it is for; and never told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import ROOT

from bot.config import load
from bot.errors import ConfigProblem, SettingError
from bot.yaml_files import SourceFile, substitute_variables

SHIPPED = ROOT / "config.yaml"
NAMES = re.findall(r"^[^#\n]*\$\{([A-Z_]+)", SHIPPED.read_text(encoding="utf-8"), re.MULTILINE)
VALUE = "s3cretValueThatNobodyMaySee"
BLEMISHED = {
    "CRLF": (f"{VALUE}\r", "a carriage return", "LF line ends"),
    "LF": (f"{VALUE}\n", "space or line break", "remove"),
    "a space after": (f"{VALUE} ", "space or line break", "remove"),
    "a space before": (f" {VALUE}", "space or line break", "remove"),
    "a full-width space": (f"{VALUE}\u3000", "space or line break", "remove"),
    "a byte order mark": (f"\ufeff{VALUE}", "invisible character", "byte order mark"),
    "a zero-width space": (f"{VALUE}\u200b", "invisible character", "byte order mark"),
    "GBK": (f"{VALUE}\udcd6", "not UTF-8", "byte order mark"),
    "a tab within": (f"{VALUE[:4]}\t{VALUE[4:]}", "a tab", "one line"),
    "quotes": (f'"{VALUE}"', "a quote", "remove the quotes"),
    "one quote": (f"{VALUE}'", "a quote", "remove the quotes"),
    "typographic quotes": (f"“{VALUE}”", "a quote", "remove the quotes"),
}


def refused(folder: Path, name: str = "config.yaml") -> ConfigProblem:
    with pytest.raises(SettingError) as stopped:
        load(folder / name)
    (problem,) = stopped.value.problems
    assert VALUE not in f"{problem} {problem.message.text('zh')} {problem.hint.text('zh')}"
    return problem


@pytest.mark.parametrize("blemish", BLEMISHED)
@pytest.mark.parametrize("name", NAMES)
def test_a_value_with_extra_characters_around_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, blemish: str
) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    value, wrong, mend = BLEMISHED[blemish]
    monkeypatch.setenv(name, value)
    problem = refused(tmp_path)
    written = next(line for line in text.splitlines() if f"${{{name}}}" in line or f"${{{name}:-" in line)
    assert problem.line == text.splitlines().index(written) + 1
    assert name in str(problem.message)
    assert wrong in str(problem.message)
    assert mend in str(problem.hint)
    assert problem.message.text("zh") != str(problem.message)
    assert problem.hint.text("zh") != str(problem.hint)


def test_the_shipped_file_takes_many_settings_from_the_environment() -> None:
    assert {"YINGDA_SECRET", "YINGDA_DATABASE", "YINGDA_REDIS", "WECHAT_TOKEN", "WECHAT_AES_KEY"} <= set(NAMES)


@pytest.mark.parametrize("name", ["\ufeffYINGDA_SECRET", "export YINGDA_SECRET", "YINGDA_SECRET "])
def test_a_variable_name_with_invisible_characters_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Else the demo's secret would quietly stand in for it."""
    (tmp_path / "config.yaml").write_text(SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.delenv("YINGDA_SECRET", raising=False)
    monkeypatch.setenv(name, VALUE)
    assert "invisible characters" in str(refused(tmp_path).message)


@given(value=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40))
def test_an_accepted_value_has_no_extra_characters_around_it(value: str) -> None:
    page = SourceFile(Path("config.yaml"), {"key": "${YINGDA_TAKEN}"}, {})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("YINGDA_TAKEN", value)
        try:
            taken = substitute_variables(page, page.content)["key"]
        except SettingError:
            return
    assert taken == value == value.strip()
    assert value.isprintable()


SIGNS_WITH_A_MEANING = "cannot be read"


@pytest.mark.parametrize(
    ("key", "value", "wrong", "mend"),
    [
        ("redis", f"redis://:{VALUE}#1@host:6379/0", SIGNS_WITH_A_MEANING, "%23"),
        ("redis", f"redis://:{VALUE}/1@host:6379/0", SIGNS_WITH_A_MEANING, "%2F"),
        ("redis", f"redis://:{VALUE}?1@host:6379/0", SIGNS_WITH_A_MEANING, "%3F"),
        ("redis", f"redis://:{VALUE}[1@host:6379/0", SIGNS_WITH_A_MEANING, "%5B"),
        ("redis", f"rediss://:{VALUE}@host:none", SIGNS_WITH_A_MEANING, "%23"),
        ("redis", f"redis+sentinel://:{VALUE}@a:26379,b:26379/main", "Sentinel", "the server itself"),
        ("redis", f"sentinel://:{VALUE}@a:26379/main", "Sentinel", "follows the master"),
        ("redis", f"redis://:{VALUE}@host/main", "has no database number", "/0"),
        ("redis", f"redis://:{VALUE}@host/0?ssl_ca_certs=/ca.pem", "without TLS", "rediss://"),
        ("redis", f"rediss://:{VALUE}@host/0?ssl_ca_certs=/no/such/ca.pem", "does not exist", "whole path"),
        ("redis", f"rediss://:{VALUE}@host/0?ca=/ca.pem", "unknown option", "ssl_ca_certs"),
        ("redis", "localhost:6379", "not an address of Redis", "redis://127.0.0.1"),
        ("database", f"postgresql://me:{VALUE}@1@host/name", SIGNS_WITH_A_MEANING, "%40"),
        ("database", f"postgresql://me:{VALUE}@host:many/name", SIGNS_WITH_A_MEANING, "%23"),
        ("members: {kind: sql, url", f"postgresql://me:{VALUE}@1@host/name", SIGNS_WITH_A_MEANING, "%40"),
        ("members: {kind: sql, url", VALUE, "without a driver", "postgresql://"),
        ("linking: {sms_url", f"gateway/{VALUE}", "not an address", "http://"),
        ("intents: {encoder: {key", f"{VALUE} and more", "not allowed in a header", "copy it whole"),
        ("intents: {encoder: {key", f"{VALUE}密", "not allowed in a header", "copy it whole"),
    ],
)
def test_an_ambiguous_address_is_refused_and_not_repeated(
    tmp_path: Path, key: str, value: str, wrong: str, mend: str
) -> None:
    text = f'secret: a-secret-for-these-tests\n{key}: "{value}"{"}" * key.count("{")}\n'
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    problem = refused(tmp_path)
    assert problem.line == 2
    assert wrong in str(problem.message)
    assert mend in str(problem.hint)
    assert problem.message.text("zh") != str(problem.message)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("redis", "redis://:p%23ss%2Fw@host:6379/0"),
        ("redis", "redis://host"),
        ("redis", "redis://[::1]:6379/3"),
        ("redis", "rediss://user:p@ss@host:6380/0?ssl_cert_reqs=required"),
        ("redis", "unix:///run/redis.sock?db=2"),
        ("database", "postgresql://me:p#ss/w?rd@host/name"),
        ("database", "postgresql:///name?host=/run/postgresql"),
        ("database", "sqlite:////srv/yingda/record.sqlite"),
    ],
)
def test_an_unambiguous_address_is_accepted(tmp_path: Path, key: str, value: str) -> None:
    text = f'secret: a-secret-for-these-tests\n{key}: "{value}"\n'
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    assert getattr(load(tmp_path / "config.yaml").config, key) == value
