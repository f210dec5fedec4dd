"""Only its own user can read what Yingda keeps, whatever the umask, and also files of earlier versions."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT
from support.running_product import started
from support.shop import deployment_in
from typer.testing import CliRunner

from bot.__main__ import app
from bot.cli.common import make_private, open_to_others, readable_by_others
from bot.config import load
from bot.doctor import Grade, checks

pytestmark = pytest.mark.process


def others_can_read(folder: Path) -> set[str]:
    """What in a folder, and the folder itself, group or others have any right to."""
    return {str(path) for path in (folder, *folder.rglob("*")) if stat.S_IMODE(path.lstat().st_mode) & 0o077}


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command as a careless login starts it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False, umask=0,
    )  # fmt: skip


def test_files_that_commands_write_are_readable_by_their_user_only(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    """The database, members, counters, run.lock, the socket, a backup, an export, a new deployment with its secrets."""
    before = os.umask(0)
    try:
        with started(tmp_path, shipped_edition) as product:
            assert others_can_read(tmp_path / "var") == set()
            assert {"record.sqlite", "members.sqlite", "run.lock", "redis.sock"} <= {
                path.name for path in (tmp_path / "var").iterdir()
            }
            assert run(tmp_path, "backup", "today.gz", "--config", "config.yaml").returncode == 0
            product.stop()
    finally:
        os.umask(before)
    assert run(tmp_path, "rasa", "export", "project", "--config", "config.yaml").returncode == 0
    assert run(tmp_path, "new", "tea").returncode == 0
    for made in (tmp_path / "today.gz", tmp_path / "project", tmp_path / "tea"):
        assert others_can_read(made) == set()


def test_files_of_earlier_versions_become_private_when_a_command_starts(tmp_path: Path) -> None:
    deployment_in(tmp_path, database=f"sqlite:///{tmp_path / 'elsewhere.sqlite'}")
    var = tmp_path / "var"
    (var / "counters").mkdir(parents=True)
    kept = [var / "record.sqlite", var / "record.sqlite-wal", var / "counters" / "a.db", tmp_path / "elsewhere.sqlite"]
    for path in kept:
        path.touch()
        path.chmod(0o664)
    (var / "counters").chmod(0o755)
    var.chmod(0o755)
    CliRunner().invoke(app, ["purge", "--config", str(tmp_path / "config.yaml")])
    assert others_can_read(var) == set()
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert stat.S_IMODE(var.stat().st_mode) == 0o700


def test_the_permissions_of_a_shared_folder_are_not_changed(tmp_path: Path) -> None:
    """Whoever names the folder of config.yaml, or one like /tmp, does not lose their own rights."""
    (tmp_path / "public").mkdir()
    (tmp_path / "public").chmod(0o1777)
    for var in (".", "public"):
        path = tmp_path / "config.yaml"
        path.write_text(f"secret: {'k' * 32}\nvar: {var}\n", encoding="utf-8")
        path.chmod(0o644)
        make_private(load(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "public").stat().st_mode) == 0o1777


def test_a_link_in_the_data_folder_does_not_change_its_target(tmp_path: Path) -> None:
    ready = deployment_in(tmp_path)
    outside = tmp_path / "outside"
    outside.touch()
    outside.chmod(0o644)
    (tmp_path / "var").mkdir(exist_ok=True)
    (tmp_path / "var" / "link").symlink_to(outside)
    make_private(ready)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644


def test_doctor_names_files_that_others_can_read(tmp_path: Path) -> None:
    ready = deployment_in(tmp_path)
    (tmp_path / "var").mkdir(exist_ok=True)
    (tmp_path / "var").chmod(0o755)
    found = checks.privacy([str(path) for path in open_to_others(ready)])
    assert found.grade is Grade.FAIL
    assert f"others on this machine can read {tmp_path / 'var'}" in found.what.text("en")
    make_private(ready)
    assert checks.privacy([str(path) for path in open_to_others(ready)]).grade is Grade.OK


def test_doctor_names_secrets_that_others_can_read_and_does_not_change_them(tmp_path: Path) -> None:
    ready = deployment_in(tmp_path)
    secrets = tmp_path / ".env"
    secrets.write_text("YINGDA_SECRET=x\n", encoding="utf-8")
    secrets.chmod(0o640)
    make_private(ready)
    assert readable_by_others(ready) == [secrets]
    secrets.chmod(0o600)
    assert readable_by_others(ready) == []


def test_the_sample_unit_keeps_files_private() -> None:
    assert "UMask=0077" in (ROOT / "docs" / "samples" / "yingda.service").read_text(encoding="utf-8").splitlines()
