"""The pages name files, modules and symbols that exist."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.docs_pages import PAGES, files
from support.paths import ROOT

TOUR = (ROOT / "docs/tour.md").read_text(encoding="utf-8")
NAMED = (*PAGES, "CONTRIBUTING.md", "SECURITY.md", "config.yaml", "Makefile", "pyproject.toml")
# What the pages that add something tell their reader to write, and the folders of it.
MADE_HERE = {str(part) for page in PAGES for name in files(page) for part in (Path(name), Path(name).parent)}
# A path with symbols: [`bot/a.py`](../bot/a.py) (`Class`, `Class.method`)
WITH_SYMBOLS = re.compile(r"\[`(bot/[\w./]+)`\]\(\S+\)\s+\(((?:`[\w.]+`(?:,\s)?)+)\)")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", NAMED)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = {path.rstrip(".*/") for path in re.findall(r"(?<!\w/)\b((?:bot|bench|tests|docs)/[\w./*-]+)", read(page))}
    missing = [path for path in named - MADE_HERE if not any(ROOT.glob(path))]
    assert missing == []


@pytest.mark.parametrize("page", NAMED)
def test_every_module_that_a_page_names_exists(page: str) -> None:
    made = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in MADE_HERE}
    named = set(re.findall(r"(?<![\w.@/-])(bot\.[a-z_][\w.]*\w)", read(page))) - made
    assert [name for name in named if ".example" not in name and not is_there(name)] == []


def is_there(dotted: str) -> bool:
    """Whether it is a module, or a name in one."""
    path = ROOT / dotted.replace(".", "/")
    owner, _, name = dotted.rpartition(".")
    return path.is_dir() or path.with_suffix(".py").exists() or hasattr(importlib.import_module(owner), name)


@pytest.mark.parametrize(("path", "symbols"), WITH_SYMBOLS.findall(TOUR))
def test_a_file_of_the_tour_defines_what_the_tour_names_there(path: str, symbols: str) -> None:
    for symbol in re.findall(r"`([\w.]+)`", symbols):
        defined_in(ROOT / path, symbol)


def defined_in(path: Path, symbol: str) -> None:
    """Fails unless the file itself, and not only a module that it imports from, defines the symbol."""
    if path.suffix == ".yaml":
        assert symbol in yaml.safe_load(path.read_text(encoding="utf-8"))
        return
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    found: Any = reduce(getattr, symbol.split("."), module)
    assert getattr(found, "__module__", module.__name__) == module.__name__, f"{symbol} comes from {found.__module__}"


def test_the_tour_answers_at_least_twelve_questions_each_with_a_file() -> None:
    questions = re.findall(r"^### (.+\?)\n\n((?:(?!^#).+\n?|\n)*)", TOUR, re.MULTILINE)
    assert len(questions) >= 12
    assert [question for question, answer in questions if not WITH_SYMBOLS.search(answer)] == []


def test_the_tour_has_a_line_for_every_part_of_the_product() -> None:
    parts = {found.name for found in pkgutil.iter_modules([str(ROOT / "bot")])}
    assert [part for part in sorted(parts) if not re.search(rf"\[`bot/{part}(\.py)?`\]", TOUR)] == []
