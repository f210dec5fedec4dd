"""Another user's folder, a user without a name, a full disk: every command says what is wrong and how to correct it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.docs_pages import on_free_ports
from support.paths import ROOT
from support.services import missing
from support.small_disk import fill, small_disk
from typer.testing import CliRunner

from bot.__main__ import app
from bot.stores.sql.database import Database
from bot.stores.sql.migrate import migrate

pytestmark = pytest.mark.faults
VERBS = ROOT / "tests/support/every_command.py"
STRANGER = ["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups"]
STRANGER += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # who may read all, and write nothing
CAN = {0, 1, 2, 78}
KEEPS_NOTHING = {"check", "evaluate", "rasa export", "rasa import", "rasa serve"}  # may find all they need


def made(folder: Path) -> Path:
    """A fresh deployment in which nothing ever ran."""
    assert CliRunner().invoke(app, ["new", str(folder)]).exit_code == 0
    config = folder / "config.yaml"
    config.write_text(on_free_ports(config.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


def tried(folder: Path, whose: Sequence[str] = (), but: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
    """Every verb but these, in that folder, by a user without a home."""
    env = {"PATH": os.environ["PATH"], "YINGDA_SECRET": "k" * 32, "PYTHONDONTWRITEBYTECODE": "1"}
    env["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [*whose, sys.executable, str(VERBS), str(folder), *but], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    assert {"run", "train", "say", "doctor", "user add", "customer export", "purge", "new"} <= found.keys()
    return found


def judged(found: dict[str, dict[str, Any]], free: set[str]) -> None:
    for verb, one in found.items():
        assert "Traceback" not in one["said"], f"{verb}: {one['said']}"
        assert one["code"] in CAN, f"{verb}: {one}"
        assert one["code"] or verb in free, f"{verb} could not have done it: {one}"
        assert not one["code"] or "✗" in one["said"], f"{verb}: {one}"


def stranger() -> list[str]:
    """How to be a user whom no list of users names; a plain user is one who may not write, as he is."""
    if os.geteuid():
        return []
    if subprocess.run([*STRANGER, "true"], capture_output=True, check=False).returncode:
        missing("setpriv with its capabilities", "without it root may write everywhere")
    return STRANGER


def test_every_command_says_that_the_folder_cannot_be_written(tmp_path: Path) -> None:
    folder = made(tmp_path / "shop")
    folder.chmod(0o555)
    judged(tried(folder, stranger()), KEEPS_NOTHING)


def test_every_command_says_that_the_database_belongs_to_another_user(tmp_path: Path) -> None:
    folder = made(tmp_path / "shop")
    (folder / "var").mkdir()
    database = Database(f"sqlite:///{folder / 'var' / 'record.sqlite'}")
    migrate(database.engine)
    database.close()
    (folder / "var").chmod(0o555)
    found = tried(folder, stranger(), but=KEEPS_NOTHING)
    judged(found, {"backup"})
    assert "database: the SQLite file cannot be written to" in found["user add"]["said"]


def test_every_command_says_that_the_disk_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        folder = made(disk / "shop")
        fill(disk)
        found = tried(folder, but=KEEPS_NOTHING)
    judged(found, set())
    assert "the disk is full" in found["run"]["said"]
    assert "the disk is full" in found["user add"]["said"]
