"""The port keeps answering while workers and Redis are killed again and again, and only what is in doubt is marked."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.availability_probe import AvailabilityProbe
from support.failure_injection import keep_killing, keep_killing_the_whole
from support.load_generator import Crowd, Fault, run_load
from support.promise_audit import PromiseAudit
from support.worker_fleet import SupervisedFleet

from bot.process.sockets import free_port

pytestmark = [pytest.mark.faults, pytest.mark.long]
SELDOM = 3  # replies of 4,000 that were written just before a kill, and not noted yet
LONGEST_GAP = 8.0  # seconds; WeChat gives up on a message after three times five


@pytest.mark.timeout(300)
def test_the_port_answers_while_workers_and_redis_are_killed(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    found = _stormed(tmp_path, shipped_edition, [keep_killing_the_whole(2, every=5.0)], texts=6, seconds=15)
    assert found["messages"] == 96
    assert found["doubted"] == 0


@pytest.mark.soak
def test_the_port_answers_through_five_minutes_of_kills(
    tmp_path: Path, shipped_edition: tuple[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    kills = [keep_killing(50, every=6.0)]
    found = _stormed(tmp_path, shipped_edition, kills, followers=40, texts=100, seconds=300)
    with capsys.disabled():
        print(found)  # noqa: T201 - the figures are what this is for
    assert found["messages"] == 4_000
    assert found["doubted"] <= SELDOM


def _stormed(
    folder: Path,
    edition: tuple[str, bytes],
    kills: list[Fault],
    *,
    followers: int = 16,
    texts: int = 8,
    seconds: float = 25,
) -> dict[str, float]:
    ports = {"tea": free_port(), "counter": free_port()}
    fleet = SupervisedFleet(folder, "", 2, ports)
    fleet.open(edition)
    try:
        crowd = Crowd(followers, texts, random.Random(3), pause=2 * seconds / texts)
        with AvailabilityProbe(fleet.port) as probe:
            observed = run_load(fleet, ports, crowd, kills)
    finally:
        fleet.close()
    audit = PromiseAudit(fleet.database)
    found = audit.check(observed) | {"gap": probe.gap, "doubted": audit.doubted_though_seen(observed)}
    assert probe.gap < LONGEST_GAP, found
    return found
