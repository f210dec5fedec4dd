"""`yingda train` as an editor runs it, on a kiosk's knowledge base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from editor import Editor
from kiosk import kiosk
from typer.testing import CliRunner

from bot.__main__ import app


def trained(config: Path) -> dict[str, Any]:
    ran = CliRunner().invoke(app, ["train", "--config", str(config), "--json"])
    assert ran.exit_code == 0
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def changed(editor: Editor) -> None:
    editor.changes("几点开门", "八点开门吗", "kiosk.yaml")


def test_what_an_edition_can_do_is_set_beside_what_the_last_one_could(tmp_path: Path) -> None:
    editor, config = kiosk(tmp_path)
    first = trained(config)
    assert first["before"] is None
    changed(editor)
    second = trained(config)
    assert second["before"]["edition"] == first["edition"]
    for figure in ("accuracy", "coverage", "precision"):
        assert first[figure] > 0
        assert second["before"][figure] == round(first[figure], 4)


def test_both_are_told_in_one_glance(tmp_path: Path) -> None:
    editor, config = kiosk(tmp_path)
    first = trained(config)
    changed(editor)
    lines = CliRunner().invoke(app, ["train", "--config", str(config)]).stdout.splitlines()
    (asked,) = [place for place, line in enumerate(lines) if "questions it had not learned" in line]
    beside = " ".join(lines[asked:])
    assert f"edition 1 before it: {first['accuracy']:.1%} understood, {first['coverage']:.0%} by itself" in beside
