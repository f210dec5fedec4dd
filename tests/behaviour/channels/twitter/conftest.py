"""A shop on the simulated X, on SQLite: what also depends on PostgreSQL is tested in tests/contracts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.twitter_shop import XShop, x_shop


@pytest.fixture
def shop(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> Iterator[XShop]:
    with x_shop(tmp_path, f"sqlite:///{tmp_path / 'record.sqlite'}", shipped_edition) as opened:
        yield opened
