"""`yingda evaluate`: on labelled files, and on a knowledge base itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.paths import ROOT
from support.small_knowledge_base import kiosk
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.app.parts import TRAINERS
from bot.cli import common
from bot.encoders.e5 import CombinedEncoder
from bot.errors import EngineFailed
from bot.evaluation.trainers import SemanticTrainer, TrainedEngine
from bot.i18n import message

LESSONS = {
    "hours": ["when do you open", "opening hours", "are you open on sunday", "几点开门", "营业时间"],
    "refund": ["I want my money back", "how do I get a refund", "refund please", "我要退款", "怎么退货"],
    "delivery": ["how long does delivery take", "when will it arrive", "do you deliver", "多久送到", "快递几天"],
}
QUESTIONS = {
    "hours": ["what time do you open", "周末开门吗"],
    "refund": ["money back please"],
    "delivery": ["几天能到"],
}
OUTSIDE = {"oos": ["who won the world cup in 1998", "今天股票涨了吗", "sing me the anthem"]}
PROMISED = {
    "accuracy",
    "auroc_oos",
    "coverage_at_precision",
    "precision_answered",
    "ece",
    "train_seconds",
    "ms_per_text",
}


def sheet(path: Path, texts: dict[str, list[str]]) -> str:
    rows = [f"{text}\t{label}" for label, some in texts.items() for text in some]
    path.write_text("\n".join(["text\tlabel", *rows, ""]), encoding="utf-8")
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    lessons, questions = sheet(tmp_path / "train.tsv", LESSONS), sheet(tmp_path / "test.tsv", QUESTIONS)
    return ["--train", lessons, "--test", questions]


def runs(*options: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", *options])


def told(*options: str) -> dict[str, Any]:
    ran = runs(*options, "--json")
    assert (ran.exit_code, ran.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_json_for_labelled_files_has_every_metric(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no config.yaml is: files need none
    found = told(*files, "--oos", sheet(tmp_path / "oos.tsv", OUTSIDE), "--engine", "semantic")
    assert found.keys() >= PROMISED
    assert (found["train_texts"], found["labels"], found["test_texts"], found["oos_texts"]) == (15, 3, 4, 3)
    assert (found["accuracy"], found["macro_f1"], found["auroc_oos"]) == (1.0, 1.0, 1.0)
    assert found["engine"] == "semantic"
    assert found["target_precision"] == 0.95
    assert all(0 <= found[name] <= 1 for name in PROMISED - {"train_seconds", "ms_per_text"})
    assert found["train_seconds"] > 0 < found["ms_per_text"]


def test_the_configured_encoder_is_used_unless_another_is_named(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide: list[int] = []
    encode = CombinedEncoder.encode

    def counted(encoder: CombinedEncoder, texts: Sequence[str]) -> NDArray[np.float32]:
        wide.append(len(texts))
        return encode(encoder, texts)

    monkeypatch.setattr(CombinedEncoder, "encode", counted)
    (tmp_path / "config.yaml").write_bytes((ROOT / "config.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert told(*files)["accuracy"] == 1.0
    assert not wide
    assert told(*files, "--encoder", "both")["accuracy"] == 1.0
    assert wide
    wide.clear()
    monkeypatch.setenv("YINGDA_ENCODER", "both")
    told(*files, "--encoder", "bundled")
    assert not wide
    told(*files)
    assert wide


def test_an_encoder_that_is_not_installed_is_reported(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "bundled, both, openai" in runs(*files, "--encoder", "bert").stderr
    lacks = message("config.missing_package", package="x", wanted="x==1.*")
    monkeypatch.setattr("bot.cli.evaluate.missing_part", lambda _settings: lacks)
    assert "--encoder: needs the package x" in runs(*files, "--encoder", "both").stderr


def test_without_out_of_scope_texts_their_metrics_are_null(files: list[str]) -> None:
    found = told(*files)
    assert (found["oos_texts"], found["auroc_oos"], found["fpr_at_95_tpr"], found["oos_answered"]) == (
        0,
        None,
        None,
        None,
    )


def test_a_stricter_target_precision_never_answers_more(files: list[str]) -> None:
    strict, lax = (told(*files, "--target-precision", target) for target in ("0.98", "0.6"))
    assert strict["coverage_at_precision"] <= lax["coverage_at_precision"]
    assert lax["coverage_at_precision"] > 0


def test_rows_labelled_out_of_scope_are_trained_as_out_of_scope_and_not_as_an_intent(tmp_path: Path) -> None:
    lessons = sheet(tmp_path / "train.tsv", LESSONS | {"__oos__": ["who won the cup", *OUTSIDE["oos"]]})
    questions = sheet(tmp_path / "test.tsv", QUESTIONS | OUTSIDE)
    found = told("--train", lessons, "--test", questions)
    assert (found["labels"], found["train_texts"], found["test_texts"], found["oos_texts"]) == (3, 15, 4, 3)
    assert (found["auroc_oos"], found["oos_answered"]) == (1.0, 0.0)


def test_out_of_scope_rows_of_a_single_file_are_also_tested_once(tmp_path: Path) -> None:
    found = told("--train", sheet(tmp_path / "train.tsv", LESSONS | OUTSIDE), "--folds", "2")
    assert (found["labels"], found["train_texts"], found["test_texts"], found["oos_texts"]) == (3, 15, 15, 3)


def test_several_files_of_one_option_are_evaluated_together(files: list[str], tmp_path: Path) -> None:
    more = sheet(tmp_path / "more.tsv", {"jobs": ["are you hiring", "send my application", "招人吗"]})
    near, far = (sheet(tmp_path / f"{name}.tsv", OUTSIDE) for name in ("near", "far"))
    found = told(*files, "--train", more, "--test", more, "--oos", near, "--oos", far)
    assert (found["labels"], found["train_texts"], found["test_texts"], found["oos_texts"]) == (4, 18, 7, 6)


def test_near_and_far_out_of_scope_texts_have_their_own_metrics(files: list[str], tmp_path: Path) -> None:
    near = sheet(tmp_path / "near.tsv", {"oos": ["do you open on mars", "refund my parking ticket"]})
    found = told(*files, "--oos", f"near={near}", "--oos", f"far={sheet(tmp_path / 'far.tsv', OUTSIDE)}")
    assert {kind: outside["texts"] for kind, outside in found["out_of_scope"].items()} == {"near": 2, "far": 3}
    assert found["out_of_scope"]["near"]["auroc"] <= found["out_of_scope"]["far"]["auroc"]
    assert found["oos_texts"] == 5


def test_a_single_file_is_cross_validated(files: list[str], tmp_path: Path) -> None:
    lonely = sheet(tmp_path / "lonely.tsv", LESSONS | {"jobs": ["are you hiring"]})
    found = told("--train", lonely, "--folds", "2")
    assert (found["labels"], found["train_texts"], found["test_texts"], found["untaught"]) == (4, 16, 15, 0)


def test_with_few_texts_there_are_fewer_folds(tmp_path: Path) -> None:
    few = sheet(tmp_path / "few.tsv", {"hours": ["when do you open", "几点开门"], "jobs": ["are you hiring"]})
    found = told("--train", few, "--folds", "20", "--learning-curve")
    assert (found["test_texts"], found["untaught"]) == (2, 0)


def test_a_file_too_small_for_cross_validation_is_refused_with_a_hint(tmp_path: Path) -> None:
    ran = runs("--train", sheet(tmp_path / "single.tsv", {"hours": ["open?"], "jobs": ["hiring?"]}))
    assert ran.exit_code == 2
    assert "no text can be held out" in ran.stderr
    assert "give every label at least two texts" in ran.stderr


def test_a_single_intent_is_always_right(tmp_path: Path) -> None:
    lessons = sheet(tmp_path / "one.tsv", {"hours": LESSONS["hours"]})
    found = told("--train", lessons, "--test", sheet(tmp_path / "t.tsv", {"hours": QUESTIONS["hours"]}))
    assert (found["labels"], found["accuracy"], found["macro_f1"], found["confused"]) == (1, 1.0, 1.0, [])


def test_a_learning_curve_ends_with_all_examples(files: list[str]) -> None:
    curve = told(*files, "--learning-curve")["learning_curve"]
    assert [(step["examples"], step["draws"]) for step in curve] == [(1, 3), (3, 3), (None, 1)]
    assert curve[-1]["train_texts"] == 15


def test_several_engines_are_compared_and_the_first_ones_metrics_are_on_top(
    files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRAINERS, "parrot", SemanticTrainer)
    found = told(*files, "--engine", "parrot,semantic", "--engine", "semantic")
    assert (found["engine"], [one["engine"] for one in found["engines"]]) == ("parrot", ["parrot", "semantic"])
    assert found.keys() >= PROMISED
    assert all(one.keys() >= PROMISED for one in found["engines"])
    shown = runs(*files, "--engine", "parrot", "--engine", "semantic", "--learning-curve").stdout
    assert shown.splitlines()[0] == "engine parrot, semantic, target precision 95%"
    row = next(line for line in shown.splitlines() if "macro F1" in line)
    assert row.count("1.000") == 2
    assert "all" in shown


def test_without_a_terminal_progress_is_printed_on_stderr(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "BETWEEN_LINES", 0.0)
    ran = runs(*files, "--json")
    assert json.loads(ran.stdout)["engine"] == "semantic"
    assert "asking, 0%" in ran.stderr.splitlines()


def test_an_engine_that_fails_ends_the_evaluation_and_says_so(
    files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(SemanticTrainer):
        @contextmanager
        def train(self, *_lesson: Any) -> Iterator[TrainedEngine]:
            raise EngineFailed("its service does not answer")
            yield

    monkeypatch.setitem(TRAINERS, "broken", Broken)
    ran = runs(*files, "--engine", "broken", "--json")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "✗ the engine failed (its service does not answer)" in ran.stderr


def test_reliability_and_memory_are_printed(files: list[str]) -> None:
    found = told(*files)
    assert sum(one["texts"] for one in found["reliability"]) == found["test_texts"]
    assert 10 < found["memory_mb"] < 10_000


def test_confused_rows_of_files_are_listed_with_their_lines(tmp_path: Path) -> None:
    lessons = sheet(tmp_path / "train.tsv", {"open": ["几点开门", "什么时候开"], "shut": ["几点关门", "什么时候关"]})
    asked = sheet(tmp_path / "test.tsv", {"open": ["几点关门呢", "什么时候关啊"]})
    (pair,) = told("--train", lessons, "--test", asked)["confused"]
    assert (pair["entries"], pair["times"]) == (["open", "shut"], 2)
    assert {one["at"] for one in pair["texts"]} == {f"{asked}:2", f"{asked}:3"}
    assert {one["like_at"] for one in pair["texts"]} == {f"{lessons}:4", f"{lessons}:5"}


def test_a_test_file_alone_is_evaluated_on_the_knowledge_base(tmp_path: Path) -> None:
    _, config = kiosk(tmp_path)
    asked = sheet(tmp_path / "asked.tsv", {"opening": ["几点开门呀"], "parking": ["where can I park"], **OUTSIDE})
    found = told("--config", str(config), "--test", asked)
    assert (found["labels"], found["test_texts"], found["untaught"], found["oos_texts"]) == (4, 2, 1, 3)


def test_on_a_terminal_the_result_is_a_table(files: list[str]) -> None:
    ran = runs(*files)
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[0] == "engine semantic, target precision 95%"
    assert "first intent right" in ran.stdout
    assert "1.000" in ran.stdout


def test_labels_without_training_texts_are_reported(files: list[str], tmp_path: Path) -> None:
    more = sheet(tmp_path / "more.tsv", {"jobs": ["are you hiring"]})
    assert "1 text was asked whose label is not in the training data" in runs(*files, "--test", more).stdout


def test_a_malformed_file_is_reported_with_its_line_and_a_hint(files: list[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.tsv"
    broken.write_text("text\tlabel\nfine\thours\nno label\n", encoding="utf-8")
    ran = runs(*files, "--oos", str(broken), "--json")
    assert ran.exit_code == 2
    assert ran.stdout == ""
    assert f"✗ {broken}:3: row: number of columns: 1, and 2 in the heading" in ran.stderr
    assert "→ separate the columns as the heading does" in ran.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--train", "absent.tsv"],
        ["--test", "absent.tsv", "--config", "absent.yaml"],
        ["--train", "absent.tsv", "--test", "absent.tsv"],
        ["--engine", "oracle"],
        ["--target-precision", "2"],
        ["--folds", "1"],
    ],
)
def test_what_cannot_be_evaluated_ends_with_exit_code_2(options: list[str]) -> None:
    ran = runs(*options)
    assert ran.exit_code == 2
    assert ran.stderr


def test_a_base_is_cross_validated_and_its_confusions_are_shown(tmp_path: Path) -> None:
    editor, config = kiosk(tmp_path)
    found = told("--config", str(config), "--folds", "3")
    assert found.keys() >= PROMISED
    assert (found["labels"], found["train_texts"], found["test_texts"], found["oos_texts"]) == (4, 48, 48, 1)
    pair = found["confused"][0]
    assert pair["entries"] == ["closing", "opening"]
    assert pair["times"] >= len(pair["texts"]) > 1
    for one in pair["texts"]:
        assert one["at"] == f"{editor.folder / 'kiosk.yaml'}:{editor.line_of(one['text'], 'kiosk.yaml')}"
        assert one["like_at"] == f"{editor.folder / 'kiosk.yaml'}:{editor.line_of(one['like'], 'kiosk.yaml')}"
        assert {one["meant"], one["taken"]} == {"closing", "opening"}


def test_the_examples_that_cause_a_confusion_are_listed_under_the_table(tmp_path: Path) -> None:
    editor, config = kiosk(tmp_path)
    shown = runs("--config", str(config), "--folds", "2").stdout
    assert "closing and opening were confused" in shown
    assert f"    {editor.folder / 'kiosk.yaml'}:" in shown
    assert ", like “" in shown


def test_a_base_that_does_not_load_is_reported_with_its_lines(tmp_path: Path) -> None:
    editor, config = kiosk(tmp_path)
    editor.changes("answers: {zh: 九点开门。", "answer: {zh: 九点开门。", "kiosk.yaml")
    ran = runs("--config", str(config))
    assert ran.exit_code == 2
    assert f"kiosk.yaml:{editor.line_of('九点开门。', 'kiosk.yaml')}: entries.0.answer:" in ran.stderr
