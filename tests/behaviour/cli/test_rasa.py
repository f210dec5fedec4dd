"""`yingda rasa`: export to a Rasa project and back, training and serving with a simulated Rasa program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from support.paths import ROOT
from support.simulated_rasa import rasa_program
from support.small_knowledge_base import kiosk
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.cli.doctor import probes
from bot.cli.editions import active_edition
from bot.config import Deployment, load
from bot.doctor import Grade, checks
from bot.errors import EngineFailed, SettingError
from bot.knowledge.entries import load as load_base
from bot.process.sockets import free_port
from bot.rasa.runner import RasaRunner
from bot.rasa.training import TrainingData

pytestmark = pytest.mark.process


def runs(*options: str) -> Result:
    return CliRunner().invoke(app, ["rasa", *options])


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return rasa_program(tmp_path)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kiosk whose engine is rasa, at an address of its own."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    _, path = kiosk(tmp_path)
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    rasa = {"url": f"http://127.0.0.1:{free_port()}", "token": "secret-of-the-kiosk", "time_limit": 4}
    settings["intents"] = {"engine": "rasa", "target_precision": 0.6, "rasa": rasa}
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return path


def test_a_base_is_unchanged_by_export_to_a_rasa_project_and_import(config: Path, tmp_path: Path) -> None:
    out = runs("export", str(tmp_path / "project"), "--config", str(config))
    assert (out.exit_code, out.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "project").rglob("*.yml")) == [
        "config.yml", "domain.yml", "kiosk.yml", "rules.yml",
    ]  # fmt: skip
    assert "JiebaTokenizer" in (tmp_path / "project" / "config.yml").read_text(encoding="utf-8")
    back = tmp_path / "back"
    ran = runs("import", str(tmp_path / "project"), "--into", str(back), "--config", str(config), "--json")
    told = json.loads(ran.stdout)
    assert (told["entries"], told["files"]) == (4, [str(back / "kiosk.yaml")])
    (back / "phrases.yaml").write_text((config.parent / "base/phrases.yaml").read_text(encoding="utf-8"), "utf-8")
    assert load_base(back, (), ()).entries == load_base(config.parent / "base", (), ()).entries


def test_what_is_dropped_often_is_reported_once(config: Path, tmp_path: Path) -> None:
    nlu = "nlu:\n- intent: city\n  examples: |\n" + "".join(f"    - to [town {n}](city)\n" for n in range(40))
    (tmp_path / "nlu.yml").write_text(nlu, encoding="utf-8")
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "nlu.yml").rename(folder / "nlu.yml")
    told = runs("import", str(folder), "--into", str(tmp_path / "into"), "--config", str(config)).stdout
    assert told.count("entities") == 1
    assert "39 more, to line 43" in told


def test_rasa_export_and_import_overwrite_nothing(config: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert runs("export", str(project), "--config", str(config)).exit_code == 0
    again = runs("export", str(project), "--config", str(config))
    assert again.exit_code == 78
    assert "not empty" in again.stderr
    before = (config.parent / "base/kiosk.yaml").read_bytes()
    into = runs("import", str(project), "--config", str(config))
    assert into.exit_code == 78
    assert "kiosk.yaml" in into.stderr
    assert (config.parent / "base/kiosk.yaml").read_bytes() == before


def test_without_rasa_the_command_says_how_to_install_it(config: Path, tmp_path: Path) -> None:
    for verb in ("train", "serve"):
        ran = runs(verb, "--program", str(tmp_path / "nowhere"), "--config", str(config))
        assert ran.exit_code == 78
        assert "make rasa" in ran.stderr


def test_a_model_is_trained_and_served_and_doctor_finds_it_healthy(config: Path, program: Path) -> None:
    assert "no model" in runs("serve", "--program", str(program), "--config", str(config)).stderr
    plain = CliRunner().invoke(app, ["train", "--config", str(config)])
    assert "until yingda rasa train" in plain.stderr
    ready = load(config)
    assert doctors(ready) is Grade.WARN
    trained = runs("train", "--program", str(program), "--config", str(config))
    assert trained.exit_code == 0, trained.stderr
    edition = active_edition(ready)
    assert edition is not None
    model = edition.external_models["rasa"].model
    assert (ready.config.var / "rasa" / f"{model}.tar.gz").is_file()
    assert not list(ready.config.var.glob("rasa/*rehearsal*"))
    assert doctors(ready) is Grade.WARN  # not served yet
    serving = [sys.executable, "-m", "bot", "rasa", "serve", "--program", str(program), "--config", str(config)]
    process = subprocess.Popen(serving, env=os.environ, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while doctors(ready) is not Grade.OK:
            assert time.monotonic() < until
            time.sleep(0.3)
    finally:
        process.terminate()
        process.wait(20)


def doctors(ready: Deployment) -> Grade:
    """What the doctor thinks of Rasa."""
    look = probes(ready).rasa
    assert look is not None
    return checks.rasa(*look()).grade


def test_the_same_examples_are_not_trained_twice(config: Path, program: Path) -> None:
    assert runs("train", "--program", str(program), "--config", str(config)).exit_code == 0
    (model,) = load(config).config.var.glob("rasa/*.tar.gz")
    before = model.stat().st_mtime_ns
    assert runs("train", "--program", str(program), "--config", str(config)).exit_code == 0
    assert model.stat().st_mtime_ns == before
    notes = model.with_name(model.name.replace(".tar.gz", ".json"))
    notes.write_text("{}", encoding="utf-8")
    broken = runs("train", "--program", str(program), "--config", str(config))
    assert broken.exit_code == 78
    assert str(notes) in broken.stderr


def test_a_failed_training_prints_rasas_output(tmp_path: Path) -> None:
    program = tmp_path / "rasa"
    program.write_text("#!/bin/sh\necho 'out of memory'\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    runner = RasaRunner(program, tmp_path / "models")
    with pytest.raises(EngineFailed, match="out of memory"):
        runner.train(TrainingData([("a", ["b"]), ("c", ["d"])], 5).files, "x")
    (tmp_path / "models").joinpath("x.tar.gz").touch()
    with pytest.raises(EngineFailed, match="ended with 1"), runner.serving(runner.model("x")):
        pytest.fail("it does not come up")


def test_without_python_3_10_make_says_so_in_both_languages(tmp_path: Path) -> None:
    there = tmp_path / "rasa"
    asked = ["make", f"RASA={there}", "RASA_PYTHONS=no-such-python", f"{there}/.ready"]
    ran = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "needs Python 3.10" in ran.stdout
    assert "需要 Python 3.10" in ran.stdout
    assert not there.exists()


def test_training_data_is_named_by_its_texts_and_epochs() -> None:
    one, two = [("a", ["b", "c"]), ("d", ["e"])], [("a", ["b"]), ("d", ["e", "c"])]
    assert TrainingData(one, 5).name == TrainingData(list(one), 5).name
    assert len({TrainingData(one, 5).name, TrainingData(two, 5).name, TrainingData(one, 6).name}) == 3


def test_an_invalid_address_stops_the_start_with_its_line(config: Path) -> None:
    text = config.read_text(encoding="utf-8")
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "url:" in one)
    address = text.splitlines()[line - 1].split("url: ")[1]
    config.write_text(text.replace(address, "rasa.internal:5005"), encoding="utf-8")
    with pytest.raises(SettingError, match=rf"config.yaml:{line}: intents.rasa.url: is not an address"):
        load(config)
