"""Failures while people write: of processes, Redis, the database and the platform. Each ends by itself."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

import psutil
import redis
from support.load_generator import Fault, Stage
from support.postgres_cluster import Cluster
from support.worker_fleet import SupervisedFleet, answering

from bot.simulators.wechat.state import Faults

IN_RESERVE = "the worker in reserve has everything loaded"


def kill_worker(number: int) -> Fault:
    async def fault(stage: Stage) -> None:
        worker = stage.fleet.workers[number % len(stage.fleet.workers)]
        await asyncio.to_thread(worker.kill)
        await asyncio.sleep(0.3)
        worker.start()

    return fault


def stop_worker(number: int) -> Fault:
    async def fault(stage: Stage) -> None:
        worker = stage.fleet.workers[number % len(stage.fleet.workers)]
        await asyncio.to_thread(worker.end, signal.SIGTERM)
        worker.start()

    return fault


async def kill_supervisor(stage: Stage) -> None:
    fleet = stage.fleet
    assert isinstance(fleet, SupervisedFleet)
    await asyncio.to_thread(fleet.kill)
    await asyncio.sleep(0.5)
    fleet.start()
    await asyncio.to_thread(answering, fleet.port)


async def kill_children(stage: Stage) -> None:
    """One worker and Redis; the supervisor starts them again."""
    fleet = stage.fleet
    assert isinstance(fleet, SupervisedFleet)
    for child in [*fleet.children(" worker ")[:1], *fleet.children("valkey-server")[:1]]:
        child.kill()
    await asyncio.sleep(1.0)


def keep_killing(times: int, every: float) -> Fault:
    """All workers and Redis at once, and every third time the worker in reserve as well; however busy the machine."""

    async def fault(stage: Stage) -> None:
        for turn in range(times):
            await asyncio.sleep(every)
            await asyncio.to_thread(_kill, stage, turn % 3 == 2)

    return fault


def keep_killing_the_whole(times: int, every: float) -> Fault:
    """All workers and Redis at once, whenever one is in reserve, so that a busy machine has time to load it."""

    async def fault(stage: Stage) -> None:
        for turn in range(times):
            await asyncio.sleep(every)
            await asyncio.to_thread(_loaded, stage.fleet.log, turn + 1)
            await asyncio.to_thread(_kill, stage, False)

    return fault


def _loaded(log: Path, times: int) -> None:
    while log.read_text(errors="replace").count(IN_RESERVE) < times:
        time.sleep(0.2)


def _kill(stage: Stage, reserve_too: bool) -> None:
    fleet = stage.fleet
    assert isinstance(fleet, SupervisedFleet)
    for child in _victims(fleet, reserve_too):
        with suppress(psutil.NoSuchProcess):
            child.kill()


def _victims(fleet: SupervisedFleet, reserve_too: bool) -> list[psutil.Process]:
    """The one in reserve was started last."""
    workers = sorted(fleet.children(" worker "), key=psutil.Process.create_time)
    return [*(workers if reserve_too else workers[: len(fleet.workers)]), *fleet.children("valkey-server")]


async def kill_redis(stage: Stage) -> None:
    stage.fleet.kill_redis()
    await asyncio.sleep(1.0)
    stage.fleet.redis.ensure()


async def wipe_redis(stage: Stage) -> None:
    with redis.Redis.from_url(stage.fleet.redis.url) as server:
        server.flushall()


async def repeats_at_once(stage: Stage) -> None:
    for platform in stage.platforms.values():
        platform.set_faults(Faults(duplicate=10))
    await asyncio.sleep(1.0)


async def slow_platform(stage: Stage) -> None:
    for platform in stage.platforms.values():
        platform.set_faults(Faults(slow=0.5))
    await asyncio.sleep(1.5)
    for platform in stage.platforms.values():
        platform.set_faults(Faults())


async def platform_down(stage: Stage) -> None:
    for platform in stage.platforms.values():
        platform.set_faults(Faults(down=True))
    await asyncio.sleep(1.5)
    for platform in stage.platforms.values():
        platform.set_faults(Faults())


async def connections_drop(stage: Stage) -> None:
    for platform in stage.platforms.values():
        platform.set_faults(Faults(drop=3))
    await asyncio.sleep(1.0)


async def platform_busy(stage: Stage) -> None:
    for platform in stage.platforms.values():
        platform.set_faults(Faults(error=-1, error_times=3))
    await asyncio.sleep(1.0)


def database_fails(made: Cluster | None) -> Fault:
    async def fault(stage: Stage) -> None:
        if made is None:
            await asyncio.to_thread(hold_write_lock, stage.fleet.folder / "var" / "record.sqlite", 1.4)
        else:
            await asyncio.to_thread(made.stop)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(made.start)

    return fault


def hold_write_lock(file: Path, seconds: float) -> None:
    """Another program that writes to the SQLite file, and takes its time."""
    other = sqlite3.connect(file, timeout=5, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    time.sleep(seconds)
    other.execute("ROLLBACK")
    other.close()
