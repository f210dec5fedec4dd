"""Hostile load against a running Yingda on this machine, with honest traffic at the same time: its cost and effect.

    python bench/hostile.py [--config config.yaml] [--requests 200000] [--rate 600] [--seconds 600] [--json]

--config names the configuration of a running Yingda; without it one is started in a temporary folder, on free ports.
Forged, tampered, stale, malformed and oversized requests to WeChat's and X's webhooks, web chat, login and desk,
expensive request heads, and connections that send a byte a second. It calls loopback only, is limited in number and
time, and leaves junk in that Yingda's database.

Printed: status codes by kind, latency of honest WeChat messages meanwhile, memory of the workers (with the
standby, once it has loaded) at the start, after a minute and at the end. Aims: no error 500, no forged message
accepted, honest p99 under 200 ms, memory within 10 MB of what it was after the first minute. A missed aim ends with
exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

import uvloop
from attack.requests import Attacks
from attack.targets import Target, own, running
from attack.wire import Wire, trickle
from contest.followers import different, questions
from contest.servers import KNOWLEDGE_BASE
from rich.console import Console
from rich.table import Table

from bot.simulators.wechat.actions import text
from bot.simulators.wechat.envelopes import Envelopes

CONNECTIONS = 32
SLOW = 100
HONEST_RATE = 5.0  # messages a second
FIRST_MINUTE = 60.0
SLOWEST, MOST_GROWTH = 0.200, 10.0  # seconds, MB


@dataclass(frozen=True, slots=True)
class Result:
    """statuses: answers by kind of attack and status (0: closed without an answer, -1: none in time). believed: forged
    requests that were. honest: latencies in seconds, in order. slow_closed: of SLOW connections, those that the server
    closed. megabytes: of all workers together, after so many seconds."""

    seconds: float
    statuses: dict[str, dict[int, int]]
    believed: dict[str, int]
    honest: list[float]
    honest_failed: int
    slow_closed: int
    megabytes: list[tuple[float, float]]
    died: int

    @property
    def errors(self) -> int:
        return sum(times for kinds in self.statuses.values() for status, times in kinds.items() if status == 500)

    @property
    def p50(self) -> float:
        return quantiles(self.honest, n=100)[49] if len(self.honest) > 1 else 0.0

    @property
    def p99(self) -> float:
        return quantiles(self.honest, n=100)[98] if len(self.honest) > 1 else 0.0

    @property
    def growth(self) -> float:
        """MB since the first minute; since the start for a shorter run."""
        base = next((size for at, size in self.megabytes if at >= FIRST_MINUTE), self.megabytes[0][1])
        return self.megabytes[-1][1] - base


@dataclass(slots=True)
class Flood:
    """What came back so far."""

    target: Target
    attacks: Attacks
    left: int
    rate: float
    until: float
    statuses: dict[str, Counter[int]]
    believed: Counter[str]
    due: float = 0.0

    async def connection(self) -> None:
        """One attacker after the other on one connection, each at its moment, until requests or time run out."""
        wire, loop = Wire(self.target.port), asyncio.get_running_loop()
        while self.left > 0 and self.due < self.until:
            self.left -= 1
            self.due = max(self.due, loop.time() - 1) + 1 / self.rate
            await asyncio.sleep(max(0.0, self.due - loop.time()))
            attack = self.attacks.next()
            answer = await wire.ask(attack.request)
            self.statuses[attack.kind][answer.status] += 1
            if attack.forged and answer.status in attack.believed:
                self.believed[attack.kind] += 1
        wire.close()


async def flood(target: Target, requests: int, rate: float, seconds: float, seed: int) -> tuple[Flood, int, float]:
    """Send every hostile request while SLOW slow connections are open; how many of those were closed, and the
    seconds."""
    began = time.monotonic()
    loop = asyncio.get_running_loop()
    now = loop.time()
    load = Flood(target, Attacks(target, seed), requests, rate, now + seconds, defaultdict(Counter), Counter(), now)
    ends = now + min(seconds, requests / rate)
    slow = [asyncio.create_task(trickle(target.port, ends)) for _ in range(SLOW)]
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(load.connection())
    took = time.monotonic() - began
    return load, sum(await asyncio.gather(*slow)), took


def honest(target: Target, seconds: float, seed: int) -> tuple[list[float], int]:
    """Followers who only ask, in a process of its own: latencies in seconds, and how many got no proper answer."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_ask_honestly(target, seconds, seed))


