"""`yingda user` as whoever runs the place types it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.config import load
from bot.stores.record.database import Database
from bot.stores.record.staff import Staff


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    settings = {
        "mode": "demo",
        "secret": "demo-secret-for-tests",
        "accounts": [{"name": "tea", "channel": "rehearsal"}],
    }
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["user", *words, "--config", str(config)])


def test_somebody_comes_forgets_their_password_and_leaves(config: Path) -> None:
    made = run(config, "add", "mei", "--name", "小梅", "--password", "-")
    assert re.search(r"✓ mei can log in as agent with password \S{16} / 可以登录了", made.output)
    assert run(config, "list").output.split() == ["mei", "agent", "小梅"]
    assert run(config, "add", "mei", "--password", "-").exit_code == 1
    assert "with password" in run(config, "password", "mei", "--password", "-").output
    assert run(config, "disable", "mei").output == "✓ mei is logged out and cannot log in any more / 已停用\n"
    assert run(config, "list").output == ""
    assert "with password" not in run(config, "password", "mei", "--password", "correct horse").output
    assert run(config, "list").output.split() == ["mei", "agent", "小梅"]


def test_sessions_of_one_and_of_everybody_are_ended(config: Path) -> None:
    for login in ("mei", "jun"):
        run(config, "add", login, "--password", "correct horse battery")
    ready = load(config).config
    database = Database(ready.record_url)
    staff = Staff(database, 12)

    async def opened(login: str) -> str:
        entered = await staff.log_in(login, "correct horse battery")
        assert entered is not None
        return entered[0]

    async def good(token: str) -> bool:
        return await staff.by_session(token) is not None

    with asyncio.Runner() as runner:
        mei, jun = runner.run(opened("mei")), runner.run(opened("jun"))
        assert run(config, "end-sessions", "mei").exit_code == 0
        assert (runner.run(good(mei)), runner.run(good(jun))) == (False, True)
        assert run(config, "end-sessions").exit_code == 0
        assert not runner.run(good(jun))
        assert runner.run(opened("jun"))
    database.close()
    assert run(config, "end-sessions", "nobody").exit_code == 1


def test_a_short_password_and_an_unknown_login_are_refused_with_a_word(config: Path) -> None:
    short = run(config, "add", "mei", "--password", "short")
    assert (short.exit_code, "密码少于 10 个字符" in short.output) == (2, True)
    for verb in (("disable", "jun"), ("password", "jun", "--password", "-")):
        refused = run(config, *verb)
        assert (refused.exit_code, "没有登录名 jun" in refused.output) == (1, True)
