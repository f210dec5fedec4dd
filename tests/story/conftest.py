"""A running product for a module's stories, a browser, and what the terminal may say at the end of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from browsing import chromium as browser
from playwright.sync_api import Browser
from product import Product, started

# A warning may be about nothing but a slow machine (the nerve was late); a process that ended is never that.
TROUBLE = re.compile(r"^.*(?:ERROR|CRITICAL|Traceback|WARNING supervisor).*$", re.MULTILINE)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Iterator[Product]:
    """`yingda run` while a module's stories are told. It must have nothing to complain of, and end in peace."""
    with started(tmp_path_factory.mktemp("product"), shipped_edition) as running:
        yield running
        code = running.stop()
        assert TROUBLE.findall(running.told()) == []
        assert code == 0


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Gone with the module: its driver runs a loop in this thread, beside which tests could not run their own."""
    with browser() as running:
        yield running
