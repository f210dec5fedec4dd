"""`yingda audit`: what staff did, by login and time, as text and as JSON."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import get_args

import pytest
import yaml
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.cli.audit import ACTIONS
from bot.domain.cases import AuditAction, AuditEntry
from bot.i18n import LANGUAGES, section
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import SqlAuditTrail


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"mode": "demo", "secret": "demo-secret-for-tests"}), encoding="utf-8")
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(config)])


def note(config: Path, *entries: AuditEntry) -> None:
    database = Database(f"sqlite:///{config.parent / 'var' / 'record.sqlite'}")
    asyncio.run(SqlAuditTrail(database).record(entries))
    database.close()


def test_what_staff_did_is_listed_with_who_did_it(config: Path) -> None:
    assert run(config, "audit").output == "no actions in this time\n"
    run(config, "user", "add", "mei", "--password", "-")
    run(config, "user", "role", "Mei", "editor")
    note(config, AuditEntry(time.time(), "", "login_failed", "password", 12))
    added, role, failed = run(config, "audit").output.splitlines()
    assert "mei" in added
    assert "was added" in added
    assert "was made an editor" in role
    assert "–" in failed
    assert failed.endswith("failed to log in password × 12")


def test_audit_filters_by_login_and_time_and_prints_json(config: Path) -> None:
    for login in ("mei", "jun"):
        run(config, "user", "add", login, "--password", "-")
    run(config, "user", "disable", "mei")
    note(config, AuditEntry(time.time() - 30 * 86_400, "console", "exported", "c1"))
    mine = json.loads(run(config, "audit", "--login", " MEI", "--json").output)
    assert [(one["login"], one["action"]) for one in mine] == [("mei", "added"), ("mei", "disabled")]
    assert len(json.loads(run(config, "audit", "--json").output)) == 3
    far = json.loads(run(config, "audit", "--since", "60d", "--login", "console", "--json").output)
    assert [(one["staff"], one["action"], one["about"]) for one in far] == [("console", "exported", "c1")]
    assert len(json.loads(run(config, "audit", "--since", "2020-01-01", "--json").output)) == 4
    assert json.loads(run(config, "audit", "--since", "2099-01-01", "--json").output) == []


@pytest.mark.parametrize("since", ["yesterday", "7", "-7d", "7w", "2026-13-01", "9999999d", ""])
def test_audit_refuses_an_invalid_since(config: Path, since: str) -> None:
    refused = run(config, "audit", f"--since={since}")
    assert (refused.exit_code, "is not a time" in refused.output) == (2, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_action_is_listed_in_words(config: Path, monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    """mypy refuses to write an action that is not one of these."""
    actions: tuple[AuditAction, ...] = get_args(AuditAction)
    run(config, "audit")  # makes the database
    note(config, *(AuditEntry(time.time(), "console", action) for action in actions))
    monkeypatch.setenv("LANG", {"zh": "zh_CN.UTF-8", "en": "C.UTF-8"}[language])
    listed = [line.split(maxsplit=3)[3] for line in run(config, "audit").output.splitlines()]
    assert sorted(listed) == sorted(section(ACTIONS, language).values())
    assert len(set(listed) - set(actions)) == len(actions)
