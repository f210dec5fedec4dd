"""`yingda audit` as whoever has to answer for the place types it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.cases import Deed
from bot.commands.audit import _WORDS
from bot.stores.record.auditing import RecordAudit
from bot.stores.record.database import Database


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"mode": "demo", "secret": "demo-secret-for-tests"}), encoding="utf-8")
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(config)])


def note(config: Path, *deeds: Deed) -> None:
    database = Database(f"sqlite:///{config.parent / 'var' / 'record.sqlite'}")
    asyncio.run(RecordAudit(database).note(deeds))
    database.close()


def test_what_staff_did_is_listed_in_both_languages(config: Path) -> None:
    assert run(config, "audit").output == "nothing was done in this time / 这段时间没有记录\n"
    run(config, "user", "add", "mei", "--password", "-")
    run(config, "user", "role", "Mei", "editor")
    note(config, Deed(time.time(), "", "login_failed", "password", 12))
    added, role, failed = run(config, "audit").output.splitlines()
    assert "mei" in added
    assert "was added 账号被添加" in added
    assert "was made an editor 角色改为编辑" in role
    assert "–" in failed
    assert failed.endswith("failed to prove who they are 未能通过密码验证 password × 12")


def test_it_is_asked_for_one_person_for_a_time_and_for_programs(config: Path) -> None:
    for login in ("mei", "jun"):
        run(config, "user", "add", login, "--password", "-")
    run(config, "user", "disable", "mei")
    note(config, Deed(time.time() - 30 * 86_400, "console", "exported", "c1"))
    mine = json.loads(run(config, "audit", "--login", " MEI", "--json").output)
    assert [(one["login"], one["action"]) for one in mine] == [("mei", "added"), ("mei", "disabled")]
    assert len(json.loads(run(config, "audit", "--json").output)) == 3
    far = json.loads(run(config, "audit", "--since", "60d", "--login", "console", "--json").output)
    assert [(one["staff"], one["action"], one["about"]) for one in far] == [("console", "exported", "c1")]
    assert len(json.loads(run(config, "audit", "--since", "2020-01-01", "--json").output)) == 4
    assert json.loads(run(config, "audit", "--since", "2099-01-01", "--json").output) == []


@pytest.mark.parametrize("since", ["yesterday", "7", "-7d", "7w", "2026-13-01", "9999999d", ""])
def test_a_time_that_is_none_is_refused_with_a_word(config: Path, since: str) -> None:
    refused = run(config, "audit", f"--since={since}")
    assert (refused.exit_code, "看不懂 --since" in refused.output) == (2, True)


def test_every_deed_that_is_noted_has_words() -> None:
    root = Path(__file__).parents[2] / "bot"
    source = "".join(path.read_text(encoding="utf-8") for path in root.rglob("*.py"))
    noted = set(re.findall(r'note_deed\([^"\n]*"(\w+)"', source)) | {"read", "refused", "login_failed"}
    moves = set(re.findall(r'Move\([^"\n]*"(\w+)"\)', source))
    assert len(noted) > 8
    assert noted | moves <= _WORDS.keys()
