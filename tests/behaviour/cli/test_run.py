"""`yingda run` on a port that is taken: it says why it cannot start, before anything takes long."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.shop import deployment_in
from typer.testing import CliRunner, Result

from bot.__main__ import app


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def runs(folder: Path, port: int) -> Result:
    deployment_in(folder, listen={"port": port})
    return CliRunner().invoke(app, ["run", "--config", str(folder / "config.yaml")])


def test_a_port_in_use_by_another_program_is_reported_with_its_line(tmp_path: Path, taken: int) -> None:
    refused = runs(tmp_path, taken)
    assert refused.exit_code == 78
    assert f"listen.port: port {taken} is taken by another program" in refused.stderr


def test_a_second_run_says_that_yingda_itself_uses_the_port(tmp_path: Path, taken: int) -> None:
    (tmp_path / "var").mkdir()
    with (tmp_path / "var" / "run.lock").open("w") as lock:
        lock.write(f"12 {taken}\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = runs(tmp_path, taken)
    assert refused.exit_code == 78
    assert f"Yingda already runs in this folder (pid 12, port {taken})" in refused.stderr
