"""`yingda train` as an editor runs it, on a kiosk's knowledge base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.knowledge_base_files import Editor
from support.small_knowledge_base import kiosk
from typer.testing import CliRunner, Result

from bot.__main__ import app


def trained(config: Path) -> dict[str, Any]:
    ran = CliRunner().invoke(app, ["train", "--config", str(config), "--json"])
    assert ran.exit_code == 0
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def changed(editor: Editor) -> None:
    editor.changes("几点开门", "八点开门吗", "kiosk.yaml")


def test_train_compares_the_new_edition_with_the_one_before(tmp_path: Path) -> None:
    editor, config = kiosk(tmp_path)
    first = trained(config)
    assert first["before"] is None
    changed(editor)
    second = trained(config)
    assert second["before"]["edition"] == first["edition"]
    for figure in ("accuracy", "coverage", "precision"):
        assert first[figure] > 0
        assert second["before"][figure] == round(first[figure], 4)


def test_train_prints_the_metrics_of_both_editions(tmp_path: Path) -> None:
    editor, config = kiosk(tmp_path)
    first = trained(config)
    changed(editor)
    lines = CliRunner().invoke(app, ["train", "--config", str(config)]).stdout.splitlines()
    (asked,) = [place for place, line in enumerate(lines) if "questions kept out of training" in line]
    beside = " ".join(lines[asked:])
    assert (
        f"edition, 1: {first['accuracy']:.1%} understood; answered without a person: {first['coverage']:.0%}" in beside
    )


def runs(config: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["train", "--config", str(config), *options])


def test_a_wrong_answer_to_a_regression_question_prevents_publishing(tmp_path: Path) -> None:
    editor, config = kiosk(tmp_path)
    assert "tests.yaml: 3 right" in runs(config).stdout
    editor.changes('"get my money back", expect: refund', '"closing time please", expect: refund', "tests.yaml")
    changed(editor)
    refused = runs(config)
    assert refused.exit_code == 1
    assert "tests.yaml:2: 1.ask: “closing time please” is understood as closing" in refused.stderr
    assert "nothing was published: failures in tests.yaml: 1" in refused.stderr
    assert "--despite-failures" in refused.stderr
    told = json.loads(runs(config, "--json").stdout)
    assert (told["edition"], len(told["failed"])) == (None, 1)
    forced = runs(config, "--despite-failures", "--json")
    assert (forced.exit_code, json.loads(forced.stdout)["edition"]) == (0, 2)
    assert json.loads(forced.stdout)["regression"]["wrong"] == 1


def test_an_invalid_regression_question_prevents_publishing(tmp_path: Path) -> None:
    editor, config = kiosk(tmp_path)
    editor.changes("expect: refund", "expect: refunds", "tests.yaml")
    refused = runs(config)
    assert refused.exit_code == 1
    assert "there is no entry refunds" in refused.stderr
    editor.writes("- [", "tests.yaml")
    assert runs(config).exit_code == 1
    forced = runs(config, "--despite-failures")
    assert forced.exit_code == 0
    assert "published all the same, with 1 failures" in forced.stderr


def test_a_base_without_regression_questions_is_published(tmp_path: Path) -> None:
    editor, config = kiosk(tmp_path)
    (editor.folder / "tests.yaml").unlink()
    assert runs(config).exit_code == 0
