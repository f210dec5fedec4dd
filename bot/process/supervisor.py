"""The parent process of a deployment: starts Redis, the workers and, in demo mode, the simulator, and restarts them.

    with var/run.lock and the listening socket: migrate ─> Redis ─> children, each restarted when it dies
    a worker dies ─> the standby worker, which has everything loaded, replaces it; a new standby is started
    SIGTERM, Ctrl-C ─> children drain (at most GRACE seconds), Redis ends last ─> exit 0

A child that was ready before it died is restarted at once; one that dies while it starts, after a growing pause.
Children and the embedded Redis end with this process even if it is killed with -9 (bot.process.parent_death).
"""

from __future__ import annotations

import asyncio
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

from bot.errors import ConfigProblem, SettingError
from bot.i18n import message
from bot.process.embedded_valkey import EmbeddedValkey
from bot.process.parent_death import die_with_parent
from bot.process.sockets import listening
from bot.process.standby import STANDBY_FD, StandbyPipe

SIGNAL_REPEAT = 0.5  # seconds within which a second signal is taken for a copy of the first
GRACE = 10.0  # seconds; a worker drains for 8 seconds (web/server.py) and needs a moment more
FIRST_PAUSE = 0.2  # seconds before the first restart of a child that died while starting; doubled each time
LONGEST_PAUSE = 10.0
HEALTHY_AFTER = 30.0  # seconds after which a child without a standby pipe counts as having started well
REDIS_CHECK_INTERVAL = 0.5  # seconds
RESERVE_CHECK_INTERVAL = 0.2  # seconds
CANNOT_START = 78  # EX_CONFIG of sysexits.h: a setting must be corrected, so restarting the child is useless

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """A process to keep alive."""

    name: str  # for the log
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)  # added to our own environment
    reserve: bool = False  # keep a standby process of the same command; it must support bot.process.standby


@dataclass(frozen=True, slots=True)
class ChildEnvironment:
    """What the command lines of the children need."""

    fd: int  # number of the listening socket, the same in every child
    port: int
    redis: str  # URL


async def _no_welcome(_: ChildEnvironment) -> None:
    """Default of SupervisorPlan.welcome."""


@dataclass(frozen=True, slots=True)
class SupervisorPlan:
    """What to run."""

    var: Path  # folder of the deployment's lock, logs and sockets
    host: str
    port: int
    redis: str  # 'embedded' or a URL
    migrate: Callable[[], None]
    children: Callable[[ChildEnvironment], Sequence[ChildProcess]]  # called once
    # Runs while the children start, for instance to print the address once they answer; ends by itself.
    welcome: Callable[[ChildEnvironment], Coroutine[Any, Any, None]] = _no_welcome


def run(plan: SupervisorPlan) -> int:
    """Run until SIGTERM or Ctrl-C and return the exit code. Call from the main thread.

    Raises SettingError if another process holds the folder, or the address or Redis cannot be used.
    """
    plan.var.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(plan.var / "run.lock") as lock, listening(plan.host, plan.port) as listener:
        port = listener.getsockname()[1]
        lock.write_text(f"{os.getpid()} {port}\n")
        plan.migrate()
        valkey = EmbeddedValkey(plan.var) if plan.redis == "embedded" else None
        redis: AbstractContextManager[str] = valkey or nullcontext(plan.redis)
        with redis as url:
            # Prometheus' multiprocess mode: each process counts into this folder (bot.telemetry). Emptied at each
            # start, because the files of earlier processes would be counted as well.
            counters = plan.var / "counters"
            shutil.rmtree(counters, ignore_errors=True)
            counters.mkdir()
            environment = ChildEnvironment(listener.fileno(), port, url)
            children = plan.children(environment)
            return asyncio.run(_Children(listener, valkey, counters).run(children, plan.welcome(environment)))


@contextmanager
def exclusive_lock(path: Path) -> Iterator[Path]:
    """Lock a deployment's folder for this process. The kernel drops the lock with the process, also after kill -9.

    Raises SettingError if another process holds it.
    """
    with path.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise SettingError(_already_running(path)) from taken
        path.write_text(f"{os.getpid()}\n")
        yield path


