"""SECURITY.md says of every ASVS 5.0.0 requirement of levels 1 and 2 how it stands, and names what there is."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from support.paths import ROOT

DOC = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

# How many requirements of levels 1 and 2 each section has; within a section those of level 3 come last.
REQUIREMENTS = {
    "V1": (2, 9, 11, 3, 2), "V2": (3, 3, 4, 1), "V3": (0, 2, 4, 6, 5, 0, 2), "V4": (3, 1, 2, 4), "V5": (1, 3, 2, 3),
    "V6": (3, 12, 4, 4, 5, 3, 0, 4), "V7": (3, 4, 2, 5, 2, 2), "V8": (2, 3, 1, 1), "V9": (3, 4),
    "V10": (2, 2, 4, 11, 5, 2, 3), "V11": (2, 3, 3, 4, 1, 1, 0), "V12": (3, 2, 4), "V13": (1, 5, 2, 5),
    "V14": (2, 4, 3), "V15": (3, 3, 7, 0), "V16": (1, 5, 4, 3, 3), "V17": (1, 4, 2),
}  # fmt: skip


def stated() -> list[tuple[str, str]]:
    """Every requirement that a row speaks of, with how it stands."""
    found = []
    rows = re.findall(r"^\| (V\d+\.\d+)\.(\d+)(?: to V\d+\.\d+\.(\d+))? \| [^|]+ \| (\S+) \|", DOC, re.MULTILINE)
    for section, first, last, stands in rows:
        found += [(f"{section}.{number}", stands) for number in range(int(first), int(last or first) + 1)]
    return found


def test_every_requirement_of_level_2_has_exactly_one_row() -> None:
    wanted = {
        f"{chapter}.{section}.{number}"
        for chapter, sections in REQUIREMENTS.items()
        for section, count in enumerate(sections, 1)
        for number in range(1, count + 1)
    }
    assert len(wanted) == 253
    said = Counter(name for name, _ in stated())
    assert said.keys() == wanted
    assert max(said.values()) == 1


def test_every_unmet_requirement_names_its_planned_measure() -> None:
    assert {stands for _, stands in stated()} == {"met", "n/a", "later"}
    later = [line for line in DOC.splitlines() if "| later |" in line]
    assert later
    assert all("the page for people and roles" in line for line in later)


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`((?:bot|tests|bench|docs)/[\w./-]+)`", DOC))))
def test_every_file_that_the_page_names_exists(named: str) -> None:
    assert Path(ROOT, named).exists()
