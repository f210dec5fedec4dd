"""A value that came into the environment with something around it is refused with line, variable and mend, whichever
setting it is for; and never told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chinese import in_chinese
from bot.config import load
from bot.errors import Mistake, SettingError
from bot.files import Page, fill_in

SHIPPED = Path(__file__).parent.parent / "config.yaml"
NAMES = re.findall(r"^[^#\n]*\$\{([A-Z_]+)", SHIPPED.read_text(encoding="utf-8"), re.MULTILINE)
VALUE = "s3cretValueThatNobodyMaySee"
BLEMISHED = {
    "CRLF": (f"{VALUE}\r", "a carriage return", "LF line ends"),
    "LF": (f"{VALUE}\n", "space or line break", "remove"),
    "a space after": (f"{VALUE} ", "space or line break", "remove"),
    "a space before": (f" {VALUE}", "space or line break", "remove"),
    "a full-width space": (f"{VALUE}\u3000", "space or line break", "remove"),
    "a byte order mark": (f"\ufeff{VALUE}", "nobody sees", "byte order mark"),
    "a zero-width space": (f"{VALUE}\u200b", "nobody sees", "byte order mark"),
    "GBK": (f"{VALUE}\udcd6", "not UTF-8", "byte order mark"),
    "a tab within": (f"{VALUE[:4]}\t{VALUE[4:]}", "a tab", "one line"),
    "quotes": (f'"{VALUE}"', "a quote", "remove the quotes"),
    "one quote": (f"{VALUE}'", "a quote", "remove the quotes"),
    "typographic quotes": (f"“{VALUE}”", "a quote", "remove the quotes"),
}


def refused(folder: Path, name: str = "config.yaml") -> Mistake:
    with pytest.raises(SettingError) as stopped:
        load(folder / name)
    (mistake,) = stopped.value.mistakes
    assert VALUE not in f"{mistake} {in_chinese(mistake.wrong)} {in_chinese(mistake.mend)}"
    return mistake


@pytest.mark.parametrize("blemish", BLEMISHED)
@pytest.mark.parametrize("name", NAMES)
def test_a_value_with_something_around_it_is_refused_with_line_variable_and_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, blemish: str
) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    value, wrong, mend = BLEMISHED[blemish]
    monkeypatch.setenv(name, value)
    mistake = refused(tmp_path)
    assert mistake.line == text[: text.index(f": ${{{name}")].count("\n") + 1
    assert name in mistake.wrong
    assert wrong in mistake.wrong
    assert mend in mistake.mend
    assert in_chinese(mistake.wrong) != mistake.wrong
    assert in_chinese(mistake.mend) != mistake.mend


def test_the_shipped_file_takes_many_settings_from_the_environment() -> None:
    assert {"YINGDA_SECRET", "YINGDA_RECORD", "YINGDA_NERVE", "WECHAT_TOKEN", "WECHAT_AES_KEY"} <= set(NAMES)


@pytest.mark.parametrize("name", ["\ufeffYINGDA_SECRET", "export YINGDA_SECRET", "YINGDA_SECRET "])
def test_a_variable_under_a_name_that_only_looks_right_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Else the demo's secret would quietly stand in for it."""
    (tmp_path / "config.yaml").write_text(SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.delenv("YINGDA_SECRET", raising=False)
    monkeypatch.setenv(name, VALUE)
    assert "unseen signs" in refused(tmp_path).wrong


@given(value=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40))
def test_what_is_taken_has_nothing_around_it(value: str) -> None:
    page = Page(Path("config.yaml"), {"key": "${YINGDA_TAKEN}"}, {})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("YINGDA_TAKEN", value)
        try:
            taken = fill_in(page, page.content)["key"]
        except SettingError:
            return
    assert taken == value == value.strip()
    assert value.isprintable()


SIGNS_WITH_A_MEANING = "cannot be read"


@pytest.mark.parametrize(
    ("key", "value", "wrong", "mend"),
    [
        ("nerve", f"redis://:{VALUE}#1@host:6379/0", SIGNS_WITH_A_MEANING, "%23"),
        ("nerve", f"redis://:{VALUE}/1@host:6379/0", SIGNS_WITH_A_MEANING, "%2F"),
        ("nerve", f"redis://:{VALUE}?1@host:6379/0", SIGNS_WITH_A_MEANING, "%3F"),
        ("nerve", f"redis://:{VALUE}[1@host:6379/0", SIGNS_WITH_A_MEANING, "%5B"),
        ("nerve", f"rediss://:{VALUE}@host:none", SIGNS_WITH_A_MEANING, "%23"),
        ("nerve", f"redis+sentinel://:{VALUE}@a:26379,b:26379/main", "Sentinel", "the server itself"),
        ("nerve", f"sentinel://:{VALUE}@a:26379/main", "Sentinel", "follows the master"),
        ("nerve", f"redis://:{VALUE}@host/main", "no database by its number", "/0"),
        ("nerve", f"redis://:{VALUE}@host/0?ssl_ca_certs=/ca.pem", "without TLS", "rediss://"),
        ("nerve", f"rediss://:{VALUE}@host/0?ssl_ca_certs=/no/such/ca.pem", "not there", "whole path"),
        ("nerve", f"rediss://:{VALUE}@host/0?ca=/ca.pem", "nobody knows", "ssl_ca_certs"),
        ("nerve", "localhost:6379", "no address of Redis", "redis://127.0.0.1"),
        ("record", f"postgresql://me:{VALUE}@1@host/name", SIGNS_WITH_A_MEANING, "%40"),
        ("record", f"postgresql://me:{VALUE}@host:many/name", SIGNS_WITH_A_MEANING, "%23"),
        ("members: {kind: sql, url", f"postgresql://me:{VALUE}@1@host/name", SIGNS_WITH_A_MEANING, "%40"),
        ("members: {kind: sql, url", VALUE, "no database", "postgresql://"),
        ("linking: {sms_url", f"gateway/{VALUE}", "no address", "http://"),
        ("intents: {encoder: {key", f"{VALUE} and more", "no header takes", "copy it whole"),
        ("intents: {encoder: {key", f"{VALUE}密", "no header takes", "copy it whole"),
    ],
)
def test_an_address_that_would_be_misread_is_refused_without_being_told(
    tmp_path: Path, key: str, value: str, wrong: str, mend: str
) -> None:
    text = f'secret: a-secret-for-these-tests\n{key}: "{value}"{"}" * key.count("{")}\n'
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    mistake = refused(tmp_path)
    assert mistake.line == 2
    assert wrong in mistake.wrong
    assert mend in mistake.mend
    assert in_chinese(mistake.wrong) != mistake.wrong


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("nerve", "redis://:p%23ss%2Fw@host:6379/0"),
        ("nerve", "redis://host"),
        ("nerve", "redis://[::1]:6379/3"),
        ("nerve", "rediss://user:p@ss@host:6380/0?ssl_cert_reqs=required"),
        ("nerve", "unix:///run/redis.sock?db=2"),
        ("record", "postgresql://me:p#ss/w?rd@host/name"),
        ("record", "postgresql:///name?host=/run/postgresql"),
        ("record", "sqlite:////srv/yingda/record.sqlite"),
    ],
)
def test_an_address_that_is_read_as_it_was_meant_is_taken(tmp_path: Path, key: str, value: str) -> None:
    text = f'secret: a-secret-for-these-tests\n{key}: "{value}"\n'
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    assert getattr(load(tmp_path / "config.yaml").config, key) == value
