"""A problem in config.yaml stops the start with file, line, key, what is wrong and how to mend it (P10)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from support.paths import ROOT

from bot.app.channels import demo_values
from bot.channels.twitter import TwitterSettings
from bot.channels.twitter.settings import Prices
from bot.channels.webchat import WebChatSettings
from bot.channels.wechat.settings import WeChatSettings
from bot.config import Config, Deployment, load
from bot.errors import ConfigProblem, SettingError

SHIPPED = ROOT / "config.yaml"
X_KEYS = ("X_CONSUMER_KEY", "X_CONSUMER_SECRET", "X_ACCESS_TOKEN", "X_ACCESS_TOKEN_SECRET")


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(folder: Path, before: str, after: str) -> tuple[Path, int]:
    """The shipped file with one change, and the line of it."""
    text = SHIPPED.read_text(encoding="utf-8")
    assert text.count(before) == 1, before
    line = text[: text.index(before)].count("\n") + 1
    return written(folder, text.replace(before, after)), line


def problems(path: Path) -> tuple[ConfigProblem, ...]:
    with pytest.raises(SettingError) as refused:
        accounts_checked(load(path, demo_values))
    return refused.value.problems


def accounts_checked(deployment: Deployment) -> list[Any]:
    """Every account by its channel; what names no channel that we know is WeChat's."""
    kinds: dict[str, type[BaseModel]] = {"webchat": WebChatSettings, "twitter": TwitterSettings}
    accounts = enumerate(deployment.config.accounts)
    return [deployment.account(index, kinds.get(one.channel, WeChatSettings)) for index, one in accounts]


