"""P1 to P4 while everything fails that can: nothing lost, doubled, reordered or talked over."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.failure_injection import (
    connections_drop,
    database_fails,
    kill_children,
    kill_redis,
    kill_supervisor,
    kill_worker,
    platform_busy,
    platform_down,
    repeats_at_once,
    slow_platform,
    stop_worker,
    wipe_redis,
)
from support.load_generator import Crowd, Fault, run_load
from support.postgres_cluster import Cluster, cluster
from support.promise_audit import PromiseAudit
from support.worker_fleet import Fleet, SupervisedFleet

from bot.process.sockets import free_port

pytestmark = [pytest.mark.faults, pytest.mark.long]


@pytest.fixture(scope="module")
def private_cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.gettempdir()) / f"yingda-postgres-{uuid.uuid4().hex[:8]}"
    with cluster(folder) as made:
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kept(request: pytest.FixtureRequest) -> Cluster | None:
    """None: on SQLite."""
    return request.getfixturevalue("private_cluster") if request.param == "postgres" else None


@pytest.fixture
def ports() -> dict[str, int]:
    return {"tea": free_port(), "counter": free_port()}


@pytest.fixture
def fleet(
    tmp_path: Path, kept: Cluster | None, ports: dict[str, int], shipped_edition: tuple[str, bytes]
) -> Iterator[Fleet]:
    made = Fleet(tmp_path, kept.url if kept else "", 2, ports)
    made.open(shipped_edition)
    yield made
    made.close()


def test_nothing_is_lost_repeated_reordered_or_sent_after_a_claim_whatever_fails(
    fleet: Fleet, kept: Cluster | None, ports: dict[str, int]
) -> None:
    faults = [
        repeats_at_once,
        kill_worker(0),
        slow_platform,
        kill_redis,
        database_fails(kept),
        connections_drop,
        kill_worker(1),
        platform_busy,
        wipe_redis,
        platform_down,
        stop_worker(0),
        repeats_at_once,
    ]
    crowd = Crowd(followers=18, texts=10, rng=random.Random(7), pause=2.5)
    observed = run_load(fleet, ports, crowd, faults)
    found = PromiseAudit(fleet.database).check(observed)
    assert found["messages"] == 180
    assert found["claims"] > 0
    assert found["repeated"] > 0


def test_nothing_is_lost_when_the_supervisor_is_killed_and_started_again(
    tmp_path: Path, kept: Cluster | None, ports: dict[str, int], shipped_edition: tuple[str, bytes]
) -> None:
    fleet = SupervisedFleet(tmp_path, kept.url if kept else "", 2, ports)
    fleet.open(shipped_edition)
    try:
        crowd = Crowd(followers=12, texts=6, rng=random.Random(11), pause=2.0)
        observed = run_load(fleet, ports, crowd, [repeats_at_once, kill_children, kill_supervisor])
    finally:
        fleet.close()
    found = PromiseAudit(fleet.database).check(observed)
    assert found["messages"] == 72
    assert found["repeated"] > 0


@pytest.mark.soak
def test_the_promises_hold_over_two_thousand_messages_and_random_faults(
    fleet: Fleet, kept: Cluster | None, ports: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("YINGDA_SEED") or random.SystemRandom().randrange(10**6))
    with capsys.disabled():
        sys.stdout.write(f"\nYINGDA_SEED={seed}\n")
    rng = random.Random(seed)
    known: list[Fault] = [
        kill_worker(0),
        kill_worker(1),
        stop_worker(0),
        stop_worker(1),
        kill_redis,
        wipe_redis,
        database_fails(kept),
        repeats_at_once,
        slow_platform,
        platform_down,
        connections_drop,
        platform_busy,
    ]
    faults = [fault for _ in range(5) for fault in rng.sample(known, len(known))]
    observed = run_load(fleet, ports, Crowd(followers=60, texts=55, rng=rng, pause=3.0), faults)
    found = PromiseAudit(fleet.database).check(observed)
    with capsys.disabled():
        sys.stdout.write(f"{found}\n")
    assert found["acknowledged"] >= 2_000
    assert found["claims"] > 0
    assert found["repeated"] > 0
