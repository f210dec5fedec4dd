"""A running Yingda on this machine: its address, its processes, and the keys of its accounts, read from its config."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from bot.channels.twitter.settings import TwitterSettings
from bot.channels.wechat.settings import WeChatSettings
from bot.config import load
from bot.process.sockets import free_port
from bot.simulators.wechat.state import SimulatedAccount

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]
READY = 240.0  # seconds: it trains its knowledge base first


@dataclass(frozen=True, slots=True)
class Target:
    """port: where its workers listen. process: the supervisor's id. wechat, x, webchat: a path or name of an account
    of each channel with what signs its pushes; None where there is none."""

    port: int
    process: int
    prefix: str
    wechat: tuple[str, SimulatedAccount] | None
    x: tuple[str, str] | None
    webchat: str | None

    def megabytes(self) -> dict[int, float]:
        """Resident memory of every worker, by process id."""
        found = {}
        for child in psutil.Process(self.process).children(recursive=True):
            try:
                if "worker" in child.cmdline():
                    found[child.pid] = child.memory_info().rss / 1e6
            except psutil.NoSuchProcess:
                continue
        return found


def running(config: Path) -> Target:
    """The Yingda that runs with this config.yaml. Raises RuntimeError if none does, SettingError for a wrong file."""
    ready = load(config)
    lock = ready.config.var / "run.lock"
    pid, _, port = lock.read_text(encoding="utf-8").strip().partition(" ") if lock.exists() else ("", "", "")
    if not port or not psutil.pid_exists(int(pid)):
        raise RuntimeError(f"no Yingda runs with {config}; start it first: make run")
    wechat: tuple[str, SimulatedAccount] | None = None
    x: tuple[str, str] | None = None
    webchat: str | None = None
    for index, account in enumerate(ready.config.accounts):
        if account.channel == "wechat" and wechat is None:
            keys: WeChatSettings = ready.account(index, WeChatSettings)
            token, key = keys.token.get_secret_value(), keys.encoding_aes_key.get_secret_value()
            whose = SimulatedAccount(keys.app_id, "", token, key, keys.original_id or "gh_hostile", mode=keys.mode)
            wechat = (f"/wechat/{account.name}", whose)
        elif account.channel == "twitter" and x is None:
            secrets: TwitterSettings = ready.account(index, TwitterSettings)
            x = (f"/twitter/{account.name}", secrets.consumer_secret.get_secret_value())
        elif account.channel == "webchat" and webchat is None:
            webchat = account.name
    prefix = getattr(ready.config.listen, "prefix", "")
    return Target(int(port), int(pid), prefix, wechat, x, webchat)


@contextmanager
def own() -> Iterator[Target]:
    """A Yingda of our own in a temporary folder: the demo as it is shipped, on free ports."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        text = (ROOT / "config.yaml").read_text(encoding="utf-8")
        for port in ("8080", "8081"):
            text = re.sub(rf"\b{port}\b", str(free_port()), text)
        text = text.replace("knowledge_base: knowledge_base", f"knowledge_base: {ROOT / 'knowledge_base'}")
        config.write_text(text, encoding="utf-8")
        with (Path(folder) / "run.log").open("wb") as log:
            command = [sys.executable, "-m", "bot", "run", "--config", str(config)]
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield _ready(config, process)
        finally:
            process.terminate()
            process.wait(30)


def _ready(config: Path, process: subprocess.Popen[bytes]) -> Target:
    until = time.monotonic() + READY
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.5)
        try:
            target = running(config)
            if httpx.get(f"http://{HOST}:{target.port}/readyz", timeout=15, trust_env=False).status_code == 200:
                return target
        except (RuntimeError, httpx.TransportError):
            continue
    raise RuntimeError(f"our own Yingda did not start: {(config.parent / 'run.log').read_text(encoding='utf-8')}")
