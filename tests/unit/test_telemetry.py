"""Logs and counters tell what happened, in one line each, and never what a customer wrote (P7)."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from bot.errors import ConfigProblem, SettingError
from bot.telemetry import (
    COUNTERS,
    TIMES,
    Counted,
    Timed,
    count,
    exposition,
    pseudonym,
    set_up_logging,
    timed,
    timed_calls,
)

log = logging.getLogger("bot.journey")


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What is logged, with pytest's own handlers put back afterwards."""
    root, out = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    yield out
    root.handlers[:], root.level = handlers, level


def fail_with_customer_text() -> None:
    """As a database does: its error shows the row."""
    with create_engine("sqlite://").connect() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:said)"), {"said": "my card is 6222 0000"})


def test_a_failure_is_one_line_without_what_the_customer_wrote(said: io.StringIO) -> None:
    set_up_logging(stream=said)
    with pytest.raises(OperationalError, match="6222") as failed:
        fail_with_customer_text()
    log.error("a turn failed", exc_info=failed.value)
    (line,) = said.getvalue().splitlines()
    assert "6222" not in line
    assert re.match(r"\d\d:\d\d:\d\d ERROR   journey: a turn failed \| OperationalError at .+\.py:\d+", line)


def test_our_own_errors_are_logged_with_their_text(said: io.StringIO) -> None:
    set_up_logging(stream=said)
    error = SettingError(ConfigProblem.of("config.yaml", 3, "listen.port", "config.path"))
    log.error("cannot start", exc_info=error)
    assert "config.yaml:3: listen.port: is not a path" in said.getvalue()
    assert len(said.getvalue().splitlines()) == 1


def test_the_json_format_logs_one_object_per_line(said: io.StringIO) -> None:
    set_up_logging("json", stream=said)
    log.warning("the queue is %s\nlong", "很")
    line = json.loads(said.getvalue())
    assert (line["level"], line["in"], line["event"]) == ("warning", "journey", "the queue is 很 long")
    assert said.getvalue().count("\n") == 1


def test_counters_are_exposed_to_prometheus() -> None:
    count("refused", account="tea", code="signature")
    count("discarded")
    with timed("send", account="tea"):
        pass
    page = exposition().decode()
    assert 'yingda_messages_refused_total{account="tea",code="signature"}' in page
    assert 'yingda_send_seconds_count{account="tea"}' in page
    with pytest.raises(KeyError):
        count("misspelt")  # type: ignore[arg-type]


def test_every_counter_in_the_types_exists_and_takes_only_its_own_labels() -> None:
    """mypy refuses other names in the code."""
    assert set(get_args(Counted)) == COUNTERS.keys()
    assert set(get_args(Timed)) == TIMES.keys()
    for name in get_args(Counted):
        with pytest.raises(ValueError, match="label"):
            count(name, colour="red")


@pytest.mark.process
def test_counters_of_all_processes_add_up(tmp_path: Path) -> None:
    program = "from bot.telemetry import *; count('turns', decision='answer'); print(exposition().decode())"
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    pages = [
        subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(3)
    ]

    assert 'yingda_turns_total{decision="answer"} 3.0' in pages[-1]


def test_a_call_that_raises_is_timed() -> None:
    @timed_calls("commit")
    async def fails(words: str) -> None:
        raise ValueError(words)

    before = _value("yingda_commit_seconds_count")
    with pytest.raises(ValueError, match="no"):
        asyncio.run(fails("no"))
    assert _value("yingda_commit_seconds_count") == before + 1


def _value(name: str) -> float:
    (line,) = [line for line in exposition().decode().splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


def test_pseudonyms_depend_on_the_deployments_secret(said: io.StringIO) -> None:
    set_up_logging(secret="5e0dbd1a7a2b4c0f9a3f", stream=said)
    first = pseudonym("oABC123")
    set_up_logging(secret="another secret of another brand", stream=said)
    assert pseudonym("oABC123") != first
    set_up_logging(secret="5e0dbd1a7a2b4c0f9a3f", stream=said)
    assert pseudonym("oABC123") == first


def test_a_pseudonym_stays_the_same_and_hides_the_handle() -> None:
    assert pseudonym("oABC123") == pseudonym("oABC123") != pseudonym("oABC124")
    assert "oABC123" not in pseudonym("oABC123")
    assert re.fullmatch(r"[0-9a-f]{12}", pseudonym("oABC123"))
