"""README tells the truth: its commands run and print what it shows, its files are there, its parts have a reason."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import httpx
import pytest
from shop import ROOT, deployment_in

from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.migrate import migrate

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```console\n\$ (.+)\n((?:.|\n)*?)```", README)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Path:
    """A fresh deployment of the demo brand, already trained, with config.yaml as shipped but for its folder."""
    import asyncio

    folder = tmp_path_factory.mktemp("readme")
    accounts = [{"name": "demo", "channel": "rehearsal"}]
    path = Path(str(deployment_in(folder, accounts=accounts).page.path))
    database = Database(f"sqlite:///{folder / 'var' / 'record.sqlite'}")
    (folder / "var").mkdir()
    migrate(database.engine)
    asyncio.run(RecordEditions(database).publish(*shipped_edition, "tests", 0))
    database.close()
    shipped = (ROOT / "config.yaml").read_text(encoding="utf-8")
    shipped = shipped.replace("knowledge_base: knowledge_base", f"knowledge_base: {ROOT / 'knowledge_base'}")
    path.write_text(shipped, encoding="utf-8")
    return path


@pytest.mark.parametrize(("command", "shown"), SHOWN, ids=[command for command, _ in SHOWN])
def test_a_command_prints_what_is_shown(trained: Path, command: str, shown: str) -> None:
    words = shlex.split(command)
    assert words[0] == ".venv/bin/yingda"
    environment = {**os.environ, "YINGDA_CONFIG": str(trained), "COLUMNS": "200"}
    ran = subprocess.run(
        [sys.executable, "-m", "bot", *words[1:]],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    assert "Traceback" not in ran.stderr
    printed = ran.stdout.splitlines()
    for line in shown.splitlines():
        assert line in printed


def test_make_run_shows_the_product_working(trained: Path) -> None:
    """`make run`, on free ports: the addresses it prints answer."""
    text = trained.read_text(encoding="utf-8")
    free = trained.with_name("free.yaml")
    text = re.sub(r"port: 808[01]", "port: 0", text).replace("127.0.0.1:8081", "127.0.0.1:1")
    free.write_text(text, encoding="utf-8")
    ready = trained.with_name("ready")
    ready.touch()  # newer than the lock, so that make installs nothing while tests run
    process = subprocess.Popen(
        ["make", "run", f"ARGS=--config {free}", f"BIN={Path(sys.executable).parent}", f"READY={ready}"],
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


def test_every_file_it_links_to_is_there() -> None:
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert linked
    assert [name for name in linked if not (ROOT / name).exists()] == []


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["dev"], *extras["bench"], *extras["rasa"]]
    names = {re.split(r"[\[<>=; ]", name)[0].lower() for name in wanted}
    reasons = README.lower()
    assert sorted(name for name in names if name not in reasons and not name.startswith("types-")) == []


def test_every_config_key_stands_in_the_example() -> None:
    from bot.config import Config

    shipped = (ROOT / "config.yaml").read_text(encoding="utf-8")
    missing = [name for name in Config.model_fields if not re.search(rf"^{name}:", shipped, re.MULTILINE)]
    assert missing == []
