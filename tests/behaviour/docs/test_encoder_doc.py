"""docs/encoder.md tells the truth: its commands run against an endpoint and print what they show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.docs_pages import on_free_ports
from support.paths import ROOT
from support.served import in_thread

from bot.simulators.embeddings import EmbeddingsService, Faults, simulator

pytestmark = pytest.mark.long

DOC = (ROOT / "docs" / "encoder.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n((?:.|\n)*?)```", DOC)
SMALL = """topic: {zh: 店, en: Shop}
entries:
  - id: hours
    title: {zh: 营业, en: Hours}
    examples: {zh: [几点开门], en: [when do you open]}
    answers: {zh: 九点, en: At nine}
  - id: refund
    title: {zh: 退款, en: Refund}
    examples: {zh: [怎么退款], en: [money back]}
    answers: {zh: 好, en: Sure}
"""


@pytest.fixture
def service() -> Iterator[tuple[EmbeddingsService, str]]:
    made = EmbeddingsService(key="sk-of-the-docs")
    with in_thread(simulator(made)) as address:
        yield made, f"{address}/v1"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The shipped configuration with a small base, for the endpoint that the environment names."""
    (tmp_path / "knowledge_base").mkdir()
    (tmp_path / "knowledge_base" / "shop.yaml").write_text(SMALL, encoding="utf-8")
    phrases = ROOT / "knowledge_base" / "phrases.yaml"
    (tmp_path / "knowledge_base" / "phrases.yaml").write_bytes(phrases.read_bytes())
    config = on_free_ports((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config = config.replace("model: text-embedding-3-small", "model: letters-64")
    config = config.replace("dimensions: 1536", "dimensions: 64")
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    return tmp_path


def ran(home: Path, url: str, *words: str, kind: str = "openai") -> str:
    told = {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "LANG": "C.UTF-8", "YINGDA_ENCODER": kind}
    environment = os.environ | told | {"YINGDA_EMBEDDINGS_URL": url, "YINGDA_EMBEDDINGS_KEY": "sk-of-the-docs"}
    command = [sys.executable, "-m", "bot", *words]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert "Traceback" not in done.stderr
    assert "sk-of-the-docs" not in done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_commands_run_in_turn_and_print_what_is_shown(home: Path, service: tuple[EmbeddingsService, str]) -> None:
    assert BLOCKS
    for block in BLOCKS:
        said = ""
        for line in block.splitlines():
            if line.startswith("$ .venv/bin/pip"):
                continue  # it is there: tests have all extras
            if line.startswith("$ "):
                kind, _, words = line.removeprefix("$ ").rpartition(".venv/bin/yingda ")
                kind = kind.strip().removeprefix("YINGDA_ENCODER=") or "openai"
                said = ran(home, service[1], *words.split(), kind=kind)
            else:
                assert line in said
        shutil.rmtree(home / "var")


def test_both_encoders_need_no_network(home: Path) -> None:
    """The endpoint's address leads nowhere, and nobody asks it."""
    nowhere = "http://127.0.0.1:9/v1"
    assert "edition 1 is live" in ran(home, nowhere, "train", kind="both")
    assert "✓ the encoder" in ran(home, nowhere, "doctor", "--language", "en", kind="both")


def test_doctor_and_training_say_what_is_wrong_with_an_encoder(
    home: Path, service: tuple[EmbeddingsService, str]
) -> None:
    service[0].faults.set(Faults(narrow=True))
    assert "63 dimensions instead of 64" in ran(home, service[1], "train")
    assert "63 dimensions instead of 64" in ran(home, service[1], "doctor")
    assert "ConnectError" in ran(home, "http://127.0.0.1:9/v1", "doctor")


def test_an_invalid_address_is_a_problem_with_its_line(home: Path) -> None:
    said = ran(home, "embeddings.example", "train")
    assert "intents.encoder.url: is not an address" in said
    assert re.search(r"config.yaml:\d+", said)
