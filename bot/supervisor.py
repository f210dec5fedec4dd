"""One process that starts the others and keeps them alive: the nerve, the workers, in demo mode the simulator.

    with var/run.lock and the socket: migrate ─> nerve ─> children, each started again when it dies
    a worker dies ─> the one in reserve, which has everything loaded, takes its place; another is put in reserve
    SIGTERM, Ctrl-C ─> children drain (at most GRACE seconds), the nerve ends last ─> exit 0

One that could answer is started again at once; one that dies while it starts, after a pause that grows.

Children and the nerve are tethered: they end with this process even if it is killed with -9.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import shutil
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.errors import Mistake, SettingError
from bot.standby import LINE, Line
from bot.stores.embedded import EmbeddedValkey
from bot.tether import tethered

BACKLOG = 2048
SAME_MOMENT = 0.5  # seconds between two signals that are one
GRACE = 10.0  # a worker drains for 8 seconds (web/serve.py) and needs a moment more
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
HEALTHY_AFTER = 30.0
NERVE_LOOK = 0.5
RESERVE_LOOK = 0.2
CANNOT_START = 78  # sysexits.h EX_CONFIG: a child says that a person must mend a setting, trying again is useless

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep alive. `env` is added to our own environment. reserve: whether another of the same command
    waits to take its place, with everything loaded; it must know bot.standby."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    reserve: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What the children stand on: the listening socket's number in every child, the port, the nerve's URL."""

    fd: int
    port: int
    nerve: str


async def _nobody(_: Standing) -> None:
    """Waits for nothing and tells nobody."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. nerve: 'embedded' or a URL. children: told what they stand on, called once before they start.

    welcome: runs beside the children once they start, for instance to say when they answer; ends by itself.
    """

    var: Path
    host: str
    port: int
    nerve: str
    migrate: Callable[[], None]
    children: Callable[[Standing], Sequence[Child]]
    welcome: Callable[[Standing], Coroutine[Any, Any, None]] = _nobody


def run(plan: Plan) -> int:
    """Run until SIGTERM or Ctrl-C; the exit code. Main thread only. Raises SettingError before anything is started."""
    plan.var.mkdir(parents=True, exist_ok=True)
    with only_one(plan.var / "run.lock") as lock, listening(plan.host, plan.port) as door:
        port = door.getsockname()[1]
        lock.write_text(f"{os.getpid()} {port}\n")
        plan.migrate()
        valkey = EmbeddedValkey(plan.var) if plan.nerve == "embedded" else None
        nerve: AbstractContextManager[str] = valkey or nullcontext(plan.nerve)
        with nerve as url:
            counters = _empty_folder(plan.var / "counters")
            standing = Standing(door.fileno(), port, url)
            children = plan.children(standing)
            return asyncio.run(_Household(door, valkey, counters).keep(children, plan.welcome(standing)))


@contextmanager
def only_one(path: Path) -> Iterator[Path]:
    """Hold the folder for this process. The lock goes with the process, also after kill -9. Raises SettingError."""
    with path.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise SettingError(_already(path)) from taken
        path.write_text(f"{os.getpid()}\n")
        yield path


def holder(path: Path) -> str:
    """Who holds the folder now, like 'pid 12, port 8080'; '' if nobody does."""
    try:
        with path.open() as held:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return ""
    except BlockingIOError:
        pid, _, port = path.read_text().strip().partition(" ")
        return f"pid {pid}, port {port}" if port else f"pid {pid}"
    return ""


