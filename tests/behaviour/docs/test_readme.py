"""README and docs tell the truth: their commands print what they show, files are there, parts have a reason."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from support.docs_pages import (
    BY_THEMSELVES,
    FOR_EDITORS,
    FOR_PROGRAMMERS,
    PAGES,
    commands,
    new_deployment,
    prints_what_it_shows,
)
from support.introspection import modules, names_of
from support.paths import ROOT

pytestmark = pytest.mark.long
README = (ROOT / "README.md").read_text(encoding="utf-8")
ELSEWHERE = (*FOR_EDITORS, *FOR_PROGRAMMERS, *BY_THEMSELVES)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Path:
    return new_deployment(tmp_path_factory.mktemp("readme"), shipped_edition)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page) and page not in ELSEWHERE])
def test_the_commands_of_a_page_print_what_is_shown(
    page: str, tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    prints_what_it_shows(page, tmp_path, shipped_edition)


def test_make_run_shows_the_product_working(trained: Path) -> None:
    """`make run`, on free ports: the addresses it prints answer."""
    ready = trained.with_name("ready")
    ready.touch()  # newer than the lock, so that make installs nothing while tests run
    process = subprocess.Popen(
        ["make", "run", f"ARGS=--config {trained}", f"BIN={Path(sys.executable).parent}", f"READY={ready}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        address = _printed(process, r"(http://127\.0\.0\.1:\d+)/desk")
        assert _answer(f"{address}/login").status_code == 200
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)


def _printed(process: subprocess.Popen[str], pattern: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(pattern, line)
        if found:
            return found.group(1)
    pytest.fail("it ended without saying where it is")


def _answer(url: str) -> httpx.Response:
    until = time.monotonic() + 60
    while True:
        try:
            return httpx.get(url, timeout=5)
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_links_to_exists(page: str) -> None:
    path = ROOT / page
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert linked or page != "README.md"
    assert [name for name in linked if not (path.parent / name).exists()] == []


def test_every_name_on_the_page_a_messages_life_is_in_the_code() -> None:
    page = (ROOT / "docs/a-messages-life.md").read_text(encoding="utf-8")
    known = set[str]().union(*map(names_of, modules(leave_out=["bot.__main__", "bot.stores.sql.migrations"])))
    names = re.findall(r"`([A-Za-z_]+)`", page)
    assert len(names) > 10
    assert [name for name in names if name not in known] == []
    assert [name for name in re.findall(r"`(bot/\S+?)`", page) if not (ROOT / name).exists()] == []


def test_the_picture_of_a_messages_life_loads_nothing() -> None:
    picture = (ROOT / "docs/pictures/life.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    assert re.findall(r"href|@import|@font-face|url\((?!#)", picture) == []
    assert "prefers-color-scheme: dark" in picture


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["dev"], *extras["bench"], *extras["rasa"]]
    names = {re.split(r"[\[<>=; ]", name)[0].lower() for name in wanted}
    reasons = README.lower()
    assert sorted(name for name in names if name not in reasons and not name.startswith("types-")) == []


def test_every_config_key_is_in_the_example() -> None:
    from bot.config import Config

    shipped = (ROOT / "config.yaml").read_text(encoding="utf-8")
    missing = [name for name in Config.model_fields if not re.search(rf"^{name}:", shipped, re.MULTILINE)]
    assert missing == []
