"""A running product for a story, and what its terminal may say at the end of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from product import Product, started

TROUBLE = re.compile(r"^.*(?:WARNING|ERROR|CRITICAL|Traceback|Error:).*$", re.MULTILINE)


@pytest.fixture
def product(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> Iterator[Product]:
    """`yingda run` until the story ends. It must have nothing to complain of, and end in peace."""
    with started(tmp_path, shipped_edition) as running:
        yield running
        assert running.stop() == 0
        assert TROUBLE.findall(running.told()) == []