def _already(path: Path) -> Mistake:
    pid, _, port = path.read_text().strip().partition(" ")
    return Mistake(
        str(path),
        0,
        "run",
        f"Yingda already runs in this folder (pid {pid or 'unknown'}, port {port or 'not open yet'})",
        f"use that one, or stop it first: kill {pid}" if pid else "wait a moment, or stop it first",
    )


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """The socket that all workers share; port 0 takes any free one. Raises SettingError if the address is no good."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # :: takes IPv4 too, whatever the system's own choice is
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            door.bind((host, port))
            door.listen(BACKLOG)
        except OSError as refused:
            raise SettingError(_no_door(host, port, refused)) from refused
        yield door


def _no_door(host: str, port: int, refused: OSError) -> Mistake:
    known = {
        errno.EADDRINUSE: (f"port {port} is taken by another program", "stop it, or set another listen.port"),
        errno.EACCES: (f"this user may not open port {port}", "set listen.port to 1024 or more"),
        errno.EADDRNOTAVAIL: (f"this machine has no address {host}", "set listen.host to 127.0.0.1, 0.0.0.0 or ::"),
    }
    unknown = (f"{host}:{port} cannot be opened ({refused.strerror})", "check listen.host and listen.port")
    wrong, mend = known.get(refused.errno or 0, unknown)
    return Mistake("config.yaml", 0, "listen", wrong, mend)


def _empty_folder(folder: Path) -> Path:
    """Where the processes keep their counters, so that any of them can tell everybody's (bot.telemetry)."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


