"""Throughput and latency of safe-mode WeChat messages through the whole durable pipeline, compared with other servers.

    python bench/journey.py [--json] [--rounds 3] [--messages 4000] [--connections 32] [--only NAME ...]

Ours is one web process as `yingda run` starts it, on SQLite and on PostgreSQL: it accepts a message (receipt, order,
lease), understands it, decides, commits the turn and puts the encrypted reply into the response; afterwards its
database is checked: every message was accepted and answered exactly once. Compared with WeRoBot 1.13.1 on waitress,
with its SQLite session and without, and with a bare ASGI route that only verifies, decrypts, answers and encrypts.

All servers get the same messages on the same number of connections (`--connections`), from one other process, in turn,
round by round, because machines are noisy. `/s` is the median of closed-loop runs, CPU is the server's CPU time for one
message, latency is that of an open loop (random arrivals at half the rate just measured, counted from when a message
was due).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, get_args

import psycopg
from contest import proof
from contest.followers import Crowd, Crowds, Mix, Said
from contest.load import Measured, Task
from contest.load import run as send
from contest.servers import KNOWLEDGE_BASE, PEERS, Server, contestants, wait_until_idle
from rich.console import Console
from rich.table import Table

NAMES = ("yingda-sqlite", "yingda-postgres", *PEERS)
POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"
AIMS = (
    ("SQLite, all texts different: at least 1.5 times WeRoBot with its session", "different", "werobot-session", 1.5),
    ("SQLite, Zipf: at least level with WeRoBot without memory", "zipf", "werobot", 1.0),
)
LONGEST_P99 = 0.035
MOST_MEMORY = 320.0


@dataclass(frozen=True, slots=True)
class Run:
    """One server's result in one round. Seconds; megabytes; replies and outcomes of both loops together."""

    server: str
    mix: str
    per_second: float
    cpu_per_message: float
    half_rate: float
    p50: float
    p99: float
    megabytes: float
    messages: int
    replies: int
    outcomes: dict[str, int] = field(default_factory=dict)


