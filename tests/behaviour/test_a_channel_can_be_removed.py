"""A channel is one folder and one line: without them everything else is imported, and its tests pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

from bot.app.channels import CHANNELS

NOT_COPIED = shutil.ignore_patterns(".venv", ".git", "var", "node_modules", "__pycache__", ".*_cache", "payloads.local")
OWN_TESTS = {  # a short selection of each channel's tests; none of them needs another channel
    "wechat": ["behaviour/channels/wechat/test_wechat_limits.py", "unit/channels/wechat/test_wechat_settings.py"],
    "twitter": ["unit/channels/twitter/test_twitter_lengths.py", "unit/channels/twitter/test_twitter_settings.py"],
    "webchat": ["unit/channels/webchat/test_webchat_visitors.py"],
}
OTHER_TESTS = [  # a conversation from end to end, and a knowledge base that is read
    "behaviour/test_accounts_that_cannot_send.py",
    "unit/knowledge/test_yaml_for_people.py",
]
IMPORT_EVERYTHING = """
import importlib, pkgutil, bot
for found in pkgutil.walk_packages(bot.__path__, "bot."):
    if ".migrations." not in found.name:
        importlib.import_module(found.name)
"""


def without(channel: str, copy: Path) -> Path:
    """A copy of the repository that never had the channel."""
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    tests = (f"tests/{kind}/{part}" for kind in ("unit", "behaviour") for part in ("channels", "simulators"))
    for folder in ("bot/channels", "bot/simulators", *tests):
        shutil.rmtree(copy / folder / channel, ignore_errors=folder != "bot/channels")
    registry = copy / "bot/app/channels.py"
    lines = registry.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.strip() != f'"{channel}",']
    assert len(kept) == len(lines) - 1
    registry.write_text("".join(kept), encoding="utf-8")
    return copy


def ran(copy: Path, *arguments: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(copy)}
    told = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy, env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-4000:] + told.stderr[-4000:]


@pytest.mark.process
@pytest.mark.timeout(600)
@pytest.mark.parametrize("channel", CHANNELS)
def test_without_a_channels_folder_and_line_all_else_is_imported_and_works(
    channel: str, tmp_path: Path, shipped_edition: tuple[str, bytes], pytestconfig: pytest.Config
) -> None:
    assert shipped_edition  # trained here, so that the copy finds it in the cache
    copy = without(channel, tmp_path / "copy")
    ran(copy, "-c", IMPORT_EVERYTHING)
    remaining = [path for name, paths in OWN_TESTS.items() if name != channel for path in paths] + OTHER_TESTS
    tests = [f"tests/{path}" for path in remaining]
    editions = pytestconfig.rootpath / pytestconfig.getini("cache_dir")
    ran(copy, "-m", "pytest", "-q", "-x", "-m", "not postgres", "-o", f"cache_dir={editions}", *tests)