class _Life:
    """One process of a child, and our end of the line to it. ready: it has said that it can work."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, line: Line) -> None:
        self.process = process
        self._name = name
        self.ready = False
        self._line = line
        asyncio.get_running_loop().add_reader(line, self._listen)

    def call(self) -> None:
        self._line.call()

    def _listen(self) -> None:
        if not self._line.heard():
            self.over()
        elif not self.ready:  # one from the reserve says so again when it serves
            self.ready = True
            log.info("%s has everything loaded (pid %s)", self._name, self.process.pid)

    def over(self) -> None:
        """Nobody is at the other end any more."""
        if self._line.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._line)
            self._line.close()


class _Household:
    """The children while they run. Stopped by a signal, or by a child that says it cannot start."""

    def __init__(self, door: socket.socket, valkey: EmbeddedValkey | None, counters: Path) -> None:
        self._door = door
        self._valkey = valkey
        self._counters = counters
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._code = 0
        self._asked_at = 0.0
        self._lives: dict[str, _Life] = {}
        self._reserve: _Life | None = None

    async def keep(self, children: Sequence[Child], welcome: Coroutine[Any, Any, None]) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        reserved = [child for child in children if child.reserve]
        async with asyncio.TaskGroup() as tasks:
            for child in children:
                tasks.create_task(self._keep_alive(child))
            if reserved:
                tasks.create_task(self._keep_reserve(replace(reserved[0], name="the worker in reserve"), reserved))
            tasks.create_task(_first(welcome, self._stop))
            if self._valkey is not None:
                tasks.create_task(self._keep_nerve(self._valkey))
        return self._code

    def _asked_to_stop(self) -> None:
        """The first signal lets everybody finish, the second one does not; but what comes at the same moment is the
        first once more, sent to a whole group and handed on by one of it (`make run`)."""
        now = asyncio.get_running_loop().time()
        if not self._stop.is_set():
            log.info("stopping: requests in progress are finished first")
            self._asked_at = now
            self._end()
        elif now - self._asked_at > SAME_MOMENT:
            self._hurry.set()

    def _end(self) -> None:
        """From now on a new caller is refused at once, as soon as the workers have closed their end of the door too."""
        self._stop.set()
        self._door.close()

    async def _keep_alive(self, child: Child) -> None:
        pause = 0.0
        while not self._stop.is_set():
            code, could_work = await self._live(child)
            if code is None:
                return
            pause = 0.0 if could_work else max(FIRST_PAUSE, min(pause * 2, LONGEST_PAUSE))
            if code == -signal.SIGKILL:  # by somebody else: that says nothing about whether it can start
                pause = min(pause, FIRST_PAUSE)
            await self._after_death(child, code, pause)

    async def _live(self, child: Child) -> tuple[int | None, bool]:
        """One life of a child: its exit code, or None if we ended it because we stop; and whether it ever could work.
        Whoever has no line to tell it on could if he lived long."""
        began = asyncio.get_running_loop().time()
        try:
            life = self._from_reserve(child) or await self._start(child)
        except OSError as failed:
            log.warning("%s could not be started (%s)", child.name, failed.strerror)
            return 1, False
        self._lives[child.name] = life
        life.call()
        if await _first(life.process.wait(), self._stop):
            life.over()
            return life.process.returncode, life.ready or asyncio.get_running_loop().time() - began > HEALTHY_AFTER
        await self._finish(child, life.process)
        return None, True

    def _from_reserve(self, child: Child) -> _Life | None:
        """The process in reserve takes this child's place; also one that still loads is ahead of a new one."""
        life = self._reserve
        if not child.reserve or life is None or life.process.returncode is not None:
            return None
        self._reserve = None
        log.info("%s is up: the one in reserve (pid %s)", child.name, life.process.pid)
        return life

    async def _start(self, child: Child) -> _Life:
        line = Line()
        counted = {"PROMETHEUS_MULTIPROC_DIR": str(self._counters), LINE: str(line.theirs)}
        try:
            process = await asyncio.create_subprocess_exec(
                *tethered(child.argv),
                env={**os.environ, **counted, **child.env},
                pass_fds=(self._door.fileno(), line.theirs),
                stdin=asyncio.subprocess.DEVNULL,
                process_group=0,  # Ctrl-C in the terminal reaches us alone, and we tell them
            )
        except OSError:
            line.close()
            raise
        line.handed_over()
        log.info("%s is up (pid %s)", child.name, process.pid)
        return _Life(child.name, process, line)

    async def _keep_reserve(self, child: Child, workers: Sequence[Child]) -> None:
        """Put one in reserve whenever there is none; but who is to work starts first, and has the machine to himself.
        It never ends the house: whatever keeps it from starting would be told of a worker as well."""
        pause = FIRST_PAUSE
        while await _first(asyncio.sleep(RESERVE_LOOK), self._stop):
            life = self._reserve
            if life is None and all(self._works(worker) for worker in workers):
                with suppress(OSError):  # the next look tries again
                    self._reserve = await self._start(child)
            elif life is not None and life.process.returncode is not None:
                self._reserve, pause = None, FIRST_PAUSE if life.ready else min(pause * 2, LONGEST_PAUSE)
                log.warning("%s ended (%s)", child.name, _how(life.process.returncode))
                await _first(asyncio.sleep(pause), self._stop)
        if self._reserve is not None:
            with suppress(ProcessLookupError):
                self._reserve.process.kill()  # it does nothing that could be finished
            await self._reserve.process.wait()

    def _works(self, worker: Child) -> bool:
        life = self._lives.get(worker.name)
        return life is not None and life.ready and life.process.returncode is None

    async def _after_death(self, child: Child, code: int, pause: float) -> None:
        if code == CANNOT_START:
            log.error("%s cannot start until a setting is corrected (see above); stopping", child.name)
            self._code = CANNOT_START
            self._end()
            return
        when = f"in {pause:.1f} s" if pause else "at once"
        log.warning("%s ended (%s); starting it again %s", child.name, _how(code), when)
        await _first(asyncio.sleep(pause), self._stop)

    async def _finish(self, child: Child, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                if await _first(process.wait(), self._hurry):
                    return
        if process.returncode is None:
            log.warning("%s did not finish in time; killing it", child.name)
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _keep_nerve(self, valkey: EmbeddedValkey) -> None:
        """Blocking calls of a few milliseconds, on purpose: only the main thread may start a tethered process."""
        while await _first(asyncio.sleep(NERVE_LOOK), self._stop):
            if valkey.ended():
                log.warning("embedded Redis ended; starting it again")
                try:
                    valkey.ensure()
                except (SettingError, OSError) as failed:  # it only saves work: go on without it, and look again
                    log.warning("%s", failed)


async def _first(work: Coroutine[Any, Any, object], stop: asyncio.Event) -> bool:
    """Wait for `work` or for `stop`, whichever is first; True if the work was done."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.done()
    finally:
        for task in (working, stopping):
            task.cancel()


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
