"""Serialises a trained model for an edition: as one blob, or in chunks if it is large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.intents.classifier.chunks import LARGE, ChunkAssembler, Fetch, Manifest, split_model
from bot.intents.classifier.embedding_cache import EmbeddingCache
from bot.intents.classifier.incremental import BaseChanges, relearn
from bot.intents.classifier.model import Model
from bot.intents.classifier.training import Progress, TrainedModel, train
from bot.knowledge.entries import Base


@dataclass(frozen=True, slots=True)
class SerializedModel:
    model: bytes  # the whole model, or the manifest of a model in chunks
    names: Sequence[str] = ()  # hashes of all chunks that the model needs
    parts: Mapping[str, bytes] = field(default_factory=dict)  # the new chunks by hash


def train_full(
    base: Base, target: float, progress: Progress, encode: EmbeddingCache
) -> tuple[TrainedModel, SerializedModel]:
    """Train everything with cross-validation. Raises SettingError, EncoderFailed, Unavailable."""
    trained = train(base, target, progress, encode)
    return trained, _serialized(trained.model)


def train_changes(model: bytes, fetch: Fetch, changes: BaseChanges, encode: EmbeddingCache) -> SerializedModel:
    """Retrain only what changed since `model`. Raises EncoderFailed, Unavailable, LookupError for missing chunks."""
    manifest = Manifest.from_bytes(model)
    if manifest is None:
        return _serialized(_retrain_whole(model, changes, encode))
    manifest, parts = relearn(manifest, fetch, changes, encode)
    return SerializedModel(manifest.to_bytes(), manifest.names, parts)


def _retrain_whole(model: bytes, changes: BaseChanges, encode: EmbeddingCache) -> bytes:
    """Retrain a model that is one blob: split it, retrain the changed chunks, and join it."""
    before = Model.from_bytes(model)
    if not changes.changed and before.intents == changes.intents:
        return model
    manifest, parts = split_model(before)
    manifest, fresh = relearn(manifest, lambda names: {name: parts[name] for name in names}, changes, encode)
    parts |= fresh
    return ChunkAssembler(lambda names: {name: parts[name] for name in names}).model(manifest).to_bytes()


def _serialized(model: bytes) -> SerializedModel:
    if len(model) < LARGE:
        return SerializedModel(model)
    manifest, parts = split_model(Model.from_bytes(model))
    return SerializedModel(manifest.to_bytes(), manifest.names, parts)