def models(model: type[BaseModel], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every key of a settings model, with its default."""
    found: dict[tuple[str, ...], Any] = {}
    for name, field in model.model_fields.items():
        kinds = get_args(field.annotation) if get_origin(field.annotation) is UnionType else (field.annotation,)
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        found |= (
            models(inner, (*path, name)) if inner else {(*path, name): field.get_default(call_default_factory=True)}
        )
    return found


def test_the_shipped_file_loads_and_its_accounts_fit_their_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("YINGDA_SECRET", "YINGDA_REDIS", "YINGDA_DATABASE", "WECHAT_TOKEN", "WECHAT_AES_KEY", *X_KEYS):
        monkeypatch.delenv(name, raising=False)
    deployment = load(SHIPPED)
    assert deployment.config.mode == "demo"
    assert deployment.config.var == SHIPPED.parent / "var"
    demo, shop, x = accounts_checked(deployment)
    assert (demo.mode, demo.api, deployment.config.accounts[0].name) == ("safe", "customer_service", "demo")
    assert demo.api_url == f"http://127.0.0.1:{deployment.config.simulator.port}"
    assert (x.api_url, x.daily_budget) == (f"{demo.api_url}/x", 20)
    assert (list(shop.origins), shop.title.en, len(shop.questions.zh)) == ([], "Yunshan Tea", 4)


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("record", "database", "postgresql://me@db/yingda"),
        ("record_wait_seconds", "database_wait_seconds", "5"),
        ("nerve", "redis", "embedded"),
    ],
)
def test_an_old_key_is_refused_with_its_new_name(tmp_path: Path, old: str, new: str, value: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith(f"{new}:"))
    path, at = changed(tmp_path, line, f"{old}: {value}")
    (found,) = problems(path)
    assert (found.file, found.line, found.key) == (str(path), at, old)
    assert str(found.message) == f"is called {new} now"
    assert str(found.hint) == f"write {new} instead"


def test_an_old_environment_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGDA_RECORD", "postgresql://me@db/yingda")
    path = written(tmp_path, SHIPPED.read_text(encoding="utf-8"))
    (found,) = problems(path)
    assert (found.key, "YINGDA_RECORD" in str(found.message), "YINGDA_DATABASE" in str(found.hint)) == (
        "database",
        True,
        True,
    )
    text = SHIPPED.read_text(encoding="utf-8").replace("${YINGDA_DATABASE:-}", "${YINGDA_RECORD}")
    assert load(written(tmp_path, text)).config.database == "postgresql://me@db/yingda"


def test_every_key_is_in_the_shipped_file_with_its_default() -> None:
    content = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    for path, default in models(Config).items():
        value = content
        for key in path:
            assert key in value, f"{'.'.join(path)} is missing in config.yaml"
            value = value[key]
        if path[-1] not in {"mode", "secret", "accounts"} and "${" not in str(value):
            assert value == (str(default) if isinstance(default, Path) else default), path


def test_every_key_of_an_account_is_in_the_shipped_file() -> None:
    wechat, webchat, x = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["accounts"]
    assert set(wechat) == {"name", "channel", "label", *WeChatSettings.model_fields}
    assert set(webchat) == {"name", "channel", "label", *WebChatSettings.model_fields}
    assert set(x) == {"name", "channel", "label", *TwitterSettings.model_fields}
    assert set(x["prices"]) == set(Prices.model_fields)


def test_every_block_of_the_shipped_file_is_explained_in_both_languages() -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line[:1].isalpha():
            comment = lines[number - 1] + lines[number - 2]
            assert comment.lstrip().startswith("#"), line
            assert any("一" <= sign <= "鿿" for sign in "".join(lines[max(0, number - 4) : number])), line


@pytest.mark.parametrize(
    ("before", "after", "key", "wrong", "mend"),
    [
        ("  port: 8080", "  port: eighty", "listen.port", "valid integer", "a whole number"),
        ("  port: 8080", "  port: 80800", "listen.port", "less than or equal to 65535", "a number up to 65535"),
        ("  port: 8080", "  prot: 8080", "listen.prot", "not permitted", "write port if you meant that"),
        ("mode: demo\n", "mode: test\n", "mode", "'demo' or 'live'", "'demo' or 'live'"),
        (
            "database: ${YINGDA_DATABASE:-}",
            "database: postgres://me@db/yingda",
            "database",
            "not a database",
            "like postgresql://",
        ),
        (
            "database: ${YINGDA_DATABASE:-}",
            "database: mysql://me@db/yingda",
            "database",
            "not a database",
            "like postgresql://",
        ),
        (
            "redis: ${YINGDA_REDIS:-embedded}",
            "redis: localhost:6379",
            "redis",
            "not an address of Redis",
            "redis://127.0.0.1",
        ),
        ("mode: demo\n", "mode: demo\n\tlanguage: en\n", "YAML", "begins with a tab", "spaces"),
        ("mode: demo\n", "mode: demo: yes\n", "YAML", "unexpected ':'", "in quotes"),
        ("timezone: Asia/Shanghai", "timezone: Asia/Peking", "timezone", "not a time zone", "like Asia/Shanghai"),
        (
            "  target_precision: 0.95",
            "  target_precision: 95",
            "intents.target_precision",
            "less than 1",
            "a number below 1",
        ),
        (
            "  receipts: 31",
            "  receipts: 7",
            "retention.receipts",
            "greater than or equal to 31",
            "a number of at least 31",
        ),
        ('    mon: ["09:00-21:00"]', "    mon: [9-21]", "desk.hours.mon.0", "not a span of hours", "like 09:00-21:00"),
        ('    mon: ["09:00-21:00"]', '    monday: ["09:00-21:00"]', "desk.hours.monday", "mon", "mon"),
        ("  holidays: []", "  holidays: [new year]", "desk.holidays.0", "date", "like 2026-12-31"),
        ("secret: ${YINGDA_SECRET:-demo-secret-only-for-trying-things-out}", "secret: short", "secret", "16", "right"),
        ("secret: ${YINGDA_SECRET:-", "secret: ${NOT_SET_ANYWHERE} #", "secret", "NOT_SET_ANYWHERE", "export"),
        ("  - name: demo", "  - name: Demo Account", "accounts.0.name", "not a valid name", "small letters"),
        ("    mode: safe\n", "    mode: secure\n", "accounts.0.mode", "'safe' or 'plain'", "'safe' or 'plain'"),
        (
            "    unfollow: erase",
            "    on_unfollow: erase",
            "accounts.0.on_unfollow",
            "not permitted",
            "write unfollow if",
        ),
        (
            "    encoding_aes_key: ${WECHAT_AES_KEY:-demo",
            "    encoding_aes_key: ${X_:-",
            "",
            "EncodingAESKey",
            "copy it from",
        ),
        ("listen:\n", "  listen:\n", "YAML", "", "indentation"),
        ("language: zh", "mode: live", "mode", "duplicate key", "keep one"),
    ],
)
def test_a_problem_names_its_place_and_the_correction(
    tmp_path: Path, before: str, after: str, key: str, wrong: str, mend: str
) -> None:
    path, line = changed(tmp_path, before, after)
    found = next(problem for problem in problems(path) if key in problem.key)
    assert found.file == str(path)
    assert abs(found.line - line) <= (1 if key == "YAML" else 0)
    assert wrong in str(found.message)
    assert mend in str(found.hint)
    assert str(found).startswith(f"{path}:{found.line}: {found.key}: ")


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    (found,) = problems(written(tmp_path, "mode: live\n"))
    assert (found.key, str(found.hint)) == ("secret", "add this key")


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    found = problems(written(tmp_path, "mode: live\nsecret: short\nlisten: {port: x}\ndesk: {minutes_per_case: 0}\n"))
    assert [(problem.line, problem.key) for problem in found] == [
        (3, "listen.port"),
        (2, "secret"),
        (4, "desk.minutes_per_case"),
    ]


def test_two_accounts_with_the_same_name_are_refused(tmp_path: Path) -> None:
    twice = "  - {name: tea, channel: wechat}\n"
    (found,) = problems(written(tmp_path, f"secret: {'x' * 20}\naccounts:\n{twice}{twice}"))
    assert (found.line, found.key) == (4, "accounts.1.name")
    assert "tea is used twice" in str(found.message)


def test_all_demo_secrets_are_refused_at_once_in_live_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"YINGDA_SECRET": "5e0dbd1a7a2b4c0f9a3f", "WECHAT_APP_ID": "wx1", "WECHAT_APP_SECRET": "s3cret"}
    own |= {"WECHAT_TOKEN": "t0ken", "WECHAT_AES_KEY": "k" * 43, "X_USER_ID": "7"}
    own |= dict.fromkeys(X_KEYS, "a-key-of-ones-own")
    for name in own:
        monkeypatch.delenv(name, raising=False)
    path, _ = changed(tmp_path, "mode: demo\n", "mode: live\n")
    found = list(problems(path))
    assert [problem.key.split(".")[-1] for problem in found] == [
        "secret", "app_id", "app_secret", "token", "encoding_aes_key",
        "user_id", "consumer_key", "consumer_secret", "access_token", "access_token_secret", "kind",
    ]  # fmt: skip
    members = found.pop()
    assert (members.key, members.line) == (
        "members.kind",
        path.read_text().split("kind: ${YINGDA_M")[0].count("\n") + 1,
    )
    assert [str(problem.hint).split("export ")[1].split(",")[0] for problem in found] == [f"{name}=..." for name in own]
    assert ["remove the account" in str(problem.hint) for problem in found] == [False, *[True] * 9]
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("YINGDA_MEMBERS_KIND", "none")
    assert load(path, demo_values).config.mode == "live"


@pytest.mark.parametrize(
    ("mode", "members", "key"),
    [
        ("live", "{kind: demo}", "members.kind"),
        ("live", "{kind: sql}", "members.url"),
        ("demo", "{kind: sql, url: ''}", "members.url"),
        ("live", "{url: 'postgresql://reader@host/members'}", "members.kind"),
        ("demo", "{kind: demo, url: 'postgresql://reader@host/members'}", "members.kind"),
    ],
)
def test_a_missing_or_wrong_member_setting_is_refused_with_its_line(
    tmp_path: Path, mode: str, members: str, key: str
) -> None:
    (found,) = problems(written(tmp_path, f"mode: {mode}\nsecret: {'x' * 20}\nmembers: {members}\n"))
    assert (found.line, found.key) == (3, key)
    assert found.message.text("zh") != found.message.text("en")
    assert found.hint.text("zh") != found.hint.text("en")


def test_live_mode_without_a_member_setting_has_no_members(tmp_path: Path) -> None:
    assert load(written(tmp_path, f"secret: {'x' * 20}\n")).config.members.kind == "none"


def test_a_secret_is_never_shown_when_it_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGDA_SECRET", "hunter2")
    monkeypatch.setenv("WECHAT_AES_KEY", "my-real-key-with-a-typo")
    path, _ = changed(tmp_path, "language: zh", "language: zh")
    assert all("hunter2" not in str(problem) for problem in problems(path))
    monkeypatch.setenv("YINGDA_SECRET", "5e0dbd1a7a2b4c0f9a3f")
    assert all("my-real-key" not in str(problem) for problem in problems(path))


def test_a_missing_file_a_folder_and_invalid_bytes_are_explained(tmp_path: Path) -> None:
    (missing,) = problems(tmp_path / "config.yaml")
    assert "is not there" in str(missing.message)
    strange = tmp_path / "strange.yaml"
    strange.write_bytes("mode: 演示".encode("gb18030"))
    (found,) = problems(strange)
    assert str(found.hint) == "save it as UTF-8"
    (empty,) = problems(written(tmp_path, "# nothing yet\n"))
    assert "holds no settings" in str(empty.message)


KEYS = st.sampled_from([*Config.model_fields, "port", "name", "channel", "mon", "nonsense"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates() | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.integers(), inner, max_size=3),
    max_leaves=12,
)


def told_about(path: Path) -> tuple[ConfigProblem, ...] | None:
    """The problems in a file; None if it is good."""
    try:
        accounts_checked(load(path, demo_values))
    except SettingError as refused:
        return refused.problems
    return None


def loads_or_says_why(text: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_bytes(text)
        told = told_about(path)
        assert all(problem.file == str(path) and str(problem.message) and str(problem.hint) for problem in told or ())
        assert told != ()


@settings(max_examples=150)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_values_load_or_give_problems(content: dict[str, Any]) -> None:
    loads_or_says_why(yaml.safe_dump(content, allow_unicode=True).encode())


@settings(max_examples=150)
@given(st.binary(max_size=60) | st.text("{}[]:-?&*!|> \n\"'#%@ab1,<=.~", max_size=40).map(str.encode))
@example(b"? [a, b]\n: c")
@example(b"&a {b: *a}")
@example(b"a: &x [*x]")
@example(b"[" * 3000)
@example(b"a: !!python/object/apply:os.system [ls]")
@example(b"a: 2027-99-99")
@example(b"? {a: b}\n: c")
@example(b"a: !!int x")
def test_any_file_content_loads_or_gives_problems(text: bytes) -> None:
    loads_or_says_why(text)
