"""The servers: each in its own process, on a socket opened here; ours as `yingda run` starts its workers."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import yaml

from bot.app.storage import open_storage
from bot.cli.train import publish
from bot.config import Deployment
from bot.config import load as load_deployment
from bot.process.embedded_valkey import EmbeddedValkey
from bot.process.parent_death import die_with_parent
from contest.account import APP_ID, ENCODING_AES_KEY, TOKEN

BENCH = Path(__file__).parent.parent
KNOWLEDGE_BASE = BENCH.parent / "knowledge_base"
ACCOUNT = "bench"
PEERS = ("werobot-session", "werobot", "bare")
READY = 60  # seconds


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. database: the URL of our database; '' for servers without one."""

    name: str
    port: int
    path: str
    process: psutil.Process
    database: str = ""

    def megabytes(self) -> float:
        return float(self.process.memory_info().rss) / 1e6

    def cpu_seconds(self) -> float:
        spent = self.process.cpu_times()
        return float(spent.user + spent.system)


@contextmanager
def contestants(folder: Path, postgres: str, names: Sequence[str]) -> Iterator[list[Server]]:
    """The chosen servers, running; ours is trained once. `postgres`: URL of a database in which we make a schema."""
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedValkey(folder))
        trained: tuple[str, bytes] | None = None
        servers = []
        for name in names:
            if name in PEERS:
                servers.append(stack.enter_context(_peer(name, folder)))
                continue
            database = stack.enter_context(schema(postgres)) if name == "yingda-postgres" else ""
            ready = written_deployment(folder / name, database, SAFE)
            trained = edition_on(ready, trained)
            servers.append(stack.enter_context(ours(name, ready, redis)))
        yield servers


@contextmanager
def ours(name: str, ready: Deployment, redis: str) -> Iterator[Server]:
    """A worker of a deployment, as `yingda run` starts it."""
    home = ready.config.var.parent
    argv = [sys.executable, "-m", "bot", "worker", "--redis", redis, "--config", str(home / "config.yaml")]
    with _started(argv, home) as (port, process):
        yield Server(name, port, f"/wechat/{ACCOUNT}", process, ready.config.database_url)


@contextmanager
def _peer(name: str, folder: Path) -> Iterator[Server]:
    argv = [sys.executable, "-m", "contest.peers", name, "--folder", str(folder)]
    with _started(argv, BENCH) as (port, process):
        yield Server(name, port, "/wechat", process)


@contextmanager
def _started(argv: Sequence[str], home: Path) -> Iterator[tuple[int, psutil.Process]]:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=2048)) as listener:
        number = listener.fileno()
        command = die_with_parent([*argv, "--fd", str(number)])
        environment = os.environ | {"PYTHONWARNINGS": "ignore"}
        child = subprocess.Popen(command, cwd=home, env=environment, pass_fds=(number,))
        try:
            _wait_until_ready(listener.getsockname(), child)
            yield listener.getsockname()[1], psutil.Process(child.pid)
        finally:
            child.terminate()
            child.wait(20)


def _wait_until_ready(address: tuple[str, int], child: subprocess.Popen[bytes]) -> None:
    """Until it answers anything at all; the socket alone would take connections for a process that has died."""
    with socket.create_connection(address, timeout=1.0) as asking:
        asking.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
        for _ in range(READY):
            try:
                asking.recv(1)
            except TimeoutError:
                if child.poll() is None:
                    continue
                raise RuntimeError("a server did not start") from None
            return
        raise RuntimeError("a server does not answer")


# In safe mode; its platform's API is a closed port.
SAFE = {
    "name": ACCOUNT,
    "channel": "wechat",
    "mode": "safe",
    "app_id": APP_ID,
    "app_secret": "secret",
    "token": TOKEN,
    "encoding_aes_key": ENCODING_AES_KEY,
    "api_url": "http://127.0.0.1:9",
}


def written_deployment(
    home: Path, database: str, account: Mapping[str, object], knowledge_base: Path = KNOWLEDGE_BASE
) -> Deployment:
    """A live deployment with one account. database: its URL, '' for a SQLite file in it."""
    home.mkdir(parents=True, exist_ok=True)
    settings = {
        "mode": "live",
        "secret": "only-for-measuring-on-loopback",
        "database": database,
        "knowledge_base": str(knowledge_base),
        "accounts": [dict(account)],
        "desk": {"minutes_per_case": 10_000},  # nobody works there: a wait that was promised is never corrected
    }
    path = home / "config.yaml"
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return load_deployment(path)


def edition_on(ready: Deployment, trained: tuple[str, bytes] | None) -> tuple[str, bytes]:
    """Train and publish into the deployment's database; or publish what was trained for another one."""
    with open_storage(ready) as storage:
        if trained is None:
            return asyncio.run(storage.editions.load(publish(ready, storage).number))
        asyncio.run(storage.editions.publish(*trained, "bench", 0))
        return trained


@contextmanager
def schema(postgres: str) -> Iterator[str]:
    """The URL of a schema of its own in a database, dropped afterwards."""
    name = f"bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True, connect_timeout=3) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    try:
        yield f"{postgres}?options=-csearch_path%3D{name}"
    finally:
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {name} CASCADE")


def wait_until_idle(server: Server, patience: float = 20.0) -> None:
    """Until it has hardly anything to do: what the last run left behind must not count in the next."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if server.process.cpu_percent(0.3) < 8:
            return
