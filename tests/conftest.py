"""The record on every backend, living by the test's own clock."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from ground import REDIS, MovableClock, missing, postgres_schema
from hypothesis import HealthCheck, settings
from shop import OPEN_MONDAY, ROOT, Shop, deployment_in

from bot.intents.skills import SKILLS
from bot.intents.understanding.training import train
from bot.knowledge.editions import Edition
from bot.knowledge.entries import load
from bot.stores.record.database import Database
from bot.stores.record.tables import metadata

__all__ = ["REDIS", "MovableClock", "missing"]

# How long an example takes says how busy the machine is, and nothing else. The same examples are tried each time, so
# that nobody's first `make test` finds what nobody else saw; the search for new ones belongs to the long tests:
# `pytest -m hypothesis --hypothesis-profile=search`.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("search", settings.get_profile("steady"), derandomize=False, max_examples=500)
settings.load_profile("steady")


ROOMY = 4 * 2**30  # bytes; with what passed thrown away at once, a whole run needs less than half of it
IN_MEMORY = Path("/dev/shm")


def pytest_configure() -> None:
    """Folders of tests lie in memory where it has the room: SQLite waits for the disk at every commit, and thousands of
    commits for nothing. No test pulls a plug."""
    if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ROOMY:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: whoever began one at the end would keep everybody else waiting."""
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
    for made_quiet in ("bot.stores.nerve", "httpx", "httpcore", "alembic", "urllib3"):
        logging.getLogger(made_quiet).setLevel(logging.NOTSET)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def record_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database's URL, once for each kind of record."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'record.sqlite'}"
    else:
        yield from postgres_schema()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def database(record_url: str, clock: MovableClock) -> Iterator[Database]:
    """A record with its tables, on SQLite and on PostgreSQL, that lives by the test's clock."""
    record = Database(record_url, clock.now)
    with record.engine.begin() as connection:
        metadata.create_all(connection)
    yield record
    record.close()


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
    base = load(ROOT / "knowledge_base", SKILLS)
    trained = train(base, 0.95)
    edition = Edition(0, base.entries, base.phrases, trained.thresholds, confusions=trained.confusions)
    content = edition.to_json().encode()
    return len(content).to_bytes(4) + content + trained.model


def _made_of() -> str:
    """A name for everything that goes into the shipped edition."""
    files = [*(ROOT / "knowledge_base").rglob("*.yaml"), *(ROOT / "bot/knowledge").rglob("*.py")]
    files += [ROOT / "bot/folding.py", ROOT / "bot/wording.py"]
    files += [path for path in (ROOT / "bot/intents/understanding").rglob("*") if path.suffix in {".py", ".yaml"}]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(files))).hexdigest()[:24]


@pytest.fixture
def shop(record_url: str, tmp_path: Path, shipped_edition: tuple[str, bytes]) -> Iterator[Shop]:
    """A brand with its accounts open on a Monday noon, on SQLite and on PostgreSQL."""
    clock = MovableClock(OPEN_MONDAY)
    opened = Shop(deployment_in(tmp_path), Database(record_url, clock.now), clock, shipped_edition)
    yield opened
    opened.close()
