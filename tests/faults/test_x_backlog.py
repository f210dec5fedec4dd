"""More is written on X than its limits let us answer at once, and the process that answers is killed on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from x import Task, measure

from bot.channels.twitter.http import THREADS

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


def test_a_backlog_is_answered_as_fast_as_x_allows_and_once_despite_kills(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    result = measure(Task(mentions=300, messages=150, kills=2, seed=20_260_101, edition=shipped_edition), tmp_path)
    assert result.flaws == []
    assert result.kills == 2
    assert result.refused == {}
    for line in result.lines:
        assert line.fates.keys() <= {"answered", "in doubt"}
        assert line.fates["answered"] > line.written // 2
        assert line.doubled == 0
    assert sum(line.fates.get("in doubt", 0) for line in result.lines) <= result.kills * THREADS