async def _ask_honestly(target: Target, seconds: float, seed: int) -> tuple[list[float], int]:
    assert target.wechat is not None
    path, account = target.wechat
    envelopes, chance = Envelopes(account), random.Random(seed)
    asked = different(questions(KNOWLEDGE_BASE), chance)
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    failed = 0

    async def one(number: int) -> None:
        nonlocal failed
        openid = f"oHonest{seed}x{number}"
        push = envelopes.seal(openid, text(next(asked)), seed * 1_000_000 + number, time.time())
        head = (
            f"POST {target.prefix}{path}?{urlencode(push.query)} HTTP/1.1\r\nhost: 127.0.0.1:{target.port}\r\n"
            f"x-forwarded-for: 101.{number % 250}.{number // 250 % 250}.7\r\n"
            f"content-type: text/xml\r\ncontent-length: {len(push.body)}\r\nconnection: close\r\n\r\n"
        )
        began = loop.time()
        answer = await Wire(target.port).ask(head.encode() + push.body)
        latencies.append(loop.time() - began)
        if answer.status != 200 or envelopes.open(openid, answer.body) is None:
            failed += 1

    ends, number = loop.time() + seconds, 0
    async with asyncio.TaskGroup() as group:
        while loop.time() < ends:
            group.create_task(one(number))
            number += 1
            await asyncio.sleep(chance.expovariate(HONEST_RATE))
    return latencies, failed


async def watch(target: Target, done: asyncio.Event) -> tuple[list[tuple[float, float]], int]:
    """Memory of all workers once a second, that in reserve among them; and how many of them died meanwhile."""
    began, seen, sizes = time.monotonic(), set(target.megabytes()), list[tuple[float, float]]()
    while True:
        each = target.megabytes()
        seen |= each.keys()
        if each:
            sizes.append((time.monotonic() - began, sum(each.values())))
        if done.is_set():
            return sizes, len(seen - each.keys())
        await asyncio.sleep(1)


async def measured(target: Target, requests: int, rate: float, seconds: float, seed: int) -> Result:
    """The whole run. rate: hostile requests a second at the most."""
    lasts = min(seconds, requests / rate)
    done = asyncio.Event()
    watching = asyncio.create_task(watch(target, done))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as aside:
        asking: Future[tuple[list[float], int]] = aside.submit(honest, target, lasts, seed)
        load, slow_closed, took = await flood(target, requests, rate, seconds, seed)
        latencies, failed = await asyncio.wrap_future(asking)
    done.set()
    sizes, died = await watching
    statuses = {kind: dict(sorted(times.items())) for kind, times in sorted(load.statuses.items())}
    return Result(took, statuses, dict(load.believed), latencies, failed, slow_closed, sizes, died)


def aims(result: Result) -> list[tuple[str, bool]]:
    """(what with its figure, reached)"""
    return [
        (f"errors 500: {result.errors}", result.errors == 0),
        (f"forged and believed: {sum(result.believed.values())}", not result.believed),
        (f"honest p99 {result.p99 * 1000:.0f} ms, under {SLOWEST * 1000:.0f}", result.p99 < SLOWEST),
        (f"honest messages without an answer: {result.honest_failed}", result.honest_failed == 0),
        (f"memory {result.growth:+.1f} MB since the first minute, within 10", abs(result.growth) <= MOST_GROWTH),
        (f"slow connections closed: {result.slow_closed} of {SLOW}", result.slow_closed == SLOW),
        (f"workers that died: {result.died}", result.died == 0),
    ]


def show(result: Result) -> None:
    out = Console(width=120, highlight=False)
    table = Table("kind", "status: times")
    for kind, times in result.statuses.items():
        table.add_row(kind, "   ".join(f"{status or 'closed'}: {count:,}" for status, count in times.items()))
    out.print(table)
    sent = sum(count for times in result.statuses.values() for count in times.values())
    out.print(f"{sent:,} hostile requests in {result.seconds:.0f} s, {len(result.honest):,} honest messages meanwhile")
    out.print(f"honest: p50 {result.p50 * 1000:.0f} ms, p99 {result.p99 * 1000:.0f} ms")
    told = ", ".join(f"{size:.0f} MB after {at:.0f} s" for at, size in milestones(result.megabytes))
    out.print(f"memory of the workers, that in reserve among them: {told}")
    for what, reached in aims(result):
        out.print(f"{'✓' if reached else '✗'} {what}")


def milestones(sizes: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At the start, after a minute where it lasted so long, and at the end."""
    return [sizes[0], *[one for one in sizes if one[0] >= FIRST_MINUTE][:1], sizes[-1]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", type=Path, help="of a Yingda that runs; one is started if left out")
    parser.add_argument("--requests", type=int, default=200_000, help="hostile ones, at the most")
    parser.add_argument("--rate", type=float, default=600.0, help="hostile requests a second, at the most")
    parser.add_argument("--seconds", type=float, default=600.0, help="at the most")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--json", action="store_true", help="everything measured, for programs")
    chosen = parser.parse_args()
    with nullcontext(running(chosen.config)) if chosen.config else own() as target:
        if target.wechat is None:
            sys.exit(f"{chosen.config} has no WeChat account, and honest messages go there")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(measured(target, chosen.requests, chosen.rate, chosen.seconds, chosen.seed))
    if chosen.json:
        told = asdict(result) | {"p50": result.p50, "p99": result.p99, "growth": result.growth}
        print(json.dumps(told | {"aims": [{"aim": what, "reached": reached} for what, reached in aims(result)]}))
    else:
        show(result)
    sys.exit(0 if all(reached for _, reached in aims(result)) else 1)


if __name__ == "__main__":
    main()
