"""The list of processes, which every user of a machine reads, shows no secret of Yingda's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import pytest
from support.redis_server import redis_server
from support.running_product import Product, eventually, started
from support.simulated_rasa import rasa_program

from bot.errors import SettingError
from bot.process.sockets import free_port
from bot.rasa.runner import RasaRunner
from bot.rasa.training import TrainingData

pytestmark = pytest.mark.process

PASSWORD = "a-password-of#redis"
SECRETS = ("a-secret-that-signs-cookies", "a-token-for-metrics", quote(PASSWORD, safe=""), PASSWORD, "the-rasa-token")


def told_by_processes(product: Product) -> str:
    """Every word of the command lines of Yingda and of all that it started."""
    family = psutil.Process(product.process.pid).children(recursive=True)
    return "\n".join(" ".join(one.cmdline()) for one in (psutil.Process(product.process.pid), *family))


def test_no_secret_of_a_running_product_is_in_the_process_list(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    with redis_server(f'requirepass "{PASSWORD}"') as port:
        settings: dict[str, Any] = {
            "secret": SECRETS[0],
            "metrics_token": SECRETS[1],
            "redis": f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/0",
            "intents": {"rasa": {"token": SECRETS[4]}},
        }
        with started(tmp_path, shipped_edition, **settings) as product:
            shown = told_by_processes(product)
            assert "worker" in shown
            assert [secret for secret in SECRETS if secret in shown] == []
            assert "Redis cannot be used" not in product.told()


@pytest.fixture
def runner(tmp_path: Path) -> RasaRunner:
    made = RasaRunner(rasa_program(tmp_path), tmp_path / "models", SECRETS[4])
    made.train(TrainingData([("a", ["b"]), ("c", ["d"])], 5).files, "x")
    return made


def test_the_token_of_rasa_is_not_in_the_process_list(runner: RasaRunner, tmp_path: Path) -> None:
    port = free_port()
    running = subprocess.Popen(
        runner.arguments(runner.model("x"), "127.0.0.1", port), env=runner.environment, cwd=tmp_path
    )
    try:

        def status(token: str) -> int:
            try:
                return httpx.get(
                    f"http://127.0.0.1:{port}/status", params={"token": token}, trust_env=False
                ).status_code
            except httpx.TransportError:
                return 0

        eventually(lambda: status(SECRETS[4]) == 200, "Rasa answers")
        assert status("another") == 401
        assert SECRETS[4] not in " ".join(psutil.Process(running.pid).cmdline())
    finally:
        running.terminate()
        running.wait(20)


def test_a_rasa_program_that_would_show_its_token_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "rasa"
    program.write_text("#!/bin/sh\nexec docker run rasa\n", encoding="utf-8")
    with pytest.raises(SettingError) as refused:
        RasaRunner(program, tmp_path, "token").arguments(tmp_path / "m", "127.0.0.1", 1)
    assert "list of processes" in str(refused.value)
    assert "token" not in RasaRunner(program, tmp_path).arguments(tmp_path / "m", "127.0.0.1", 1)


def test_the_python_of_a_program_with_a_long_path_is_found(tmp_path: Path) -> None:
    python = tmp_path / "python3.10"
    python.touch()
    program = tmp_path / "rasa"
    program.write_text(f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\nimport rasa\n", encoding="utf-8")
    assert RasaRunner(program, tmp_path, "token").arguments(tmp_path / "m", "127.0.0.1", 1)[0] == str(python)
