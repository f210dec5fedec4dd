"""The encoders that training reads texts with, and the edition that belongs to a knowledge base.

That edition is the live one if it was trained on this content, else the result of a training that is not published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bot.app.engines import external_models
from bot.app.storage import Storage, readable_storage
from bot.cli.common import Show
from bot.config import Deployment, OwnEncoder
from bot.errors import EncoderFailed, EngineFailed, SettingError, Unavailable
from bot.i18n import Message, message
from bot.intents.classifier.embedding_cache import EmbeddingCache, InMemoryVectors
from bot.intents.classifier.encoder import BundledEncoder, Vectors, shared_encoder
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.training import TrainedModel, train
from bot.knowledge.editions import Edition
from bot.knowledge.entries import Base
from bot.knowledge.topic_cache import TopicCache
from bot.ports.nlu import Encoder, Engine
from bot.ports.storage import VectorStore


class LoadingEncoder:
    """The bundled encoder, loaded in a thread while the knowledge base is being read."""

    name = BundledEncoder.name

    def __init__(self) -> None:
        self._loaded = ThreadPoolExecutor(1).submit(shared_encoder)

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self._loaded.result().encode(texts)


def caching_encoder(settings: OwnEncoder, store: VectorStore) -> EmbeddingCache:
    """The configured encoder, with the vectors of texts that were encoded before read from `store`."""
    own = training_encoder(settings)
    return EmbeddingCache(own, store, settings.batch) if own else EmbeddingCache(LoadingEncoder(), store)


def training_encoder(settings: OwnEncoder) -> Encoder | None:
    """The configured encoder with retries and long timeouts, since no customer waits; None for the bundled one."""
    if settings.kind == "bundled":
        return None
    from bot.encoders import RetryingEncoder, own_encoder  # loads an HTTP client, which the bundled encoder needs not

    return RetryingEncoder(own_encoder(settings))


@dataclass(frozen=True, slots=True)
class LoadedEdition:
    """An edition with an engine that answers from it."""

    edition: Edition
    engine: Engine
    source: Message  # where it comes from: "edition 7" or "a fresh training"


def edition_for(deployment: Deployment, base: Base, show: Show) -> LoadedEdition:
    """The live edition if it is of this content, else a fresh training.

    Raises SettingError for a base without entries.
    """
    return live_edition(deployment, base) or _fresh_edition(deployment, base, show)


def live_edition(deployment: Deployment, base: Base) -> LoadedEdition | None:
    """The live edition, or None if it is of other content or cannot be read here.

    A missing or unmigrated database, another version's edition and an encoder that fails all give None.
    """
    try:
        with readable_storage(deployment) as storage:
            found = asyncio.run(_load_active(storage)) if storage else None
            if storage is None or found is None:
                return None
            number, content, model = found
            edition = Edition.from_json(number, content, TopicCache(storage.chunks.fetch))
            trained_on = (edition.entries, edition.phrases, edition.out_of_scope)
            # editions of older versions do not say which entries they confuse
            if edition.confusions is None or trained_on != (base.entries, base.phrases, tuple(base.out_of_scope)):
                return None
            engine = SemanticEngine(
                fetch=storage.chunks.fetch, encoder=training_encoder(deployment.config.intents.encoder)
            )
            engine.load(number, model)
            return LoadedEdition(edition, engine, message("cli.check.edition", number=number))
    except (Unavailable, SettingError, EngineFailed, LookupError):
        return None


def active_edition(deployment: Deployment) -> Edition | None:
    """The active edition; None before the first. Raises Unavailable, and SettingError for one of another version."""
    with readable_storage(deployment) as storage:
        found = asyncio.run(_load_active(storage)) if storage else None
        if storage is None or found is None:
            return None
        number, content, _ = found
        return Edition.from_json(number, content, TopicCache(storage.chunks.fetch))


async def _load_active(storage: Storage) -> tuple[int, str, bytes] | None:
    """Number, content and model; None before the first edition."""
    number = await storage.editions.active()
    return (number, *await storage.editions.load(number)) if number else None


def _fresh_edition(deployment: Deployment, base: Base, show: Show) -> LoadedEdition:
    """Train with the configured encoder; if that fails, with the bundled one."""
    encoder, target = training_encoder(deployment.config.intents.encoder), deployment.config.intents.target_precision
    source = "cli.check.training"
    if encoder is None:
        trained = train(base, target, show)
    else:
        try:
            with readable_storage(deployment) as storage:
                kept = InMemoryVectors(storage.vectors if storage else None)
                trained = train(base, target, show, EmbeddingCache(encoder, kept))
        except (EncoderFailed, Unavailable):
            encoder, source = None, "cli.check.training_bundled"
            trained = train(base, target, show)
    edition = edition_of(deployment, base, trained)
    engine = SemanticEngine(encoder=encoder)
    engine.load(edition.number, trained.model)
    return LoadedEdition(edition, engine, message(source))


def edition_of(deployment: Deployment, base: Base, trained: TrainedModel) -> Edition:
    """The edition that a training makes of a base, without a number."""
    return Edition.unpublished(
        base,
        trained.thresholds,
        timezone=deployment.config.timezone,
        confusions=trained.confusions,
        external_models=external_models(deployment, base),
    )
