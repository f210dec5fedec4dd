"""`yingda user`: logins, passwords and sessions from the command line."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.config import load
from bot.stores.sql.database import Database
from bot.stores.sql.staff import SqlStaff


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    settings = {
        "mode": "demo",
        "secret": "demo-secret-for-tests",
        "accounts": [{"name": "tea", "channel": "fake"}],
    }
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["user", *words, "--config", str(config)])


def test_a_login_is_added_given_a_new_password_and_disabled(config: Path) -> None:
    made = run(config, "add", "mei", "--name", "小梅", "--password", "-")
    assert re.search(r"✓ mei can log in as agent with password \S{16}\n", made.output)
    assert run(config, "list").output.split() == ["mei", "agent", "小梅"]
    assert run(config, "add", "mei", "--password", "-").exit_code == 1
    assert "with password" in run(config, "password", "mei", "--password", "-").output
    assert run(config, "disable", "mei").output == "✓ mei is logged out and cannot log in any more\n"
    assert run(config, "list").output == ""
    assert "with password" not in run(config, "password", "mei", "--password", "correct horse").output
    assert run(config, "list").output.split() == ["mei", "agent", "小梅"]


def test_end_sessions_ends_those_of_one_login_or_of_all(config: Path) -> None:
    for login in ("mei", "jun"):
        run(config, "add", login, "--password", "correct horse battery")
    ready = load(config).config
    database = Database(ready.database_url)
    staff = SqlStaff(database, 12)

    async def opened(login: str) -> str:
        entered = await staff.log_in(login, "correct horse battery")
        assert entered is not None
        return entered[0]

    async def good(token: str) -> bool:
        return await staff.find_session(token) is not None

    with asyncio.Runner() as runner:
        mei, jun = runner.run(opened("mei")), runner.run(opened("jun"))
        assert run(config, "end-sessions", "mei").exit_code == 0
        assert (runner.run(good(mei)), runner.run(good(jun))) == (False, True)
        assert run(config, "end-sessions").exit_code == 0
        assert not runner.run(good(jun))
        assert runner.run(opened("jun"))
    database.close()
    assert run(config, "end-sessions", "nobody").exit_code == 1


def test_a_short_password_and_an_unknown_login_are_refused_with_a_message(config: Path) -> None:
    short = run(config, "add", "mei", "--password", "short")
    assert (short.exit_code, "the password has fewer than 10 characters" in short.output) == (2, True)
    for verb in (("disable", "jun"), ("password", "jun", "--password", "-")):
        refused = run(config, *verb)
        assert (refused.exit_code, "there is no login jun" in refused.output) == (1, True)
