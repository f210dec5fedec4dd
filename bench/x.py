"""How long one account takes to answer a crowd on X within X's limits, with its process killed several times.

    python bench/x.py [--json] [--mentions 10000] [--messages 10000] [--kills 5] [--postgres URL] [--seed 20260101]

The simulated X (bot/simulators/twitter) keeps X's documented limits. All direct messages wait there from the
beginning; mentions arrive 600 a minute, because X lists only the newest 800 that wait. Each author writes once.
Ours is one process as `yingda run` assembles its workers, on SQLite or PostgreSQL, with the shipped knowledge base: it
polls every minute, understands, and sends. It is a real process and is killed with -9 at random requests of its own:
before X receives one, after X has carried it out but not answered, or just after the answer; each time a new process
starts.

Both use one simulated clock, which this bench moves to the next event as soon as nothing is left to do
(contest/moved.py), so days pass in minutes; sockets, threads and database transactions are real.

`allowed` is the earliest time at which X's limits allow the last of as many answers, if every request is sent the
moment it is allowed. Every author is answered once, or the answer is in doubt: a message that was being sent during a
kill may have arrived, so it is not sent again automatically; the desk shows it to a person. Failed runs end with exit
code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path

from contest.allowed import Rate, soonest
from contest.draining import APP, Crowd, Draining, Process, arriving, served
from contest.fates import Books, fate
from contest.followers import different, questions
from contest.killing import Blow
from contest.moved import SharedClock
from contest.servers import KNOWLEDGE_BASE, edition_on, schema, written_deployment
from rich.console import Console
from rich.table import Table

from bot.process.sockets import free_port
from bot.simulators.twitter import Platform

EACH_MINUTE = 600
LOOK = 60.0  # seconds between two looks, as they are if nothing else is configured
NOON = 1_790_000_000.0 - 1_790_000_000.0 % 86_400 + 4 * 3_600  # in Shanghai, on a Monday
REPLIES, DIRECTS = Rate(100, 10_000), Rate(15, 1_440)
MENTION_PAGES, MESSAGE_PAGES = Rate(300, each=100), Rate(15, each=100)
MOST = 1.05


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one kind of thing. took: seconds from the first that was written to the last answer; allowed: the
    same at the soonest for as many as were sent."""

    what: str
    written: int
    allowed: float
    took: float
    fates: dict[str, int]
    doubled: int

    @property
    def ratio(self) -> float:
        return self.took / self.allowed if self.allowed else 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """asked: requests by endpoint; refused: those that met a limit (429); statuses: all answers by status. wall: real
    seconds."""

    lines: tuple[Line, ...]
    asked: dict[str, int]
    refused: dict[str, int]
    statuses: dict[int, int]
    kills: int
    wall: float

    @property
    def flaws(self) -> list[str]:
        """What must not be. A run so short that waiting for the next look counts is allowed one look more."""
        found = [f"{line.what}: {line.doubled} answered twice" for line in self.lines if line.doubled]
        for line in self.lines:
            found += [f"{line.what}: {line.fates[bad]} {bad}" for bad in ("lost", "refused") if line.fates.get(bad)]
            if line.took > line.allowed * MOST + LOOK:
                found.append(f"{line.what}: {line.ratio:.3f} times what the limits allow")
        if sum(self.refused.values()) > 1:
            found.append(f"{sum(self.refused.values())} requests spent on 429")
        return found


@dataclass(frozen=True, slots=True)
class Task:
    """What to measure. database: a PostgreSQL URL, '' for SQLite. edition: a trained one; trained here if None."""

    mentions: int
    messages: int
    kills: int
    seed: int
    database: str = ""
    edition: tuple[str, bytes] | None = None


def measure(task: Task, folder: Path) -> Result:
    """One run, whose files lie in `folder`."""
    port = free_port()
    ready = written_deployment(folder / "shop", task.database, _account(port))
    edition_on(ready, task.edition)
    clock = SharedClock.made(folder / "clock", NOON)
    process = Process(folder / "shop" / "config.yaml", folder / "clock")
    with closing(Books(ready.config.database_url)) as books:
        try:
            return asyncio.run(_measured(task, clock, process, books, port))
        finally:
            process.end()


def _account(port: int) -> dict[str, object]:
    return {
        "name": "bench",
        "channel": "twitter",
        "user_id": APP.user_id,
        "consumer_key": APP.consumer_key,
        "consumer_secret": APP.consumer_secret,
        "access_token": APP.access_token,
        "access_token_secret": APP.access_token_secret,
        "api_url": f"http://127.0.0.1:{port}",
        "poll_seconds": {"mentions": LOOK, "messages": LOOK},
    }


