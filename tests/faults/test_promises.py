"""P1 to P4 while everything fails that can: nothing lost, doubled, reordered or talked over."""

from __future__ import annotations

import random
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster, cluster
from failures import (
    connections_drop,
    database_fails,
    kill_nerve,
    kill_worker,
    platform_busy,
    platform_down,
    repeats_at_once,
    slow_platform,
    stop_worker,
    wipe_nerve,
)
from fleet import Fleet
from ground import free_port
from ledger import Ledger
from storm import Crowd, storm

pytestmark = [pytest.mark.faults]


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


def test_nothing_is_lost_doubled_reordered_or_talked_over_whatever_fails(
    fleet: Fleet, kept: Cluster | None, ports: dict[str, int]
) -> None:
    faults = [
        repeats_at_once,
        kill_worker(0),
        slow_platform,
        kill_nerve,
        database_fails(kept),
        connections_drop,
        kill_worker(1),
        platform_busy,
        wipe_nerve,
        platform_down,
        stop_worker(0),
        repeats_at_once,
    ]
    crowd = Crowd(followers=18, texts=10, rng=random.Random(7))
    harvest = storm(fleet, ports, crowd, faults)
    found = Ledger(fleet.record).check(harvest)
    print(found)
    assert found["messages"] == 180
    assert found["claims"] > 0
    assert found["repeated"] > 5
