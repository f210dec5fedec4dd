"""The real product as a person starts it: `python -m bot run --config ...` in a folder of its own, on free ports.

Its database may hold an edition before it starts, so that nothing has to be trained. Everything else is what the
shipped config.yaml says, with a desk that is open around the clock.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from support.paths import ROOT

from bot.config import load
from bot.process.sockets import free_port
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlEditions
from bot.stores.sql.migrate import migrate

T = TypeVar("T")
PATIENCE = 60.0  # seconds; a machine may be busy
TRAINING = 240.0
ALWAYS_OPEN = {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def eventually(found: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """The first thing that `found` finds, asked again and again; the test fails with `what` if it finds nothing."""
    until = time.monotonic() + patience
    while True:
        thing = found()
        if thing:
            return thing
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {patience:g} s")
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Product:
    """A running Yingda. site, phone: addresses of the worker and of the simulated WeChat."""

    site: str
    phone: str
    process: subprocess.Popen[bytes]
    log: Path

    def told(self) -> str:
        """Everything it has written on its terminal."""
        return self.log.read_text(encoding="utf-8")

    def stop(self) -> int:
        """As a service manager ends it; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def started(
    folder: Path, edition: tuple[str, bytes] | None = None, workers: int = 1, **changes: Any
) -> Iterator[Product]:
    """Runs in `folder` with `edition`, or trains its own first. changes: settings, e.g. linking={"attempts": 5}."""
    config = _settings(folder, changes)
    if edition is not None:
        _publish(config, edition)
    with ready_in(folder, config, workers) as product:
        yield product


@contextmanager
def ready_in(folder: Path, config: Path, workers: int = 1) -> Iterator[Product]:
    """Runs in `folder` with the configuration that is there; yields it once it answers."""
    with _process(folder, config, workers) as process:
        port = load(config).config.simulator.port
        yield _ready(process, folder, f"http://127.0.0.1:{port}")


@contextmanager
def serving_in(folder: Path, config: Path) -> Iterator[str]:
    """The same in live mode, where no platform is simulated; yields the site's address once it answers."""
    with _process(folder, config, 1) as process:
        site = f"http://127.0.0.1:{eventually(lambda: _port(process, folder), 'a port in var/run.lock')}"
        eventually(lambda: _port(process, folder) and _answers(f"{site}/readyz"), f"the site at {site}")
        yield site


@contextmanager
def _process(folder: Path, config: Path, workers: int) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "run.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run", "--config", str(config), "--workers", str(workers), "--no-reserve"],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()  # what it started is tethered to it
            process.wait()


def _settings(folder: Path, changes: Mapping[str, Any]) -> Path:
    """The shipped configuration, moved into `folder` and to free ports."""
    settings = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    phone = free_port()
    settings |= {"knowledge_base": str(ROOT / "knowledge_base"), "var": "var"}
    settings["listen"]["port"] = 0
    settings["simulator"]["port"] = phone
    for account, where in ((0, ""), (2, "/x")):
        settings["accounts"][account]["api_url"] = f"http://127.0.0.1:{phone}{where}"
    settings["desk"]["hours"] = ALWAYS_OPEN
    for key, value in changes.items():
        settings[key] = settings[key] | value if isinstance(value, dict) else value
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return path


def _environment() -> dict[str, str]:
    """Ours, without what a developer may have set for a deployment of their own; and this checkout's code."""
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("YINGDA_", "WECHAT_"))}
    return {**mine, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}


def _publish(config: Path, edition: tuple[str, bytes]) -> None:
    """In a thread of its own: a browser's driver may already run a loop in this one."""
    ready = load(config).config
    ready.var.mkdir(parents=True, exist_ok=True)
    database = Database(ready.database_url)
    try:
        migrate(database.engine)
        with ThreadPoolExecutor(1) as thread:
            publishing = SqlEditions(database).publish(*edition, "tests", 0)
            thread.submit(asyncio.run, publishing).result()
    finally:
        database.close()


def _ready(process: subprocess.Popen[bytes], folder: Path, phone: str) -> Product:
    """Once both addresses answer."""
    site = f"http://127.0.0.1:{eventually(lambda: _port(process, folder), 'a port in var/run.lock')}"
    eventually(lambda: _port(process, folder) and _answers(f"{phone}/api/state"), f"the simulator at {phone}", TRAINING)
    eventually(lambda: _port(process, folder) and _answers(f"{site}/login"), f"the desk at {site}")
    product = Product(site, phone, process, folder / "run.log")
    eventually(lambda: f":{_port(process, folder)}/desk" in product.told(), "where everything is")
    return product


def _port(process: subprocess.Popen[bytes], folder: Path) -> str:
    """The port that its worker listens on, as var/run.lock says; '' until then. Fails once the process has ended."""
    if process.poll() is not None:
        told = (folder / "run.log").read_text(encoding="utf-8")
        raise AssertionError(f"it ended with {process.returncode}:\n{told}")
    pid, _, port = (folder / "var/run.lock").read_text().strip().partition(" ") if _locked(folder) else ("", "", "")
    return port if pid == str(process.pid) else ""


def _locked(folder: Path) -> bool:
    return (folder / "var/run.lock").exists()


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=10, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
