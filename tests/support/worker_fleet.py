"""A deployment as it runs: real workers on sockets of their own, the embedded Valkey, SQLite or PostgreSQL.

Everything in it can be killed with -9 and started again, one by one, while somebody writes to it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml
from sqlalchemy import text
from support.paths import ROOT

from bot.process.embedded_valkey import EmbeddedValkey
from bot.process.parent_death import die_with_parent
from bot.process.sockets import free_port
from bot.simulators.wechat import SimulatedAccount
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlEditions
from bot.stores.sql.migrate import migrate
from bot.stores.sql.schema import metadata

INTERVAL = 2.0  # stands for WeChat's five seconds
ACTIVE = SimulatedAccount(
    app_id="wx0000tea000000000",
    app_secret="a-secret-of-thirty-two-letters-00",
    token="aTokenForTests",
    encoding_aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    original_id="gh_yingda_tea",
)
PASSIVE = SimulatedAccount(
    app_id="wx0000counter00000",
    app_secret="",
    token="anotherTokenForTests",
    encoding_aes_key="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg",
    original_id="gh_yingda_counter",
    permission=False,
)
ACCOUNTS = {"tea": ACTIVE, "counter": PASSIVE}
TIMINGS = {"lease": 3.0, "offer": 3.0, "sending": 8.0, "sweep": 0.3}


class Worker:
    """One worker process on a socket that outlives it."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        fd = self._listener.fileno()
        argv = [sys.executable, "-m", "bot", "worker", "--fd", str(fd), "--redis", self._fleet.redis.url]
        with self._fleet.log.open("ab") as log:
            env = self._fleet.env
            self._process = subprocess.Popen(die_with_parent(argv), env=env, pass_fds=(fd,), stdout=log, stderr=log)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(15)
            self._process = None

    def close(self) -> None:
        self.kill()
        self._listener.close()


class Fleet:
    """Workers, Valkey and configuration in one folder. Both accounts are WeChat's, in safe mode."""

    def __init__(self, folder: Path, record: str, workers: int, platforms: dict[str, int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = folder / "log.txt"
        self.database = record or f"sqlite:///{folder / 'var' / 'record.sqlite'}"
        self.config = folder / "config.yaml"
        self.port = free_port()
        self.config.write_text(yaml.safe_dump(self._settings(platforms), allow_unicode=True), encoding="utf-8")
        self.env = {**os.environ, "YINGDA_CONFIG": str(self.config), "PYTHONPATH": str(ROOT)}
        self.redis = EmbeddedValkey(folder / "var")
        self.workers = [Worker(self) for _ in range(workers)]

    def _settings(self, platforms: dict[str, int]) -> dict[str, Any]:
        return {
            "mode": "demo",
            "secret": "demo-secret-for-tests",
            "knowledge_base": str(ROOT / "knowledge_base"),
            "database": self.database,
            "listen": {"port": self.port},
            "simulator": {"port": 0},
            "deadline_seconds": 0.8 * INTERVAL,
            "timings": TIMINGS,
            "accounts": [
                {
                    "name": name,
                    "channel": "wechat",
                    "app_id": account.app_id,
                    "app_secret": account.app_secret,
                    "token": account.token,
                    "encoding_aes_key": account.encoding_aes_key,
                    "api": "customer_service" if account.permission else "none",
                    "api_url": f"http://127.0.0.1:{platforms[name]}",
                }
                for name, account in ACCOUNTS.items()
            ],
        }

    def open(self, edition: tuple[str, bytes]) -> None:
        """Prepare the database, then start Valkey and the workers."""
        self.prepare(edition)
        self.redis.ensure()
        for worker in self.workers:
            worker.start()
        self.up()

    def prepare(self, edition: tuple[str, bytes]) -> None:
        """Empty the database and publish the shipped edition in it."""
        (self.folder / "var").mkdir(exist_ok=True)
        database = Database(self.database)
        metadata.drop_all(database.engine)
        with database.engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
        migrate(database.engine)
        asyncio.run(SqlEditions(database).publish(*edition, "tests", 0))
        database.close()

    @property
    def worker_ports(self) -> list[int]:
        """The ports of the workers."""
        return [worker.port for worker in self.workers]

    def up(self) -> None:
        """Wait until every worker answers."""
        for worker in self.workers:
            answering(worker.port)

    def kill_redis(self) -> None:
        """kill -9; its data are gone with it."""
        assert self.redis.pid is not None
        os.kill(self.redis.pid, signal.SIGKILL)

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self.redis.stop()

    def tail(self) -> str:
        """What the processes said last."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-60:])


class SupervisedFleet(Fleet):
    """The same by `yingda run`: a supervisor, its Valkey and its workers, all behind one port."""

    _process: subprocess.Popen[bytes]

    def open(self, edition: tuple[str, bytes]) -> None:
        self.prepare(edition)
        self.start()
        answering(self.port)

    def start(self) -> None:
        argv = [sys.executable, "-m", "bot", "run", "--workers", str(len(self.workers))]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(die_with_parent(argv), env=self.env, stdout=log, stderr=log)

    def kill(self) -> None:
        """kill -9 of the supervisor; whatever it started goes with it."""
        self._process.kill()
        self._process.wait(15)

    @property
    def worker_ports(self) -> list[int]:
        return [self.port]

    def children(self, word: str) -> list[psutil.Process]:
        """The supervisor's processes whose command line has this word."""
        family = psutil.Process(self._process.pid).children(recursive=True)
        return [one for one in family if word in " ".join(one.cmdline())]

    def close(self) -> None:
        self.kill()
        super().close()


def answering(port: int, seconds: float = 90.0) -> None:
    until = time.monotonic() + seconds
    while True:
        with suppress(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/", timeout=seconds, trust_env=False)
            return
        assert time.monotonic() < until, f"no answer on port {port}"
        time.sleep(0.05)