def lock_holder(path: Path) -> str:
    """The process that holds the folder, like 'pid 12, port 8080'; '' if it is free."""
    try:
        with path.open() as held:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return ""
    except BlockingIOError:
        pid, _, port = path.read_text().strip().partition(" ")
        return f"pid {pid}, port {port}" if port else f"pid {pid}"
    return ""


def _already_running(path: Path) -> ConfigProblem:
    pid, _, port = path.read_text().strip().partition(" ")
    if not pid:  # it holds the lock but has not written its id yet
        return ConfigProblem.of(path, 0, "run", "problem.already_starting")
    return ConfigProblem.of(
        path, 0, "run", "problem.already_running", pid=pid, port=port or message("problem.no_port_yet")
    )


class _RunningChild:
    """One process of a child, and our end of its standby pipe."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, pipe: StandbyPipe) -> None:
        self.process = process
        self.ready = False  # whether it has reported that it can work
        self._name = name
        self._pipe = pipe
        asyncio.get_running_loop().add_reader(pipe, self._read)

    def activate(self) -> None:
        self._pipe.activate()

    def _read(self) -> None:
        if not self._pipe.is_alive():
            self.close()
        elif not self.ready:  # a standby worker reports again when it begins to serve
            self.ready = True
            log.info("%s has everything loaded (pid %s)", self._name, self.process.pid)

    def close(self) -> None:
        """Stop reading the pipe of a process that has ended."""
        if self._pipe.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._pipe)
            self._pipe.close()


class _Children:
    """Keeps the children alive until a signal arrives or a child reports that it cannot start."""

    def __init__(self, listener: socket.socket, valkey: EmbeddedValkey | None, counters: Path) -> None:
        self._listener = listener
        self._valkey = valkey
        self._counters = counters
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()  # second signal: kill without waiting
        self._code = 0
        self._stopped_at = 0.0  # loop time of the first signal
        self._running: dict[str, _RunningChild] = {}
        self._standby: _RunningChild | None = None

    async def run(self, children: Sequence[ChildProcess], welcome: Coroutine[Any, Any, None]) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        workers = [child for child in children if child.reserve]
        async with asyncio.TaskGroup() as tasks:
            for child in children:
                tasks.create_task(self._keep_alive(child))
            if workers:
                tasks.create_task(self._keep_standby(replace(workers[0], name="the worker in reserve"), workers))
            tasks.create_task(_first(welcome, self._stop))
            if self._valkey is not None:
                tasks.create_task(self._keep_redis(self._valkey))
        return self._code

    def _on_signal(self) -> None:
        """The first signal drains the children, the second kills them.

        `make run` and the terminal may deliver one Ctrl-C twice, to the group and handed on by the parent, hence
        SIGNAL_REPEAT.
        """
        now = asyncio.get_running_loop().time()
        if not self._stop.is_set():
            log.info("stopping: requests in progress are finished first")
            self._stopped_at = now
            self._begin_stop()
        elif now - self._stopped_at > SIGNAL_REPEAT:
            self._hurry.set()

    def _begin_stop(self) -> None:
        self._stop.set()
        # Once the workers have closed their copies too, the kernel refuses new connections instead of queueing them.
        self._listener.close()

    async def _keep_alive(self, child: ChildProcess) -> None:
        pause = 0.0
        while not self._stop.is_set():
            code, was_ready = await self._run_once(child)
            if code is None:
                return
            pause = 0.0 if was_ready else max(FIRST_PAUSE, min(pause * 2, LONGEST_PAUSE))
            if code == -signal.SIGKILL:  # sent by the kernel or a person: says nothing about whether it can start
                pause = min(pause, FIRST_PAUSE)
            if code == CANNOT_START:
                log.error("%s cannot start until a setting is corrected (see above); stopping", child.name)
                self._code = CANNOT_START
                self._begin_stop()
                return
            when = f"in {pause:.1f} s" if pause else "at once"
            log.warning("%s ended (%s); starting it again %s", child.name, _exit_reason(code), when)
            await _first(asyncio.sleep(pause), self._stop)

    async def _run_once(self, child: ChildProcess) -> tuple[int | None, bool]:
        """Run a child until it ends: its exit code, None if we stopped it, and whether it was ever ready.

        A child that does not report readiness counts as ready after HEALTHY_AFTER seconds.
        """
        began = asyncio.get_running_loop().time()
        try:
            running = self._from_standby(child) or await self._start(child)
        except OSError as failed:
            log.warning("%s could not be started (%s)", child.name, failed.strerror)
            return 1, False
        self._running[child.name] = running
        running.activate()
        if await _first(running.process.wait(), self._stop):
            running.close()
            lived = asyncio.get_running_loop().time() - began
            return running.process.returncode, running.ready or lived > HEALTHY_AFTER
        await self._finish(child, running.process)
        return None, True

    def _from_standby(self, child: ChildProcess) -> _RunningChild | None:
        """Take the standby process, even if it is still loading: it is ahead of a new one."""
        running = self._standby
        if not child.reserve or running is None or running.process.returncode is not None:
            return None
        self._standby = None
        log.info("%s is up: the one in reserve (pid %s)", child.name, running.process.pid)
        return running

    async def _start(self, child: ChildProcess) -> _RunningChild:
        pipe = StandbyPipe()
        added = {"PROMETHEUS_MULTIPROC_DIR": str(self._counters), STANDBY_FD: str(pipe.child_fd)}
        try:
            process = await asyncio.create_subprocess_exec(
                *die_with_parent(child.argv),
                env={**os.environ, **added, **child.env},
                pass_fds=(self._listener.fileno(), pipe.child_fd),
                stdin=asyncio.subprocess.DEVNULL,
                process_group=0,  # Ctrl-C in the terminal reaches only us, and we stop the children in order
            )
        except OSError:
            pipe.close()
            raise
        pipe.close_child_end()
        log.info("%s is up (pid %s)", child.name, process.pid)
        return _RunningChild(child.name, process, pipe)

    async def _keep_standby(self, child: ChildProcess, workers: Sequence[ChildProcess]) -> None:
        """Keep one standby process, started only while every worker is ready: workers get the CPU first.

        A standby never stops the deployment: a setting that keeps it from starting is reported by a worker too.
        """
        pause = FIRST_PAUSE
        while await _first(asyncio.sleep(RESERVE_CHECK_INTERVAL), self._stop):
            running = self._standby
            if running is None and all(self._is_ready(worker) for worker in workers):
                with suppress(OSError):  # tried again in RESERVE_CHECK_INTERVAL
                    self._standby = await self._start(child)
            elif running is not None and running.process.returncode is not None:
                self._standby, pause = None, FIRST_PAUSE if running.ready else min(pause * 2, LONGEST_PAUSE)
                log.warning("%s ended (%s)", child.name, _exit_reason(running.process.returncode))
                await _first(asyncio.sleep(pause), self._stop)
        if self._standby is not None:
            with suppress(ProcessLookupError):
                self._standby.process.kill()  # it serves no request, so there is nothing to drain
            await self._standby.process.wait()

    def _is_ready(self, worker: ChildProcess) -> bool:
        running = self._running.get(worker.name)
        return running is not None and running.ready and running.process.returncode is None

    async def _finish(self, child: ChildProcess, process: asyncio.subprocess.Process) -> None:
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

    async def _keep_redis(self, valkey: EmbeddedValkey) -> None:
        # Blocks the loop for a few milliseconds: only the main thread may start a process that dies with its parent.
        while await _first(asyncio.sleep(REDIS_CHECK_INTERVAL), self._stop):
            if valkey.ended():
                log.warning("embedded Redis ended; starting it again")
                try:
                    valkey.ensure()
                except (SettingError, OSError) as failed:  # workers poll the database without Redis: keep trying
                    log.warning("%s", failed)


async def _first(work: Coroutine[Any, Any, object], stop: asyncio.Event) -> bool:
    """Wait for `work` or `stop`, whichever comes first, and cancel the other; True if `work` is done."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.done()
    finally:
        for task in (working, stopping):
            task.cancel()


def _exit_reason(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