async def _measured(task: Task, clock: SharedClock, process: Process, books: Books, port: int) -> Result:
    chance = random.Random(task.seed)
    texts = different(questions(KNOWLEDGE_BASE), chance)
    private = list(itertools.islice(texts, task.messages))
    crowd = Crowd(arriving(texts, task.mentions, EACH_MINUTE), private)
    blows = Blow.several(task.kills, len(crowd), chance)
    began = time.monotonic()
    async with Platform(APP, clock) as platform, served(platform, blows, process, port):
        draining = Draining(platform, clock, process, books, LOOK)
        await draining.run(crowd, 2 * max(_allowed(crowd, task.mentions, task.messages)) + 3_600)
        tally = platform.request_log
        return Result(
            _lines(platform, draining, crowd, books.states()),
            dict(tally.requests),
            {name: times for name, times in tally.refused.items() if times},
            dict(tally.statuses),
            process.kills,
            time.monotonic() - began,
        )


def _allowed(crowd: Crowd, replies: int, directs: int) -> tuple[float, float]:
    """When the last of so many replies and direct messages may be sent at the soonest."""
    seen = soonest([(at, len(texts)) for at, texts in crowd.mentions], MENTION_PAGES)
    read = soonest([(0.0, len(crowd.messages))], MESSAGE_PAGES)
    return _last(soonest(seen, REPLIES), replies), _last(soonest(read, DIRECTS), directs)


def _last(sent: Sequence[tuple[float, int]], count: int) -> float:
    """When the last of the first `count` went out."""
    so_far = itertools.accumulate(many for _, many in sent)
    return next((at for (at, _), all_of_them in zip(sent, so_far, strict=True) if all_of_them >= count), 0.0)


def _lines(platform: Platform, draining: Draining, crowd: Crowd, states: Mapping[str, list[str]]) -> tuple[Line, Line]:
    replies = [(post.reply_to or 0, post.created_at) for post in platform.brand_posts()]
    mentions = {one: f"post:{one}" for one in draining.mentions}
    written = {
        one: [said.created_at for said in platform.conversation_with(customer) if said.sender_id == APP.user_id]
        for one, customer in draining.writers.items()
    }
    messages = {one: f"message:{one}" for one in draining.writers}
    directs = [(one, at) for one, several in written.items() for at in several]
    allowed = _allowed(crowd, len(replies), len(directs))
    return (
        _line("mentions", mentions, replies, states, (draining.began, allowed[0])),
        _line("direct messages", messages, directs, states, (draining.began, allowed[1])),
    )


def _line(
    what: str,
    keys: Mapping[int, str],
    said: Sequence[tuple[int, float]],
    states: Mapping[str, list[str]],
    began_allowed: tuple[float, float],
) -> Line:
    began, allowed = began_allowed
    times = Counter(one for one, _ in said)
    fates = Counter(fate(times[one], states.get(key)) for one, key in keys.items())
    took = max((at for _, at in said), default=began) - began
    return Line(what, len(keys), allowed, took, dict(fates), sum(times[one] > 1 for one in keys))


def show(result: Result) -> None:
    table = Table()
    for column in ("", "written", "allowed h", "took h", "ratio", "fates", "doubled"):
        table.add_column(column, justify="left" if column in ("", "fates") else "right")
    for line in result.lines:
        fates = ", ".join(f"{number:,} {name}" for name, number in sorted(line.fates.items()))
        hours = f"{line.allowed / 3600:.2f}", f"{line.took / 3600:.2f}"
        table.add_row(line.what, f"{line.written:,}", *hours, f"{line.ratio:.4f}", fates, str(line.doubled))
    out = Console(width=120)
    out.print(table)
    for name, times in sorted(result.asked.items()):
        out.print(f"{name}: {times:,} requests, {result.refused.get(name, 0)} met 429", highlight=False)
    out.print(f"answers by status {result.statuses}; {result.kills} kills; {result.wall:.0f} s on the wall")
    for flaw in result.flaws:
        out.print(f"✗ {flaw}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="everything measured, for programs")
    parser.add_argument("--mentions", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--postgres", default="", help="a database in which a schema is made and dropped, not SQLite")
    parser.add_argument("--seed", type=int, default=20_260_101)
    parser.add_argument("--folder", type=Path, help="where the files lie; a temporary folder if left out")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chosen.folder)))
        database = stack.enter_context(schema(chosen.postgres)) if chosen.postgres else ""
        result = measure(Task(chosen.mentions, chosen.messages, chosen.kills, chosen.seed, database), folder)
    if chosen.json:
        document = asdict(result) | {"ratios": {line.what: line.ratio for line in result.lines}, "flaws": result.flaws}
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        show(result)
    sys.exit(1 if result.flaws else 0)


if __name__ == "__main__":
    main()
