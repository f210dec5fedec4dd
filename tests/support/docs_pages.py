"""Pages of documentation that are followed as their reader would: what they say to type, to write and to change."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from support.paths import ROOT

from bot.process.sockets import free_port
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlEditions
from bot.stores.sql.migrate import migrate

PAGES = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
FOR_EDITORS = ("docs/edit-the-base.md", "docs/evaluate.md")
FOR_PROGRAMMERS = ("docs/add-a-channel.md", "docs/add-a-skill.md")
# Beside an endpoint, in test_encoder_doc.py; in the deployment that the page makes, in test_production.py.
BY_THEMSELVES = ("docs/encoder.md", "docs/production.md")


def commands(page: str) -> list[str]:
    """What the page says to type, each after a $, and what it shows as printed then."""
    return re.findall(r"```console\n((?:.|\n)*?)```", (ROOT / page).read_text(encoding="utf-8"))


def files(page: str) -> dict[str, str]:
    """The files that the page says to write: blocks that begin with a file's name."""
    blocks = re.findall(
        r"```(?!diff)\w+\n# (\S+/\S+|config\.yaml)\n((?:.|\n)*?)```", (ROOT / page).read_text(encoding="utf-8")
    )
    return dict(blocks)


def changes(page: str) -> list[tuple[str, str]]:
    """What the page says to change, by file: lines that stay begin with a space, those that come with a plus."""
    return re.findall(r"```diff\n# (\S+)\n((?:.|\n)*?)```", (ROOT / page).read_text(encoding="utf-8"))


def changed(text: str, block: str) -> str:
    """`text` after a change; there is one place where it fits."""
    lines = block.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if not line.startswith("+"))
    assert text.count(before) == 1, block
    return text.replace(before, "".join(line[1:] for line in lines if not line.startswith("-")))


def follow(page: str, folder: Path) -> None:
    """Write what the page says, in a checkout of its own where it is about code."""
    written = files(page)
    if any(name.startswith("bot/") for name in written):
        for part in ("bot", "tests"):
            shutil.copytree(ROOT / part, folder / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, folder)
    for name, content in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    for name, block in changes(page):
        (folder / name).write_text(changed((folder / name).read_text(encoding="utf-8"), block), encoding="utf-8")


def new_deployment(folder: Path, edition: tuple[str, bytes]) -> Path:
    """The demo brand, already trained, with a knowledge base to write in and config.yaml as shipped."""
    import asyncio

    (folder / "var").mkdir()
    database = Database(f"sqlite:///{folder / 'var' / 'record.sqlite'}")
    migrate(database.engine)
    asyncio.run(SqlEditions(database).publish(*edition, "tests", 0))
    database.close()
    shutil.copytree(ROOT / "knowledge_base", folder / "knowledge_base")
    config = folder / "config.yaml"
    config.write_text(on_free_ports((ROOT / "config.yaml").read_text(encoding="utf-8")), encoding="utf-8")
    return config


def on_free_ports(config: str) -> str:
    """The shipped configuration where Yingda, or anything else, has its ports already, as while `make run` runs."""
    for port in ("8080", "8081"):
        assert port in config
        config = re.sub(rf"\b{port}\b", str(free_port()), config)
    return config


def prints_what_it_shows(page: str, folder: Path, edition: tuple[str, bytes]) -> None:
    """In a deployment of its own, from the top of the page to its end, with the files that it says to write."""
    config = new_deployment(folder, edition)
    follow(page, folder)
    for block in commands(page):
        for command, shown in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            printed = run(config, command).splitlines()
            assert [line for line in shown.splitlines() if line not in printed] == [], command


def run(config: Path, command: str) -> str:
    """What a command prints. It may end with 1, for something found, but not break."""
    words = shlex.split(command)
    assert words[0] == ".venv/bin/yingda"
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("YINGDA_", "WECHAT_"))}
    environment = {**ours, "YINGDA_CONFIG": str(config), "COLUMNS": "200", **importing(config.parent)}
    ran = subprocess.run(
        [sys.executable, "-m", "bot", *words[1:]],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
        check=False,
        cwd=config.parent,
    )
    assert "Traceback" not in ran.stderr
    assert ran.returncode in {0, 1}, ran.stderr
    return ran.stdout


def importing(folder: Path) -> dict[str, str]:
    """Where Python finds Yingda: in the page's own checkout if it has one."""
    return {"PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT)))}
