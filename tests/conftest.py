"""Fixtures for all tests: databases, a movable clock, the shipped edition, a shop and a running product."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.fast_setup import create_tables
from support.paths import ROOT
from support.running_product import Product, started
from support.services import REDIS, MovableClock, missing, postgres_schema
from support.shop import OPEN_MONDAY, Shop, deployment_in

from bot.app.channels import CHANNELS
from bot.intents.classifier.training import train
from bot.intents.skills import SKILLS
from bot.knowledge.editions import Edition
from bot.knowledge.entries import load
from bot.stores.sql.database import Database

__all__ = ["REDIS", "MovableClock", "missing"]

# How long an example takes says how busy the machine is, and nothing else. The same examples are tried each time, so
# that nobody's first `make test` finds what nobody else saw; the search for new ones belongs to the long tests:
# `pytest -m hypothesis --hypothesis-profile=search`.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("search", settings.get_profile("steady"), derandomize=False, max_examples=500)
settings.load_profile("steady")


# A warning may be about nothing but a slow machine (Redis was late); a process that ended is never that.
TROUBLE = re.compile(r"^.*(?:ERROR|CRITICAL|Traceback|WARNING supervisor).*$", re.MULTILINE)

ROOMY = 4 * 2**30  # bytes; with what passed thrown away at once, a whole run needs less than half of it
IN_MEMORY = Path("/dev/shm")


def pytest_configure() -> None:
    """Put temporary folders in memory if there is space: SQLite waits for the disk at every commit, and no test cuts
    the power."""
    if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ROOMY:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: a worker that begins one at the end would keep the others waiting."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(autouse=True)
def own_configuration() -> Iterator[None]:
    """A command names its configuration to the processes that it starts and sets up logging; the next test has its
    own."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    os.environ.pop("YINGDA_CONFIG", None)
    root.handlers[:] = handlers
    root.setLevel(level)
    for made_quiet in ("bot.stores.redis", "httpx", "httpcore", "alembic", "urllib3"):
        logging.getLogger(made_quiet).setLevel(logging.NOTSET)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'record.sqlite'}"
    else:
        yield from postgres_schema()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def database(database_url: str, clock: MovableClock) -> Iterator[Database]:
    """A database with its tables, on SQLite and on PostgreSQL, whose time is the test's clock."""
    opened = Database(database_url, clock.now)
    with opened.engine.begin() as connection:
        create_tables(connection)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def shipped_edition(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    """The shipped knowledge base as an edition's content and model; trained again only when what it is made of
    changed (a model is the same bytes for the same base, so the cache saves half a minute and nothing else)."""
    assert request.config.cache is not None
    kept = Path(request.config.cache.mkdir("editions")) / _made_of()
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes; one of them trains
        if not kept.exists():
            kept.write_bytes(_trained())
    written = kept.read_bytes()
    end = 4 + int.from_bytes(written[:4])
    return written[4:end].decode(), written[end:]


def _trained() -> bytes:
    base = load(ROOT / "knowledge_base", SKILLS, CHANNELS)
    trained = train(base, 0.95)
    edition = Edition.unpublished(base, trained.thresholds, confusions=trained.confusions)
    content = edition.to_json().encode()
    return len(content).to_bytes(4) + content + trained.model


def _made_of() -> str:
    """A name for everything that goes into the shipped edition."""
    files = [*(ROOT / "knowledge_base").rglob("*.yaml"), *(ROOT / "bot/knowledge").rglob("*.py")]
    files += [ROOT / "bot/text/folding.py", ROOT / "bot/text/__init__.py"]
    files += [path for path in (ROOT / "bot/intents/classifier").rglob("*") if path.suffix in {".py", ".yaml"}]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(files))).hexdigest()[:24]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Iterator[Product]:
    """`yingda run` for the tests of a module. It must log no error, lose no process and end with code 0."""
    with started(tmp_path_factory.mktemp("product"), shipped_edition) as running:
        yield running
        code = running.stop()
        assert TROUBLE.findall(running.told()) == []
        assert code == 0


@pytest.fixture
def shop(database_url: str, tmp_path: Path, shipped_edition: tuple[str, bytes]) -> Iterator[Shop]:
    """A brand with its accounts open on a Monday noon, on SQLite and on PostgreSQL."""
    clock = MovableClock(OPEN_MONDAY)
    opened = Shop(deployment_in(tmp_path), Database(database_url, clock.now), clock, shipped_edition)
    yield opened
    opened.close()
