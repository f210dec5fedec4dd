"""A crowd at the simulated X and one account that answers it, on one simulated clock, with kills."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from bot.process.parent_death import die_with_parent
from bot.simulators.server import serving
from bot.simulators.twitter import Platform, SimulatedApp, application
from contest.fates import Books
from contest.killing import Blow, Killing
from contest.moved import SharedClock

BENCH = Path(__file__).parent.parent
STUCK = 60.0  # real seconds without a rest after which something is wrong
RESTART = 3.0  # seconds of the simulated clock until another process runs
A_MINUTE = 60.0
APP = SimulatedApp(
    user_id="1700000000000000002",
    consumer_key="bench-consumer-key-00000",
    consumer_secret="bench-consumer-secret-of-many-letters-000",
    access_token="1700000000000000002-bench-access-token",
    access_token_secret="bench-access-token-secret-of-many-letters",
    bearer_token="AAAAAAAAAAAAAAAAAAAAAbench%3Dtoken",
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """What people write. mentions: texts by the moment, in seconds, at which they are posted, in order of time;
    messages: private texts that all wait from the beginning."""

    mentions: Sequence[tuple[float, Sequence[str]]]
    messages: Sequence[str]

    def __len__(self) -> int:
        return sum(len(texts) for _, texts in self.mentions) + len(self.messages)


class Process:
    """The responder's process, which may be killed and is then replaced."""

    def __init__(self, config: Path, clock: Path, log: IO[bytes] | int = subprocess.DEVNULL) -> None:
        self._log = log
        self._argv = [sys.executable, "-m", "contest.responder", "--config", str(config), "--clock", str(clock)]
        self._child: subprocess.Popen[bytes] | None = None
        self.kills = 0

    def start(self) -> None:
        path = os.pathsep.join([str(BENCH), str(BENCH.parent), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {"PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
        self._child = subprocess.Popen(die_with_parent(self._argv), env=environment, stderr=self._log)

    def kill(self) -> None:
        self.kills += self._child is not None
        self.end()

    def end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    @property
    def killed(self) -> bool:
        """Whether it was. Raises RuntimeError if it ended by itself."""
        if self._child is not None and self._child.poll() is not None:
            raise RuntimeError("the responder ended by itself")
        return self._child is None


class Draining:
    """Moves the clock to the next possible event, until every message has its outcome."""

    def __init__(self, platform: Platform, clock: SharedClock, process: Process, books: Books, look: float) -> None:
        self._platform, self._clock, self._process, self._books, self._look = platform, clock, process, books, look
        self.mentions: list[int] = []
        self.writers: dict[int, str] = {}
        self.began = 0.0

    async def run(self, crowd: Crowd, longest: float) -> None:
        """Until nothing is left to do. longest: seconds of the simulated clock after which it ends anyway."""
        self._process.start()
        while self._books.looked() < 2:
            await self._rest()
            self._clock.move_to(self._clock.now() + 1)
        self._clock.move_to(self._clock.now() + 1)
        self.began = self._clock.now()
        self._write(crowd.messages)
        coming = [(self.began + after, texts) for after, texts in crowd.mentions]
        while self._clock.now() < self.began + longest:
            while coming and coming[0][0] <= self._clock.now():
                self._post(coming.pop(0)[1])
            await self._rest()
            moment = self._next(coming[0][0] if coming else None, len(crowd))
            if moment is None:
                return
            self._clock.move_to(moment)

    def _write(self, texts: Sequence[str]) -> None:
        for number, text in enumerate(texts):
            someone = self._platform.person(f"writes_{number}")
            self.writers[self._platform.send_direct_message(someone.id, text).id] = someone.id

    def _post(self, texts: Sequence[str]) -> None:
        for text in texts:
            someone = self._platform.person(f"mentions_{len(self.mentions)}")
            self.mentions.append(self._platform.create_post(someone.id, f"@{APP.username} {text}").id)

    async def _rest(self) -> None:
        """Until the process has nothing to do before the clock moves; another one is started if it was killed."""
        async with asyncio.timeout(STUCK):
            while self._clock.rests_until <= self._clock.now():
                if self._process.killed:
                    self._clock.rest(0.0)
                    self._clock.move_to(self._clock.now() + RESTART)
                    self._process.start()
                await asyncio.sleep(0.0005)

    def _next(self, arrival: float | None, expected: int) -> float | None:
        """The next possible event: due work in the database, the end of a limit, a new message, a poll. None if there
        is none."""
        now, undone = self._clock.now(), self._books.undone()
        if arrival is None and not undone.moments and self._books.accepted() >= expected:
            return None
        if any(moment <= now for moment in undone.moments):
            return self._clock.rests_until
        later = [*undone.moments, *undone.limits, self._next_look(), *([] if arrival is None else [arrival])]
        return min((one for one in later if one > now), default=now + self._look)

    def _next_look(self) -> float:
        """By what was asked of X; a look that is not there when it was due is looked for again and again."""
        now = self._clock.now()
        asked = [call.at for call in self._platform.request_log.calls if call.what.startswith("GET")]
        due = max(asked, default=now) + self._look
        return due if due > now else now + 1.0


@asynccontextmanager
async def served(platform: Platform, blows: list[Blow], process: Process, port: int) -> AsyncIterator[None]:
    """The platform, whose requests the process may not survive."""
    simulator = application(platform)
    deadly = replace(simulator, app=Killing(simulator.app, blows, process.kill))
    async with serving(deadly, port=port):
        yield


def arriving(texts: Iterator[str], count: int, each_minute: int) -> list[tuple[float, list[str]]]:
    """`count` texts, so many each minute."""
    sizes = [min(each_minute, count - at) for at in range(0, count, each_minute)]
    return [(minute * A_MINUTE, [next(texts) for _ in range(size)]) for minute, size in enumerate(sizes)]
