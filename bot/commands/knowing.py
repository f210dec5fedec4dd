"""What is known of a base's content beyond its files: the edition that is live if it is of this content, else a fresh
training that is published nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from bot.commands.progress import Show
from bot.commands.readers import patient_encoder
from bot.commands.train import edition_of
from bot.config import Deployment, OwnEncoder
from bot.errors import EncoderFailed, EngineFailed, SettingError, Unavailable
from bot.intents.understanding.recalling import Recalling, Remembered
from bot.intents.understanding.semantic import SemanticEngine
from bot.intents.understanding.training import Trained, train
from bot.knowledge.editions import Edition
from bot.knowledge.entries import Base
from bot.knowledge.topics import Library
from bot.ports import Encoder, Engine
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.migrate import is_migrated
from bot.stores.record.parts import RecordParts
from bot.stores.record.vectors import RecordVectors


@dataclass(frozen=True, slots=True)
class Known:
    """An edition with the engine that has taken it up. source: 'edition 7', or 'a fresh training'."""

    edition: Edition
    engine: Engine
    source: str


def known(ready: Deployment, base: Base, show: Show) -> Known:
    """The live edition, or what training makes of the content. Raises SettingError for a base without entries."""
    return live(ready, base) or _trained(ready, base, show)


def live(ready: Deployment, base: Base) -> Known | None:
    """The live edition if it is of this content, says what it mixed up, and this version of Yingda can read it.

    A record that is not there, or not of this version, has none: looking changes nothing.
    """
    url = ready.config.record_url
    if not _exists(url):
        return None
    database = Database(url)
    try:
        return _read(database, base, ready.config.intents.encoder)
    except (Unavailable, SettingError, EngineFailed, LookupError):
        return None
    finally:
        database.close()


def _read(database: Database, base: Base, encoder: OwnEncoder) -> Known | None:
    found, fetch = asyncio.run(_active(database)), RecordParts(database).fetch
    if found is None:
        return None
    edition = Edition.from_json(found[0], found[1], Library(fetch))
    if not _same(edition, base):
        return None
    engine = SemanticEngine(fetch=fetch, encoder=patient_encoder(encoder))
    engine.take_up(found[0], found[2])
    return Known(edition, engine, f"edition {edition.number}")


def edition_now(ready: Deployment) -> Edition | None:
    """The active edition; None before the first. Raises Unavailable, and SettingError for one of another version."""
    url = ready.config.record_url
    if not _exists(url):
        return None
    database = Database(url)
    try:
        found = asyncio.run(_active(database))
        return Edition.from_json(found[0], found[1], Library(RecordParts(database).fetch)) if found else None
    finally:
        database.close()


def _same(edition: Edition, base: Base) -> bool:
    now = (base.entries, base.phrases, tuple(base.out_of_scope))
    return edition.confusions is not None and (edition.entries, edition.phrases, edition.out_of_scope) == now


def _exists(url: str) -> bool:
    """Opening a SQLite file that is not there would make one."""
    address = make_url(url)
    return address.get_backend_name() != "sqlite" or Path(address.database or "").is_file()


async def _active(database: Database) -> tuple[int, str, bytes] | None:
    editions = RecordEditions(database)
    number = await editions.active() if await database.read(is_migrated) else 0
    return (number, *await editions.load(number)) if number else None


def _trained(ready: Deployment, base: Base, show: Show) -> Known:
    """By the configured encoder; where that fails, by the bundled one."""
    encoder, target = patient_encoder(ready.config.intents.encoder), ready.config.intents.target_precision
    if encoder is None:
        return Known(*_learned(ready, base, train(base, target, show), None), "a fresh training")
    try:
        with _vectors(ready) as beneath:
            trained = train(base, target, show, Recalling(encoder, Remembered(beneath)))
    except (EncoderFailed, Unavailable):
        learned = _learned(ready, base, train(base, target, show), None)
        return Known(*learned, "a fresh training by the bundled encoder")
    return Known(*_learned(ready, base, trained, encoder), "a fresh training")


def _learned(ready: Deployment, base: Base, trained: Trained, encoder: Encoder | None) -> tuple[Edition, Engine]:
    edition = edition_of(ready, base, trained)
    engine = SemanticEngine(encoder=encoder, spare=False)
    engine.take_up(edition.number, trained.model)
    return edition, engine


@contextmanager
def _vectors(ready: Deployment) -> Iterator[RecordVectors | None]:
    """Those that training has kept, if there is a record of this version."""
    url = ready.config.record_url
    if not _exists(url):
        yield None
        return
    database = Database(url)
    try:
        yield RecordVectors(database) if asyncio.run(database.read(is_migrated)) else None
    finally:
        database.close()
