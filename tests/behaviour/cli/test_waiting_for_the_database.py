"""`yingda run` while its database does not answer yet."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from support.shop import deployment_in
from typer.testing import CliRunner

from bot.__main__ import app
from bot.cli.run import wait_for_database
from bot.process.sockets import free_port


def nowhere() -> str:
    return f"postgresql://postgres@127.0.0.1:{free_port()}/nobody"


def test_run_ends_with_a_message_if_the_database_never_answers(tmp_path: Path) -> None:
    deployment_in(tmp_path, listen={"port": 0}, simulator={"port": 0}, database=nowhere(), database_wait_seconds=0)
    refused = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "config.yaml")])
    assert refused.exit_code == 1
    assert "✗ config.yaml: database: cannot be reached" in refused.stderr
    assert "whether the database runs" in refused.stderr


def test_run_logs_that_it_waits_and_gives_up_after_database_wait_seconds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"database": nowhere(), "database_wait_seconds": 0.5}
    deployment_in(tmp_path, listen={"port": 0}, simulator={"port": 0}, **settings)
    began = time.monotonic()
    refused = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "config.yaml")])
    assert refused.exit_code == 1
    assert time.monotonic() - began > 0.5
    assert "the database does not answer (OperationalError); waiting for it" in refused.stderr + caplog.text


def test_run_goes_on_as_soon_as_the_database_answers(tmp_path: Path) -> None:
    file = tmp_path / "locked.sqlite"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE here (word)")
    other.execute("BEGIN EXCLUSIVE")
    ready = deployment_in(tmp_path, database=f"sqlite:///{file}", database_wait_seconds=30)
    opening = threading.Timer(0.3, other.execute, ["ROLLBACK"])
    opening.start()
    wait_for_database(ready)
    opening.join()
    other.close()


def test_run_does_not_wait_for_a_database_error_that_is_permanent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    broken = f"sqlite:///{tmp_path / 'file' / 'record.sqlite'}"
    deployment_in(tmp_path, listen={"port": 0}, simulator={"port": 0}, database=broken, database_wait_seconds=60)
    refused = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "config.yaml")])
    assert refused.exit_code == 78
    assert "cannot be opened" in refused.stderr
