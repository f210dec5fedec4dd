"""Where PostgreSQL and Redis are, what to do where they are missing, and a clock that tests move."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import psycopg
import pytest

POSTGRES = os.environ.get("YINGDA_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
REDIS = os.environ.get("YINGDA_TEST_REDIS", "redis://127.0.0.1:6379")


class MovableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, at: float = 1_790_000_000.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += seconds


def missing(service: str, why: object) -> None:
    """A service that CI promises and a laptop may lack."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{service} must be there in CI: {why}")
    pytest.skip(f"{service} is not there: {why}")


def postgres_schema() -> Iterator[str]:
    """The URL of a PostgreSQL schema of its own, dropped afterwards. It waits for no disk: no test cuts the power."""
    schema = f"t_{uuid.uuid4().hex[:12]}"
    try:
        with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
    except psycopg.OperationalError as gone:
        missing("PostgreSQL", gone)
    try:
        yield f"{POSTGRES}?options=-csearch_path%3D{schema}%20-csynchronous_commit%3Doff"
    finally:
        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


def postgres_database(template: str = "ENCODING 'UTF8' TEMPLATE template0") -> Iterator[str]:
    """The URL of a PostgreSQL database of its own, dropped afterwards: for those who may not ask for a schema."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    try:
        with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3) as connection:
            connection.execute(f"CREATE DATABASE {name} {template}".encode())
    except psycopg.OperationalError as gone:
        missing("PostgreSQL", gone)
    try:
        yield POSTGRES.rpartition("/")[0] + f"/{name}"
    finally:
        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
