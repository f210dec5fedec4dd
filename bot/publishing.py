"""Publishing: from the editors' files to the edition that every process answers from.

    read what changed ─> train on what changed (or everything) ─> store the chunks ─> compare-and-set the active edition

Blocking, so it runs in its own process (`yingda train`). After a small change in a large base only the changed entries
are trained; thresholds then stay those of the last full training, which the edition names (`ThresholdOrigin`).
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
from bot.intents.classifier.embedding_cache import EmbeddingCache
from bot.intents.classifier.incremental import BaseChanges
from bot.intents.classifier.serialization import SerializedModel, train_changes, train_full
from bot.intents.classifier.training import Progress, TrainingReport, texts_of_entry
from bot.knowledge.editions import Edition, ExternalModel, ThresholdOrigin
from bot.knowledge.entries import Base, Entry
from bot.knowledge.topic_cache import LoadedBase, Topic, TopicCache, read
from bot.ports.storage import ChunkStore, Editions, VectorStore

LARGE_CONTENT = 1_000_000  # bytes; a larger edition stores its entries in one chunk per topic
MODELS_KEPT = 10  # editions besides the newest that can be activated again; models of older ones are deleted
FEW_TEXTS = 2_000  # examples; a smaller base is always trained as a whole, in seconds
# Entries that may change until the next full training: thresholds measured on another base promise less and less.
_MAY_CHANGE = 0.02  # of all entries
_ALWAYS_MAY = 3  # in a base of any size

Approve: TypeAlias = Callable[[Base, Edition, SerializedModel], None]


@dataclass(frozen=True, slots=True)
class EditionStores:
    """Where editions, their chunks and the vectors of their texts are stored."""

    editions: Editions
    chunks: ChunkStore
    vectors: VectorStore


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """What to publish, and how."""

    folder: Path  # the knowledge base
    skills: Collection[str]  # names that entries may use
    target: float  # precision of answers, 0 to 1
    timezone: str
    by: str  # who publishes: a login or a command
    full: bool = False  # train on everything, however little changed
    # Models that engines other than `semantic` have trained on a base, by engine.
    external_models: Callable[[Base], Mapping[str, ExternalModel]] = lambda _base: MappingProxyType({})
    approve: Approve = lambda *_: None  # raises to keep the edition from being published
    channels: Collection[str] = ()  # for which entries may have wordings of their own


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The published edition."""

    number: int
    entries: int
    changed: int  # entries trained again
    threshold_origin: ThresholdOrigin
    report: TrainingReport | None  # None unless everything was trained
    stages: Mapping[str, float]  # seconds by name
    external_engines: frozenset[str] = frozenset()  # engines besides `semantic` that have a model of it
    previous_origin: ThresholdOrigin | None = None  # the same of the edition before

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())


@dataclass(frozen=True, slots=True)
class _ActiveEdition:
    """The active edition."""

    number: int
    edition: Edition | None = None  # None if this version cannot read it
    model: bytes = b""


@dataclass(frozen=True, slots=True)
class _Trained:
    """An edition that is not published yet, and its model."""

    edition: Edition
    serialized: SerializedModel
    changed: int  # entries trained again
    report: TrainingReport | None = None  # None unless everything was trained


def publish(
    request: PublishRequest, stores: EditionStores, encoder: EmbeddingCache, progress: Progress = lambda *_: None
) -> PublishResult:
    """Train an edition and activate it.

    Raises SettingError, Stale (another edition became active meanwhile), EncoderFailed, Unavailable, and what
    `request.approve` raises.
    """
    watch = _Stopwatch()
    active = _active_edition(stores)
    reading = read(request.folder, request.skills, request.channels, active.edition.topics if active.edition else ())
    watch.lap("read")
    trained = _train_changes(request, active, reading, stores, encoder)
    trained = trained or _train_all(request, reading, encoder, progress)
    watch.lap("learn")
    request.approve(reading.base, trained.edition, trained.serialized)
    watch.lap("ask")
    number = _activate(request, stores, active.number, trained)
    watch.lap("write")
    if trained.report is not None:
        stores.vectors.delete_unused({encoder.name: encoder.used})
        stores.chunks.delete_unused(number - MODELS_KEPT)
    edition = trained.edition
    return PublishResult(
        number,
        len(edition.entries),
        trained.changed,
        edition.threshold_origin,
        trained.report,
        watch.laps,
        frozenset(edition.external_models),
        _previous_origin(active),
    )


class _Stopwatch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._at = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name], self._at = now - self._at, now


def _active_edition(stores: EditionStores) -> _ActiveEdition:
    number = asyncio.run(stores.editions.active())
    if not number:
        return _ActiveEdition(0)
    content, model = asyncio.run(stores.editions.load(number))
    try:
        return _ActiveEdition(number, Edition.from_json(number, content, TopicCache(stores.chunks.fetch)), model)
    except (SettingError, LookupError):  # written by another version
        return _ActiveEdition(number)


