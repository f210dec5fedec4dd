"""What Yingda tells about itself: one log line per event, and counters. Never what a customer wrote or who they are."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TextIO

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from bot.errors import YingdaError

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SALT = os.environ.get("YINGDA_SECRET", "") or os.urandom(8).hex()

COUNTERS = {
    "accepted": Counter("yingda_messages_accepted", "Messages accepted, by account", ["account"]),
    "repeated": Counter("yingda_messages_repeated", "Repeats of accepted messages, by account", ["account"]),
    "refused": Counter("yingda_messages_refused", "Requests refused, by account and code", ["account", "code"]),
    "turns": Counter("yingda_turns", "Turns committed, by decision", ["decision"]),
    "discarded": Counter("yingda_turns_discarded", "Turns decided on what had changed meanwhile", []),
    "overloaded": Counter("yingda_overloaded", "Messages accepted whose turn was left to the sweeper", []),
    "taken_up": Counter("yingda_taken_up", "Conversations the sweeper took up", []),
    "deliveries": Counter("yingda_deliveries", "Outgoing messages and effects, by what became of them", ["state"]),
}
TIMES = {
    "accept": Histogram("yingda_accept_seconds", "From arrival to the durable receipt", [], buckets=_BUCKETS),
    "understand": Histogram("yingda_understand_seconds", "Understanding one batch", [], buckets=_BUCKETS),
    "turn": Histogram("yingda_turn_seconds", "From arrival to the committed turn", [], buckets=_BUCKETS),
    "send": Histogram("yingda_send_seconds", "One send by a platform's API", ["channel"], buckets=_BUCKETS),
}


def count(name: str, **labels: str) -> None:
    """Count one event of COUNTERS. Labels are codes and names from the configuration, never a customer's."""
    counter = COUNTERS[name]
    (counter.labels(**labels) if labels else counter).inc()


def observe(name: str, seconds: float, **labels: str) -> None:
    """Note how long one of TIMES took."""
    histogram = TIMES[name]
    (histogram.labels(**labels) if labels else histogram).observe(seconds)


def exposition() -> bytes:
    """All counters as Prometheus reads them; of all processes together where PROMETHEUS_MULTIPROC_DIR is set."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def pseudonym(text: str) -> str:
    """A short name for a handle or id in logs: the same within a deployment, and nobody can tell whose it is."""
    return hashlib.blake2b(text.encode(), key=_SALT.encode()[:64], digest_size=6).hexdigest()


def set_up_logging(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """One line per event to `stream`: for people, or with YINGDA_LOG=json for machines."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLine() if os.environ.get("YINGDA_LOG") == "json" else PlainLine())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for chatty in ("httpx", "httpcore", "alembic", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class PlainLine(logging.Formatter):
    """`10:04:31 WARNING stores.nerve.line: the nerve is lost`"""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{at} {record.levelname:<7} {_room(record)}: {_words(record)}"
        trouble = describe(record)
        return f"{line} | {trouble}" if trouble else line


class JsonLine(logging.Formatter):
    """`{"at": 1790000000.0, "level": "warning", "in": "stores.nerve.line", "event": "..."}`"""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "in": _room(record),
            "process": record.process,
            "event": _words(record),
        }
        trouble = describe(record)
        return json.dumps(line | ({"trouble": trouble} if trouble else {}), ensure_ascii=False)


def describe(record: logging.LogRecord) -> str:
    """An exception in one line: its type and where it happened.

    Its message is told only if it is one of our own: others quote what they choked on, which a customer may have
    written (a database's error shows the row).
    """
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    trouble = record.exc_info[1]
    words = f" {_one_line(str(trouble))}" if isinstance(trouble, YingdaError) else ""
    frames = traceback.extract_tb(trouble.__traceback__)
    return f"{type(trouble).__name__}{words} at {' > '.join(_place(frame) for frame in frames[-6:])}"


def _place(frame: traceback.FrameSummary) -> str:
    return f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}"


def _room(record: logging.LogRecord) -> str:
    return record.name.removeprefix("bot.")


def _words(record: logging.LogRecord) -> str:
    return _one_line(record.getMessage())


def _one_line(text: str) -> str:
    return " ".join(text.split("\n")).replace("\r", " ")
