"""Training on a large base: in full, and after one more example while messages arrive.

    python bench/incremental.py [--entries 10000] [--examples 10] [--workers 2] [--rate 3] [--folder KEPT]

A made-up department store's base (`contest/warehouse.py`) is trained by `yingda train`, workers answer from it as
`yingda run` starts them, followers write at a light rate to each of them, and an editor adds one example and trains
again. The time is measured from the command to the first answer with the new example on every worker, each asked ten
times a second. Every message has to be answered: one that is refused, lost or answered wrongly stops the bench. First
the same store with 1,000 entries is trained in full. --folder keeps the large base and its database for the next run.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

from contest.account import APP_ID, ENCODING_AES_KEY, ORIGINAL_ID, TOKEN
from contest.followers import Said
from contest.load import HOST, Measured, Task
from contest.load import run as send
from contest.servers import KNOWLEDGE_BASE, SAFE, Server, ours, written_deployment
from contest.warehouse import Item, items, write
from rich.console import Console

from bot.config import Deployment
from bot.process.embedded_valkey import EmbeddedValkey
from bot.simulators.wechat.actions import text
from bot.simulators.wechat.envelopes import Envelopes
from bot.simulators.wechat.state import SimulatedAccount

COLD = 1_000
NEW = "请帮我把家里的旧货一起拖走处理掉"
BEFORE, PATIENCE, AFTER = 3.0, 120.0, 3.0  # seconds
CONNECTIONS = 2  # of few messages each, so that none is idle for so long that it is closed
BEGAN = int(time.time())
out = Console(width=110, highlight=False)


@dataclass(frozen=True, slots=True)
class Trained:
    """What `yingda train --json` said. seconds: of the whole command, with its start. cpu: seconds of all cores."""

    seconds: float
    cpu: float
    told: dict[str, Any]

    def __str__(self) -> str:
        stages = ", ".join(f"{name} {spent:.2f}" for name, spent in self.told["stages"].items())
        return f"{self.seconds:.1f} s from the command (of that {stages}), {self.cpu:.1f} s of CPU"


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment of the store."""

    home: Path
    items: list[Item]
    ready: Deployment

    def save(self) -> None:
        write(self.home / "knowledge_base", self.items, KNOWLEDGE_BASE / "phrases.yaml")

    def train(self, *options: str) -> Trained:
        command = [sys.executable, "-m", "bot", "train", "--json", "--config", str(self.home / "config.yaml"), *options]
        began, spent = time.monotonic(), _spent()
        told = subprocess.run(command, cwd=self.home, check=True, capture_output=True, text=True).stdout
        return Trained(time.monotonic() - began, _spent() - spent, json.loads(told))

    @property
    def megabytes(self) -> float:
        return sum(file.stat().st_size for file in (self.home / "var").glob("record.sqlite*")) / 1e6


