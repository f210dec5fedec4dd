"""The locks agree: who only runs Yingda gets what tests were run with, and nothing that only tests need."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.paths import ROOT

_spec = importlib.util.spec_from_file_location("licences", ROOT / "docs" / "licences.py")
assert _spec is not None
assert _spec.loader is not None
licences = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(licences)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Versions with their hashes, by package."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(
        r"^([a-z0-9._-]+(?:\[[a-z]+\])?)==([^\s;]+)[^\\\n]*\\\n((?:    --hash=\S+[ \\]*\n)+)", text, re.M
    )
    return {package: (version, frozenset(hashes.replace("\\", "").split())) for package, version, hashes in found}


def test_the_lock_of_rasa_names_no_package_index() -> None:
    pinned = pins("requirements-rasa.lock")
    assert pinned["rasa"][0] == "3.6.21"
    assert {"tensorflow", "jieba", "sanic"} <= pinned.keys()
    assert all(hashes for _, hashes in pinned.values())
    assert "://" not in (ROOT / "requirements-rasa.lock").read_text(encoding="utf-8")


def names(wanted: list[str]) -> set[str]:
    """As PEP 503 spells them."""
    return {re.split(r"[\[<>=; ]", name)[0].lower().replace(".", "-") for name in wanted}


def test_the_lock_for_running_has_the_versions_that_were_tested() -> None:
    running, testing = pins("requirements.lock"), pins("requirements-dev.lock")
    assert len(running) > 50
    assert running.items() <= testing.items()


def test_the_lock_for_running_has_no_package_for_tests_and_benches() -> None:
    extras = PROJECT["optional-dependencies"]
    running = {name.partition("[")[0] for name in pins("requirements.lock")}
    assert names(PROJECT["dependencies"]) | names(extras["checkout"]) <= running
    assert running & names([*extras["dev"], *extras["bench"]]) == set()


def requirements(name: str) -> list[str]:
    """Every requirement of a lock with its continuation lines joined."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-rasa.lock"])
def test_every_locked_package_has_a_version_and_hashes_and_no_address(name: str) -> None:
    for requirement in requirements(name):
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+ ", requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement), requirement
        assert "://" not in requirement


@pytest.mark.process
def test_the_bill_of_materials_names_every_locked_package_with_its_hashes(tmp_path: Path) -> None:
    made = tmp_path / "sbom.json"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(ROOT / "requirements.lock"),
         "--pyproject", str(ROOT / "pyproject.toml"), "--of", "JSON", "-o", str(made)],
        check=True, capture_output=True,
    )  # fmt: skip
    sbom = json.loads(made.read_text(encoding="utf-8"))
    assert sbom["bomFormat"] == "CycloneDX"
    assert sbom["metadata"]["component"]["name"] == "yingda"
    listed = {one["name"]: one["externalReferences"][0]["hashes"] for one in sbom["components"]}
    assert listed.keys() == {name.partition("[")[0] for name in pins("requirements.lock")}
    assert all(listed.values())


def test_the_list_of_licences_equals_the_installed_packages() -> None:
    assert licences.page() == licences.PAGE.read_text(encoding="utf-8")
    assert "| not named |" not in licences.page()
