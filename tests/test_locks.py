"""The locks agree: who only runs Yingda gets what tests were run with, and nothing that only tests need."""

from __future__ import annotations

import re
import tomllib

from shop import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Versions with their hashes, by package."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(
        r"^([a-z0-9._-]+(?:\[[a-z]+\])?)==([^\s;]+)[^\\\n]*\\\n((?:    --hash=\S+[ \\]*\n)+)", text, re.M
    )
    return {package: (version, frozenset(hashes.replace("\\", "").split())) for package, version, hashes in found}


def test_rasa_has_a_lock_of_its_own_in_which_no_package_index_is_named() -> None:
    pinned = pins("requirements-rasa.lock")
    assert pinned["rasa"][0] == "3.6.21"
    assert {"tensorflow", "jieba", "sanic"} <= pinned.keys()
    assert all(hashes for _, hashes in pinned.values())
    assert "://" not in (ROOT / "requirements-rasa.lock").read_text(encoding="utf-8")


def names(wanted: list[str]) -> set[str]:
    """As PEP 503 spells them."""
    return {re.split(r"[\[<>=; ]", name)[0].lower().replace(".", "-") for name in wanted}


def test_what_runs_is_what_was_tested() -> None:
    running, testing = pins("requirements.lock"), pins("requirements-dev.lock")
    assert len(running) > 50
    assert running.items() <= testing.items()


def test_running_needs_nothing_of_what_tests_and_benches_need() -> None:
    extras = PROJECT["optional-dependencies"]
    running = {name.partition("[")[0] for name in pins("requirements.lock")}
    assert names(PROJECT["dependencies"]) | names(extras["checkout"]) <= running
    assert running & names([*extras["dev"], *extras["bench"]]) == set()
