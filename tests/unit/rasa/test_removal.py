"""Engine `rasa` can be removed: without its folder, command and line everything imports and `yingda` runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

pytestmark = pytest.mark.long

EVERYTHING = """
import importlib, pkgutil, bot
for module in pkgutil.walk_packages(bot.__path__, "bot."):
    if ".migrations" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from bot.app.parts import TRAINERS
assert sorted(TRAINERS) == ["semantic"], TRAINERS
"""


@pytest.fixture
def without(tmp_path: Path) -> Path:
    """A copy of the program without Rasa."""
    shutil.copytree(ROOT / "bot", tmp_path / "bot", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(tmp_path / "bot" / "rasa")
    (tmp_path / "bot" / "cli" / "rasa.py").unlink()
    for file in ("app/engines.py", "__main__.py"):
        path = tmp_path / "bot" / file
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not re.search(r"\brasa\b", line) or line.lstrip().startswith('"""')]
        path.write_text("".join(kept), encoding="utf-8")
    return tmp_path


def test_everything_else_imports_and_runs_without_rasa(without: Path) -> None:
    for arguments in (["-c", EVERYTHING], ["-m", "bot", "--help"]):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=without, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
