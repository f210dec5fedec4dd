"""A running product for a story, and what its terminal may say at the end of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from browsing import chromium as browser
from playwright.sync_api import Browser
from product import Product, started

TROUBLE = re.compile(r"^.*(?:WARNING|ERROR|CRITICAL|Traceback|Error:).*$", re.MULTILINE)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Iterator[Product]:
    """`yingda run` while a module's stories are told. It must have nothing to complain of, and end in peace."""
    with started(tmp_path_factory.mktemp("product"), shipped_edition) as running:
        yield running
        assert running.stop() == 0
        assert TROUBLE.findall(running.told()) == []


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running