def _previous_origin(active: _ActiveEdition) -> ThresholdOrigin | None:
    """The last thresholds' origin, with the edition's number; None if it was not measured."""
    if active.edition is None or not active.edition.threshold_origin.accuracy:
        return None
    origin = active.edition.threshold_origin
    return replace(origin, edition=origin.edition or active.number)


def _small_changes(
    active: _ActiveEdition, reading: LoadedBase, request: PublishRequest, encoder: str
) -> BaseChanges | None:
    """The changes since the last edition; None if everything has to be trained."""
    before, entries = active.edition, reading.base.entries
    outside = tuple(reading.base.out_of_scope)
    if request.full or before is None or before.out_of_scope != outside:  # they move all thresholds
        return None
    was, now = _differing(before, reading)
    origin = before.threshold_origin
    if (origin.target, origin.encoder) != (request.target, encoder) or _stricter(was) != _stricter(now):
        return None
    texts_before = {id_: texts_of_entry(entry) for id_, entry in was.items()}
    changed = frozenset(id_ for id_, entry in now.items() if texts_before.get(id_) != texts_of_entry(entry))
    changes = BaseChanges(tuple(entries), lambda id_: texts_of_entry(entries[id_]), changed, outside)
    moved = len(changed) + len(was.keys() - now.keys())
    if not moved and list(before.entries) == list(entries):
        return changes
    most = max(_ALWAYS_MAY, _MAY_CHANGE * len(entries))
    return None if reading.examples < FEW_TEXTS or origin.changed + moved > most else changes


def _differing(before: Edition, reading: LoadedBase) -> tuple[dict[str, Entry], dict[str, Entry]]:
    """The entries of both, by id, without the topics that are the same in both."""
    shared = {*before.topics} & {*reading.topics}
    if not shared:
        return dict(before.entries), dict(reading.base.entries)
    was, now = (
        {entry.id: entry for topic in topics if topic not in shared for entry in topic.entries}
        for topics in (before.topics, reading.topics)
    )
    return was, now


def _stricter(entries: Mapping[str, Entry]) -> dict[str, float]:
    """The precision of entries that ask for another than the deployment's."""
    return {id_: entry.target_precision for id_, entry in entries.items() if entry.target_precision}


def _train_all(request: PublishRequest, reading: LoadedBase, encoder: EmbeddingCache, progress: Progress) -> _Trained:
    base = reading.base
    trained, written = train_full(base, request.target, progress, encoder)
    report = trained.report
    shares = (round(share, 4) for share in (report.accuracy, report.coverage, report.precision))
    edition = Edition.unpublished(
        base,
        trained.thresholds,
        timezone=request.timezone,
        confusions=trained.confusions,
        external_models=request.external_models(base),
        threshold_origin=ThresholdOrigin(0, 0, request.target, encoder.name, *shares),
        topics=_as_chunks(reading.topics),
    )
    return _Trained(edition, written, len(base.entries), report)


def _train_changes(
    request: PublishRequest, active: _ActiveEdition, reading: LoadedBase, stores: EditionStores, encoder: EmbeddingCache
) -> _Trained | None:
    """Train the changed entries; calibration and thresholds stay those of the last full training. None if too much
    changed for that."""
    before, changes = active.edition, _small_changes(active, reading, request, encoder.name)
    if before is None or changes is None:
        return None
    try:
        written = train_changes(active.model, stores.chunks.fetch, changes, encoder)
    except EncoderFailed:
        raise
    except (EngineFailed, LookupError):  # another version's model, or a deleted one
        return None
    origin = before.threshold_origin
    since = origin.changed + len(changes.changed)
    edition = replace(
        before,
        entries=reading.base.entries,
        phrases=reading.base.phrases,
        timezone=request.timezone,
        confusions=tuple(one for one in before.confusions or () if not {one.meant, one.taken} & changes.changed),
        external_models=request.external_models(reading.base),
        threshold_origin=replace(origin, edition=origin.edition or before.number, changed=since),
        topics=_as_chunks(reading.topics),
    )
    return _Trained(edition, written, len(changes.changed))


def _as_chunks(topics: tuple[Topic, ...]) -> tuple[Topic, ...]:
    return topics if sum(len(topic.written) for topic in topics) > LARGE_CONTENT else ()


def _activate(request: PublishRequest, stores: EditionStores, based_on: int, trained: _Trained) -> int:
    topics = {topic.name: topic.written for topic in trained.edition.topics}
    stores.chunks.store({**topics, **trained.serialized.parts})
    content, names = (
        trained.edition.to_json(),
        dict.fromkeys(topics, False) | dict.fromkeys(trained.serialized.names, True),
    )
    return asyncio.run(stores.editions.publish(content, trained.serialized.model, request.by, based_on, names))