def _spent() -> float:
    """CPU seconds of the processes that we started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def store(home: Path, entries: int, examples: int) -> Place:
    knowledge_base = home / "knowledge_base"
    ready = written_deployment(home, "", SAFE, knowledge_base)
    place = Place(home, list(items(entries, examples)), ready)
    place.save()
    return place


class Prober(threading.Thread):
    """Asks one worker for the new example again and again until it answers with its entry. live_at: when that was."""

    def __init__(self, server: Server, wanted: str, number: int) -> None:
        super().__init__(daemon=True)
        self.live_at = 0.0
        self.asked = 0
        self._server = server
        self._wanted = wanted
        self._first = _numbers(number, 1)
        self._envelopes = Envelopes(SimulatedAccount(APP_ID, "", TOKEN, ENCODING_AES_KEY, ORIGINAL_ID))
        self.over = threading.Event()

    def run(self) -> None:
        connection = HTTPConnection(HOST, self._server.port, timeout=10)
        while not self.live_at and not self.over.is_set():
            if self._wanted in self._answer(connection):
                self.live_at = time.monotonic()
            time.sleep(0.1)

    def _answer(self, connection: HTTPConnection) -> str:
        """Each time another follower asks: one who waits for a person is not answered by the bot."""
        self.asked += 1
        follower, number = f"prober-{self._first}-{self.asked}", self._first + self.asked
        push = self._envelopes.seal(follower, text(NEW), number, time.time())
        connection.request("POST", f"{self._server.path}?{urlencode(push.query)}", push.body)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"a message was answered with {response.status}")
        reply = self._envelopes.open(follower, body)
        return reply.text if reply else ""


def messages(place: Place, count: int) -> Iterator[Said]:
    """Questions in words that the base does not hold, each from another follower."""
    asked = (kept for item in cycle(place.items) for kept in item.kept)
    for number, way in enumerate(islice(asked, count)):
        yield Said(f"follower-{number}", way)


def under_load(place: Place, servers: Sequence[Server], rate: float, senders: ProcessPoolExecutor) -> None:
    """Messages before, while and after one example is added and trained."""
    count = int(rate * (BEFORE + AFTER + 25))
    loads = [senders.submit(send, _task(server, place, count, rate, at)) for at, server in enumerate(servers)]
    time.sleep(BEFORE + 3)
    item = place.items[len(place.items) // 2]
    place.items[len(place.items) // 2] = replace(item, asked_zh=(*item.asked_zh, NEW))
    place.save()
    wanted = f"关于{item.zh}"
    before = [server.megabytes() for server in servers]
    probers = [Prober(server, wanted, at) for at, server in enumerate(servers)]
    began = time.monotonic()
    with ThreadPoolExecutor(1) as side:
        training = side.submit(place.train)
        for prober in probers:
            prober.start()
        for prober in probers:
            prober.join(PATIENCE)
            prober.over.set()
        told(training, probers, began)
    report_load(loads, servers, before)


def told(training: Future[Trained], probers: Sequence[Prober], began: float) -> None:
    trained = training.result()
    out.print(f"one example more: {trained}")
    out.print(f"  retrained: {trained.told['changed']}; calibrated in edition {trained.told['rehearsed_in']}")
    for prober in probers:
        if not prober.live_at:
            raise RuntimeError("a worker never answered with the new example")
    lives = [prober.live_at - began for prober in probers]
    out.print(f"  live on all {len(lives)} workers after [bold]{max(lives):.2f} s[/] from the command (aim: 3)")


def report_load(loads: Sequence[Future[Measured]], servers: Sequence[Server], before: Sequence[float]) -> None:
    """`send` raises for any message that is not answered with 200 and what only Yingda can seal."""
    for load, server, megabytes in zip(loads, servers, before, strict=True):
        done = load.result()
        cuts = quantiles(done.latencies, n=100)
        out.print(
            f"  {server.name}: {len(done.latencies)} messages, 0 lost, {done.replies} answered in the response; "
            f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, longest {max(done.latencies) * 1000:.0f} ms; "
            f"memory {megabytes:.0f} → {server.megabytes():.0f} MB"
        )


def _numbers(worker: int, use: int) -> int:
    """The first message number: a kept database holds messages of earlier runs."""
    return (BEGAN * 100 + worker * 2 + use) * 10**6


def _task(server: Server, place: Place, count: int, rate: float, number: int) -> Task:
    said = [replace(one, openid=f"{BEGAN}-{number}-{one.openid}") for one in messages(place, count)]
    return Task(server.port, server.path, said, _numbers(number, 0), CONNECTIONS, rate)


@contextmanager
def workers(place: Place, count: int) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedValkey(place.ready.config.var))
        yield [stack.enter_context(ours(f"worker {number + 1}", place.ready, redis)) for number in range(count)]


def cold(folder: Path, examples: int) -> None:
    place = store(folder, COLD, examples)
    trained = place.train()
    out.print(f"{COLD} entries of {examples} examples from nothing: [bold]{trained.seconds:.1f} s[/] (aim: 30)")
    out.print(f"  {trained}; held out: {trained.told['accuracy']:.1%} of {trained.told['heldout']} understood")
    again = place.train("--full")
    out.print(f"  once more with --full, vectors recalled: {again.seconds:.1f} s")


def large(folder: Path, options: argparse.Namespace) -> None:
    place = store(folder, options.entries, options.examples)
    trained = place.train()
    out.print(f"{options.entries} entries of {options.examples} examples: {trained}; database {place.megabytes:.0f} MB")
    spawn = get_context("spawn")
    with workers(place, options.workers) as servers, ProcessPoolExecutor(len(servers), spawn) as senders:
        under_load(place, servers, options.rate, senders)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--examples", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=3.0, help="messages per second and worker")
    parser.add_argument("--folder", type=Path, help="where the large base is kept")
    parser.add_argument("--only", choices=("cold", "large"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "large":
            cold(Path(folder) / "cold", options.examples)
        if options.only != "cold":
            large(options.folder or Path(folder) / "large", options)


if __name__ == "__main__":
    main()