class Bench:
    """Sends crowds at servers from a process of its own."""

    def __init__(self, sender: ProcessPoolExecutor, connections: int) -> None:
        self._sender = sender
        self._connections = connections
        self._ids = count(24_000_000_000_000_000, 1_000_000)

    def run(self, server: Server, full: Crowd, half: Crowd) -> Run:
        """As fast as it goes, then at half that rate. Raises RuntimeError or AssertionError if a message got lost."""
        self._send(server, full.follows)
        spent = server.cpu_seconds()
        closed = self._send(server, full.written)
        spent = server.cpu_seconds() - spent
        self._send(server, half.follows)
        wait_until_idle(server)
        rate = closed.per_second / 2
        opened = self._send(server, half.written, rate)
        latencies = sorted(opened.latencies)
        return Run(
            server.name,
            full.mix,
            closed.per_second,
            spent / len(full.written),
            rate,
            latencies[len(latencies) // 2],
            latencies[int(len(latencies) * 0.99)],
            server.megabytes(),
            len(full.written) + len(half.written),
            closed.replies + opened.replies,
            dict(Counter(_proved(server, full, closed)) + Counter(_proved(server, half, opened))),
        )

    def _send(self, server: Server, said: Sequence[Said], rate: float | None = None) -> Measured:
        task = Task(server.port, server.path, said, next(self._ids), self._connections, rate)
        return self._sender.submit(send, task).result()


def _proved(server: Server, crowd: Crowd, measured: Measured) -> dict[str, int]:
    """The outcome of the crowd's messages, read from our database; servers without one only had to reply."""
    if not server.database:
        assert measured.replies == len(crowd.written), "a message without a reply"
        return {}
    account = proof.read(server.database, crowd)
    assert account.accepted == len(crowd.follows) + len(crowd.written), "a message that was not accepted"
    assert account.replied == len(crowd.follows) + measured.replies, "a reply that is not in the database"
    return account.outcomes | ({"late": account.late} if account.late else {})


def rounds(servers: Sequence[Server], bench: Bench, crowds: Crowds, number: int, messages: int) -> Iterator[Run]:
    for _ in range(number):
        for mix in get_args(Mix):
            full, half = crowds.next(mix, messages), crowds.next(mix, messages // 2)
            for server in servers:
                wait_until_idle(server)
                yield bench.run(server, full, half)


@dataclass(frozen=True, slots=True)
class Line:
    """The medians of one server and mix. `most`: the largest memory seen. silent: share that rightly got no words."""

    server: str
    mix: str
    per_second: float
    slowest: float
    fastest: float
    cpu_per_message: float
    half_rate: float
    p50: float
    p99: float
    megabytes: float
    silent: float
    outcomes: dict[str, int]


def lines(runs: Sequence[Run]) -> list[Line]:
    grouped: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        grouped[run.server, run.mix].append(run)
    return [_line(*key, group) for key, group in grouped.items()]


def _line(server: str, mix: str, group: Sequence[Run]) -> Line:
    rates = [run.per_second for run in group]
    outcomes: dict[str, int] = defaultdict(int)
    for run in group:
        for outcome, times in run.outcomes.items():
            outcomes[outcome] += times
    return Line(
        server,
        mix,
        median(rates),
        min(rates),
        max(rates),
        median(run.cpu_per_message for run in group),
        median(run.half_rate for run in group),
        median(run.p50 for run in group),
        median(run.p99 for run in group),
        max(run.megabytes for run in group),
        1 - sum(run.replies for run in group) / sum(run.messages for run in group),
        dict(outcomes),
    )


def ratio(runs: Sequence[Run], mix: str, other: str) -> float | None:
    """Ours on SQLite against another, round by round; the median."""
    ours = [run.per_second for run in runs if (run.server, run.mix) == ("yingda-sqlite", mix)]
    theirs = [run.per_second for run in runs if (run.server, run.mix) == (other, mix)]
    return median(us / them for us, them in zip(ours, theirs, strict=True)) if ours and theirs else None


def aims(runs: Sequence[Run], told: Sequence[Line]) -> list[tuple[str, float, bool]]:
    """(what, measured, reached)"""
    found = []
    for what, mix, other, least in AIMS:
        times = ratio(runs, mix, other)
        if times is not None:
            found.append((what, times, times >= least))
    for line in told:
        if line.server == "yingda-sqlite":
            found.append((f"{line.mix}: p99 at half load under 35 ms", line.p99 * 1000, line.p99 < LONGEST_P99))
            found.append((f"{line.mix}: our process under 320 MB", line.megabytes, line.megabytes < MOST_MEMORY))
    return found


def show(told: Sequence[Line], reached: Sequence[tuple[str, float, bool]]) -> None:
    table = Table()
    for column in (
        "server",
        "texts",
        "/s",
        "slowest-fastest",
        "CPU ms",
        "half: /s",
        "p50 ms",
        "p99 ms",
        "MB",
        "silent",
    ):
        table.add_column(column, justify="left" if column in ("server", "texts") else "right")
    for line in told:
        table.add_row(
            line.server,
            line.mix,
            f"{line.per_second:,.0f}",
            f"{line.slowest:,.0f}-{line.fastest:,.0f}",
            f"{line.cpu_per_message * 1000:.2f}",
            f"{line.half_rate:,.0f}",
            f"{line.p50 * 1000:.1f}",
            f"{line.p99 * 1000:.1f}",
            f"{line.megabytes:.0f}",
            f"{line.silent:.1%}",
        )
    out = Console(width=120)
    out.print(table)
    for what, measured, good in reached:
        out.print(f"{'✓' if good else '✗'} {what}: {measured:.2f}")


def has_postgres(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.OperationalError as gone:
        Console(stderr=True).print(f"without PostgreSQL: {gone}", markup=False)
        return False
    return True


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="everything measured, for programs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--messages", type=int, default=4_000, help="in a run as fast as it goes; half of it at half load"
    )
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--postgres", default=POSTGRES, help="a database in which a schema is made and dropped")
    parser.add_argument("--folder", type=Path, help="where the databases lie; a temporary folder if left out")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    names = [name for name in chosen.only if name != "yingda-postgres" or has_postgres(chosen.postgres)]
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(dir=chosen.folder) as folder,
        contestants(Path(folder), chosen.postgres, names) as servers,
        ProcessPoolExecutor(1, spawn) as sender,
    ):
        bench, crowds = Bench(sender, chosen.connections), Crowds(KNOWLEDGE_BASE, 20_260_101)
        runs = list(rounds(servers, bench, crowds, chosen.rounds, chosen.messages))
    told = lines(runs)
    reached = aims(runs, told)
    if chosen.json:
        document: dict[str, Any] = {"lines": [asdict(line) for line in told], "runs": [asdict(run) for run in runs]}
        document["aims"] = [{"aim": what, "measured": measured, "reached": good} for what, measured, good in reached]
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        show(told, reached)


if __name__ == "__main__":
    main()
