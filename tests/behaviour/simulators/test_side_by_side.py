"""The simulators as demo mode starts them: one process, WeChat's page at /, X's at /x/ where such an account stands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support.paths import ROOT
from support.running_product import eventually

from bot.process.sockets import free_port

pytestmark = pytest.mark.process

X_ACCOUNT = {"name": "x", "channel": "twitter", "username": "TeaHouse", "user_id": "42", "bearer_token": "t"}


def config_in(folder: Path, *channels: str) -> Path:
    """The shipped settings with the accounts of these channels alone, on a free port."""
    settings = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    accounts = [*(one for one in settings["accounts"] if one["channel"] != "twitter"), X_ACCOUNT]
    settings["accounts"] = [one for one in accounts if one["channel"] in channels]
    settings["simulator"]["port"] = free_port()
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


@contextmanager
def started(config: Path, *verb: str) -> Iterator[httpx.Client]:
    """The command under way, and a client of the simulator's address."""
    command = [sys.executable, "-m", "bot", *verb, "--config", str(config)]
    port = yaml.safe_load(config.read_text(encoding="utf-8"))["simulator"]["port"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            eventually(lambda: _answers(http), f"{' '.join(verb)} at {http.base_url}")
            yield http
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode in (0, -15), process.returncode


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/").status_code < 400
    except httpx.TransportError:
        return False


def state(http: httpx.Client, path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = http.get(f"{path}/api/state").json()
    return found


def test_an_x_account_is_simulated_together_with_the_phone(tmp_path: Path) -> None:
    with started(config_in(tmp_path, "wechat", "twitter"), "simulator", "--port", "9") as http:
        brand, people = state(http, "/x")["brand"], state(http, "/x")["people"]
        assert (brand["username"], brand["id"], [one["name"] for one in people]) == ("TeaHouse", "42", ["我 Me"])
        assert [one["name"] for one in state(http)["followers"]] == ["我 Me"]
        known = http.get("/x/2/users/42/mentions", headers={"authorization": "Bearer t"})
        assert known.json() == {"meta": {"result_count": 0}}


def test_without_an_x_account_there_is_no_timeline(tmp_path: Path) -> None:
    with started(config_in(tmp_path, "wechat"), "simulator", "--port", "9") as http:
        assert http.get("/x/").status_code == 404


@pytest.mark.parametrize("channels", [("twitter",), ()], ids=["configured", "with the demo's keys"])
def test_x_is_simulated_alone(tmp_path: Path, channels: tuple[str, ...]) -> None:
    with started(config_in(tmp_path, *channels), "simulate", "twitter") as http:
        assert state(http)["brand"]["username"] == ("TeaHouse" if channels else "YunshanTea")
