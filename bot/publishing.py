"""Publishing: from the files that editors write to the edition that every process answers from.

    read what changed ─> learn what changed (or everything) ─> keep the parts ─> compare-and-set on the active edition

It reads, computes and waits, so it runs in a process of its own (`yingda train`) and never beside answering. Where
little changed in a large base only that is learned; which rehearsal the thresholds come from stands in the edition.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from bot.errors import EncoderFailed, EngineFailed, SettingError
from bot.intents.understanding.increment import Changes
from bot.intents.understanding.training import Progress, Report, ways_to_ask
from bot.intents.understanding.writing import Readers, Written, learned, renewed
from bot.knowledge.editions import Edition, Rehearsal, Schooled
from bot.knowledge.entries import Base, Entry
from bot.knowledge.topics import Library, Reading, Topic, read
from bot.ports import Editions, Parts, VectorStore

LARGE_CONTENT = 1_000_000  # bytes; a larger edition keeps its entries topic by topic
MODELS_KEPT = 10  # editions that one can go back to, beside the newest; the models of older ones are let go
FEW_TEXTS = 2_000  # examples; a smaller base is always learned as a whole: that takes seconds
_MAY_CHANGE = 0.02  # of all entries, until everything is rehearsed anew
_ALWAYS_MAY = 3


Approve: TypeAlias = Callable[[Base, Edition, Written], None]


@dataclass(frozen=True, slots=True)
class Stores:
    """Where editions and what they are made of are kept."""

    editions: Editions
    parts: Parts
    vectors: VectorStore


@dataclass(frozen=True, slots=True)
class Order:
    """What to publish. full: learn and rehearse everything, however little changed. others: what engines beside
    `semantic` have learned of a base. approve: raises to keep what was learned from being published."""

    folder: Path
    skills: Collection[str]
    target: float
    timezone: str
    by: str
    full: bool = False
    others: Callable[[Base], Mapping[str, Schooled]] = lambda _base: MappingProxyType({})
    approve: Approve = lambda *_: None


@dataclass(frozen=True, slots=True)
class Published:
    """What came of it. changed: entries learned anew. report: of a full training. stages: seconds by name. others: the
    engines beside `semantic` that have learned it. before: what the last edition showed in its rehearsal."""

    number: int
    entries: int
    changed: int
    rehearsal: Rehearsal
    report: Report | None
    stages: Mapping[str, float]
    others: frozenset[str] = frozenset()
    before: Rehearsal | None = None

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())


@dataclass(frozen=True, slots=True)
class _Last:
    """The active edition, if it can be built upon."""

    number: int
    edition: Edition | None = None
    model: bytes = b""


@dataclass(frozen=True, slots=True)
class _Made:
    """An edition to be and its model. report: of a full training. changed: how many entries were learned anew."""

    edition: Edition
    written: Written
    changed: int
    report: Report | None = None


def publish(order: Order, stores: Stores, readers: Readers, progress: Progress = lambda *_: None) -> Published:
    """Train and activate. Raises SettingError, Stale, EncoderFailed, Unavailable, and what `order.approve` raises."""
    watch = _Watch()
    last = _last(stores)
    reading = read(order.folder, order.skills, last.edition.topics if last.edition else ())
    watch.lap("read")
    made = _renewed(order, last, reading, stores, readers) or _learned(order, reading, readers, progress)
    watch.lap("learn")
    order.approve(reading.base, made.edition, made.written)
    watch.lap("ask")
    number = _activate(order, stores, last.number, made)
    watch.lap("write")
    if made.report is not None:
        stores.vectors.forget(readers.used)
        stores.parts.let_go(number - MODELS_KEPT)
    edition = made.edition
    others, before = frozenset(edition.others), _rehearsal_of(last)
    return Published(
        number, len(edition.entries), made.changed, edition.rehearsal, made.report, watch.laps, others, before
    )


class _Watch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._at = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name], self._at = now - self._at, now


def _last(stores: Stores) -> _Last:
    number = asyncio.run(stores.editions.active())
    if not number:
        return _Last(0)
    content, model = asyncio.run(stores.editions.load(number))
    try:
        return _Last(number, Edition.from_json(number, content, Library(stores.parts.fetch)), model)
    except (SettingError, LookupError):  # another version's: nothing to build upon
        return _Last(number)


def _rehearsal_of(last: _Last) -> Rehearsal | None:
    """With the number of the edition that was rehearsed; None if nothing is known of it."""
    if last.edition is None or not last.edition.rehearsal.accuracy:
        return None
    rehearsal = last.edition.rehearsal
    return replace(rehearsal, edition=rehearsal.edition or last.number)


def _little(last: _Last, reading: Reading, order: Order, encoder: str) -> Changes | None:
    """What changed, if that is all that has to be learned."""
    before, entries = last.edition, reading.base.entries
    outside = tuple(reading.base.out_of_scope)
    if order.full or before is None or before.out_of_scope != outside:  # that moves all that is rehearsed
        return None
    was, now = _differing(before, reading)
    if (before.rehearsal.target, before.rehearsal.encoder) != (order.target, encoder) or _stricter(was) != _stricter(
        now
    ):
        return None
    learned = {id_: ways_to_ask(entry) for id_, entry in was.items()}
    changed = frozenset(id_ for id_, entry in now.items() if learned.get(id_) != ways_to_ask(entry))
    changes = Changes(tuple(entries), lambda id_: ways_to_ask(entries[id_]), changed, outside)
    moved = len(changed) + len(was.keys() - now.keys())
    if not moved and list(before.entries) == list(entries):
        return changes
    most = max(_ALWAYS_MAY, _MAY_CHANGE * len(entries))
    return None if reading.examples < FEW_TEXTS or before.rehearsal.changed + moved > most else changes


def _differing(before: Edition, reading: Reading) -> tuple[dict[str, Entry], dict[str, Entry]]:
    """The entries of both but for the topics that both have."""
    shared = {*before.topics} & {*reading.topics}
    if not shared:
        return dict(before.entries), dict(reading.base.entries)
    was, now = (
        {entry.id: entry for topic in topics if topic not in shared for entry in topic.entries}
        for topics in (before.topics, reading.topics)
    )
    return was, now


def _stricter(entries: Mapping[str, Entry]) -> dict[str, float]:
    """The entries that promise more than the deployment."""
    return {id_: entry.target_precision for id_, entry in entries.items() if entry.target_precision}


def _learned(order: Order, reading: Reading, readers: Readers, progress: Progress) -> _Made:
    """Everything is learned and rehearsed."""
    base = reading.base
    trained, written = learned(base, order.target, progress, readers)
    edition = Edition(
        0,
        base.entries,
        base.phrases,
        trained.thresholds,
        order.timezone,
        trained.confusions,
        order.others(base),
        _rehearsed(order, readers, trained.report),
        _large(reading.topics),
        tuple(base.out_of_scope),
    )
    return _Made(edition, written, len(base.entries), trained.report)


def _rehearsed(order: Order, readers: Readers, report: Report) -> Rehearsal:
    shares = (round(share, 4) for share in (report.accuracy, report.coverage, report.precision))
    return Rehearsal(0, 0, order.target, readers.name, *shares)


def _renewed(order: Order, last: _Last, reading: Reading, stores: Stores, readers: Readers) -> _Made | None:
    """What changed is learned; how sure to be, and the thresholds, are those of the last rehearsal. None if too much
    changed for that."""
    before, changes = last.edition, _little(last, reading, order, readers.name)
    if before is None or changes is None:
        return None
    try:
        written = renewed(last.model, stores.parts.fetch, changes, readers)
    except EncoderFailed:
        raise
    except (EngineFailed, LookupError):  # another version's model, or one that was let go: nothing to build upon
        return None
    since = before.rehearsal.changed + len(changes.changed)
    edition = replace(
        before,
        entries=reading.base.entries,
        phrases=reading.base.phrases,
        timezone=order.timezone,
        confusions=tuple(one for one in before.confusions or () if not {one.meant, one.taken} & changes.changed),
        others=order.others(reading.base),
        rehearsal=replace(before.rehearsal, edition=before.rehearsal.edition or before.number, changed=since),
        topics=_large(reading.topics),
    )
    return _Made(edition, written, len(changes.changed))


def _large(topics: tuple[Topic, ...]) -> tuple[Topic, ...]:
    return topics if sum(len(topic.written) for topic in topics) > LARGE_CONTENT else ()


def _activate(order: Order, stores: Stores, based_on: int, made: _Made) -> int:
    topics = {topic.name: topic.written for topic in made.edition.topics}
    stores.parts.keep({**topics, **made.written.parts})
    content, names = made.edition.to_json(), dict.fromkeys(topics, False) | dict.fromkeys(made.written.names, True)
    return asyncio.run(stores.editions.publish(content, made.written.model, order.by, based_on, names))
