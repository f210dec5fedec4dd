"""`yingda run` while its record does not answer yet."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from shop import deployment_in
from typer.testing import CliRunner

from bot.__main__ import app
from bot.commands.run import await_record
from bot.services.loopback import free_port


def nowhere() -> str:
    return f"postgresql://postgres@127.0.0.1:{free_port()}/nobody"


def test_a_record_that_never_answers_ends_the_start_in_a_sentence(tmp_path: Path) -> None:
    deployment_in(tmp_path, listen={"port": 0}, simulator={"port": 0}, record=nowhere(), record_wait_seconds=0)
    refused = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "config.yaml")])
    assert refused.exit_code == 1
    assert "✗ config.yaml: record: cannot be reached" in refused.stderr
    assert "whether the database runs" in refused.stderr


def test_it_says_that_it_waits_and_gives_up_after_the_seconds_that_are_set(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"record": nowhere(), "record_wait_seconds": 0.5}
    deployment_in(tmp_path, listen={"port": 0}, simulator={"port": 0}, **settings)
    began = time.monotonic()
    refused = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "config.yaml")])
    assert refused.exit_code == 1
    assert time.monotonic() - began > 0.5
    assert "the record does not answer (OperationalError); waiting for it" in refused.stderr + caplog.text


def test_it_goes_on_as_soon_as_the_record_answers(tmp_path: Path) -> None:
    file = tmp_path / "locked.sqlite"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE here (word)")
    other.execute("BEGIN EXCLUSIVE")
    ready = deployment_in(tmp_path, record=f"sqlite:///{file}", record_wait_seconds=30)
    opening = threading.Timer(0.3, other.execute, ["ROLLBACK"])
    opening.start()
    await_record(ready)
    opening.join()
    other.close()


def test_what_does_not_pass_by_itself_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    broken = f"sqlite:///{tmp_path / 'file' / 'record.sqlite'}"
    deployment_in(tmp_path, listen={"port": 0}, simulator={"port": 0}, record=broken, record_wait_seconds=60)
    refused = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "config.yaml")])
    assert refused.exit_code == 78
    assert "cannot be opened" in refused.stderr
