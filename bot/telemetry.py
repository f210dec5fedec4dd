"""Logs and metrics: one log line per event, Prometheus counters. Never a customer's words, name or handle."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, ParamSpec, TextIO, TypeAlias, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from bot.errors import YingdaError

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
P = ParamSpec("P")
T = TypeVar("T")

# Types, so that mypy refuses a name that is in neither table.
Counted: TypeAlias = Literal[
    "accepted",
    "repeated",
    "refused",
    "turned_away",
    "turns",
    "discarded",
    "requests_failed",
    "overloaded",
    "taken_up",
    "waits_corrected",
    "purged",
    "polls_failed",
    "fell_back",
    "deliveries",
]
Timed: TypeAlias = Literal["accept", "understand", "commit", "send"]

COUNTERS: Mapping[Counted, Counter] = {
    "accepted": Counter("yingda_messages_accepted", "Messages accepted, by account", ["account"]),
    "repeated": Counter("yingda_messages_repeated", "Repeats of accepted messages, by account", ["account"]),
    "refused": Counter("yingda_messages_refused", "Requests refused, by account and code", ["account", "code"]),
    "turned_away": Counter("yingda_turned_away", "Requests refused at the desk, by kind", ["kind"]),
    "turns": Counter("yingda_turns", "Turns committed, by decision", ["decision"]),
    "discarded": Counter("yingda_turns_discarded", "Turns decided on what had changed meanwhile", []),
    "requests_failed": Counter("yingda_requests_failed", "Requests that failed with an unexpected exception", []),
    "overloaded": Counter("yingda_overloaded", "Messages accepted whose turn was left to the sweeper", []),
    "taken_up": Counter("yingda_taken_up", "Conversations the sweeper took up", []),
    "waits_corrected": Counter("yingda_waits_corrected", "Customers told that their wait is longer than was said", []),
    "purged": Counter("yingda_purged_rows", "Rows deleted because their retention has ended", []),
    "polls_failed": Counter("yingda_polls_failed", "Polls that failed, by account and code", ["account", "code"]),
    "fell_back": Counter("yingda_fell_back", "Texts understood by semantic instead of rasa, by reason", ["why"]),
    "deliveries": Counter("yingda_deliveries", "Outgoing messages and effects, by what became of them", ["state"]),
}
TIMES: Mapping[Timed, Histogram] = {
    "accept": Histogram("yingda_accept_seconds", "Writing one batch of messages", [], buckets=_BUCKETS),
    "understand": Histogram("yingda_understand_seconds", "Understanding one batch", [], buckets=_BUCKETS),
    "commit": Histogram("yingda_commit_seconds", "Writing one batch of turns", [], buckets=_BUCKETS),
    "send": Histogram("yingda_send_seconds", "One send by a platform's API", ["account"], buckets=_BUCKETS),
}


def count(name: Counted, times: int = 1, **labels: str) -> None:
    """Count an event of COUNTERS. Labels are codes and names from the configuration, never a customer's."""
    _counter(name, *labels.items()).inc(times)


@contextmanager
def timed(name: Timed, **labels: str) -> Iterator[None]:
    """Observe in TIMES how long the block takes, also if it raises."""
    began = time.perf_counter()
    try:
        yield
    finally:
        _histogram(name, *labels.items()).observe(time.perf_counter() - began)


def timed_calls(name: Timed) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """Decorator for a coroutine function: `timed` around each call."""

    def decorate(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @functools.wraps(work)
        async def measured(*args: P.args, **kwargs: P.kwargs) -> T:
            with timed(name):
                return await work(*args, **kwargs)

        return measured

    return decorate


@functools.cache
def _counter(name: Counted, *labels: tuple[str, str]) -> Counter:
    """Cached: looking a child up by its labels takes longer than counting."""
    return COUNTERS[name].labels(**dict(labels)) if labels else COUNTERS[name]


@functools.cache
def _histogram(name: Timed, *labels: tuple[str, str]) -> Histogram:
    return TIMES[name].labels(**dict(labels)) if labels else TIMES[name]


def exposition() -> bytes:
    """All metrics in Prometheus' text format, of all processes together if PROMETHEUS_MULTIPROC_DIR is set
    (https://prometheus.github.io/client_python/multiprocess/)."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def counters_in(folder: Path, name: Counted, *labels: str) -> dict[tuple[str, ...], float]:
    """A counter's values by `labels` (all it has), summed over the processes that wrote into `folder`.

    {} if there is no folder.
    """
    if not folder.is_dir():
        return {}
    collector = MultiProcessCollector(CollectorRegistry(), str(folder))  # type: ignore[no-untyped-call]
    wanted = {metric.name for metric in COUNTERS[name].describe()}
    metrics = collector.collect()  # type: ignore[no-untyped-call]
    samples = [sample for metric in metrics if metric.name in wanted for sample in metric.samples]
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in samples}


def process_counters(name: Counted) -> list[tuple[dict[str, str], float]]:
    """A counter's values in this process, with their labels."""
    samples = (sample for metric in COUNTERS[name].collect() for sample in metric.samples)
    return [(dict(sample.labels), sample.value) for sample in samples if sample.name.endswith("_total")]


def pseudonym(text: str) -> str:
    """A keyed hash of a handle or id for the logs: 12 hexadecimal digits, the same in a whole deployment."""
    return hashlib.blake2b(text.encode(), key=_SALT[-1], digest_size=6).hexdigest()


_SALT = [os.urandom(16)]  # until set_up_logging derives it from the deployment's secret


def set_up_logging(
    form: Literal["text", "json"] = "text", secret: str = "", stream: TextIO | None = None, level: int = logging.INFO
) -> None:
    """Write one line per event to `stream` (default: stderr). secret: the deployment's, for pseudonyms."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLine() if form == "json" else PlainLine())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for chatty in ("httpx", "httpcore", "alembic", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if secret:
        _SALT[:] = [hashlib.blake2b(secret.encode(), person=b"pseudonym", digest_size=32).digest()]


class PlainLine(logging.Formatter):
    """`10:04:31 WARNING stores.redis.connection: redis cannot be reached`"""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{at} {record.levelname:<7} {_module(record)}: {_message(record)}"
        trouble = describe(record)
        return f"{line} | {trouble}" if trouble else line


class JsonLine(logging.Formatter):
    """`{"at": 1790000000.0, "level": "warning", "in": "stores.redis.connection", "event": "..."}`"""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "in": _module(record),
            "process": record.process,
            "event": _message(record),
        }
        trouble = describe(record)
        return json.dumps(line | ({"trouble": trouble} if trouble else {}), ensure_ascii=False)


def describe(record: logging.LogRecord) -> str:
    """A record's exception in one line: its type and its last six frames; '' if it has none.

    The exception's text is included only for our own errors. Others quote their input, which a customer may have
    written: a database's error shows the row.
    """
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    trouble = record.exc_info[1]
    words = f" {_one_line(str(trouble))}" if isinstance(trouble, YingdaError) else ""
    frames = traceback.extract_tb(trouble.__traceback__)[-6:]
    places = (f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}" for frame in frames)
    return f"{type(trouble).__name__}{words} at {' > '.join(places)}"


def _module(record: logging.LogRecord) -> str:
    return record.name.removeprefix("bot.")


def _message(record: logging.LogRecord) -> str:
    return _one_line(record.getMessage())


def _one_line(text: str) -> str:
    return " ".join(text.split("\n")).replace("\r", " ")
