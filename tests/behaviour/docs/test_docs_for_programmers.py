"""What is written for programmers can be followed to the letter, and its tests pass."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.docs_pages import FOR_PROGRAMMERS, PAGES, follow, importing, prints_what_it_shows
from support.paths import ROOT

pytestmark = pytest.mark.long


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", FOR_PROGRAMMERS)
def test_the_commands_of_a_page_print_what_is_shown(
    page: str, tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    prints_what_it_shows(page, tmp_path, shipped_edition)


def test_every_page_with_a_test_command_is_among_those_tried() -> None:
    assert {page for page in PAGES if told_to_test(page)} <= set(FOR_PROGRAMMERS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", FOR_PROGRAMMERS)
def test_the_tests_of_a_page_pass_in_a_checkout_that_followed_it(
    page: str, tmp_path: Path, shipped_edition: tuple[str, bytes], pytestconfig: pytest.Config
) -> None:
    """With the editions that are trained already."""
    shutil.copytree(ROOT / "knowledge_base", tmp_path / "knowledge_base")
    shutil.copy(ROOT / "config.yaml", tmp_path)
    follow(page, tmp_path)
    editions = pytestconfig.rootpath / pytestconfig.getini("cache_dir")
    tools = tmp_path / "tools"
    tools.touch()  # there already, so that make installs nothing while tests run
    told = told_to_test(page)
    assert told
    for arguments in told:
        made = [f"ARGS={arguments}", f"BIN={Path(sys.executable).parent}", f"READY={tools}", f"TOOLS={tools}"]
        ran = subprocess.run(
            ["make", "-o", str(tools), "test", *made],
            cwd=tmp_path,
            env=os.environ | importing(tmp_path) | {"PYTEST_ADDOPTS": f"-o cache_dir={editions}"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def told_to_test(page: str) -> list[str]:
    """The tests that a page says to run."""
    return re.findall(r"^make test ARGS=\"(.+)\"$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
